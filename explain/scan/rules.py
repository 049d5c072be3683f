"""All detectors of explain/reasons/ and explain/recompiles/, and a version of them made from their text."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from g2.explain.scan.detector import Table, table

_EXPLAIN = Path(__file__).parent.parent


@cache
def detectors() -> Table:
    """The table of all detectors."""
    from g2.explain.catalog import reasons
    from g2.explain.recompile_reason import recompile_reasons

    seen = {slug: reason.seen for slug, reason in reasons().items() if reason.seen}
    for slug, change in recompile_reasons().items():
        if change.seen:
            seen[slug] = (*seen.get(slug, ()), *change.seen)
    return table(seen)


@cache
def version() -> str:
    """Changes whenever the scan or a detector does: facts of another version are not used."""
    digest = hashlib.blake2b(digest_size=12)
    for folder in ("scan", "reasons", "recompiles"):
        for path in sorted((_EXPLAIN / folder).glob("*.py")):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()

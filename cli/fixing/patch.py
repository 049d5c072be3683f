"""The one diff that `g2 fix --diff` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from g2.rewrite.change import Change
from g2.rewrite.diff import unified_bytes


def diff(changes: Sequence[Change], cwd: str) -> tuple[bytes, list[str]]:
    """A diff of the files below `cwd`, fit for `git apply` there; and the paths of others. Raises OSError."""
    out: list[bytes] = []
    outside: list[str] = []
    for change in sorted(changes, key=lambda change: change.path):
        path = Path(change.path)
        if not path.is_relative_to(cwd):
            outside.append(change.path)
            continue
        before = None if change.before is None else path.read_bytes()
        out.append(unified_bytes(path.relative_to(cwd).as_posix(), before, change.after))
    return b"".join(out), outside

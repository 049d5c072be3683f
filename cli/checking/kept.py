"""A check beside its record, so that a report can show it later."""

from __future__ import annotations

import json
from pathlib import Path

from g2.capture.codec import build, plain
from g2.check.model import Check
from g2.cli.files import write_private

FILE = "check.json"
FORMAT = 1


def keep(record: Path, check: Check) -> None:
    """Write it into the record's folder. Raises OSError."""
    write_private(record / FILE, json.dumps({"format": FORMAT, **plain(check)}))


def kept(record: Path | None) -> Check | None:
    """What was kept with a record; None when nothing was, or it cannot be used."""
    if record is None:
        return None
    try:
        data = json.loads((record / FILE).read_text("utf-8"))
        if data.pop("format") != FORMAT:
            return None
        check: Check = build(Check, data)
        return check
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None

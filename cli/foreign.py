"""Records that g2 did not start itself: G2_RECORD=folder torchrun ... train.py leaves journals, nothing more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from g2.capture.model import Session


def is_raw(folder: Path) -> bool:
    """Whether a folder holds journals."""
    return folder.is_dir() and any(folder.glob("journal-*.jsonl"))


def folded(folder: Path) -> Session:
    """The session that the journals in `folder` tell of. Raises OSError when they cannot be read."""
    from g2.capture.fold.session import fold

    journals = sorted(folder.glob("journal-*.jsonl"))
    starts = [event for path in journals for event in _events(path, "start")]
    first = min(starts, key=lambda event: event.get("t", 0.0), default={})
    # Nobody waited for these processes: an uncaught exception is all that is known of how they ended.
    failed = any(True for path in journals for _ in _events(path, "error"))
    started = float(first.get("t", 0.0)) or min(path.stat().st_mtime for path in journals)
    ended = max(path.stat().st_mtime for path in journals)
    session = fold(
        folder,
        argv=tuple(str(word) for word in first.get("argv", ())),
        exit_code=int(failed),
        started=started,
    )
    return replace(session, seconds=round(max(ended - started, 0.0), 3))


def _events(path: Path, kind: str) -> Iterator[dict[str, Any]]:
    """The events of one kind in a journal."""
    begin = b'{"e":"%s"' % kind.encode()
    with path.open("rb") as lines:
        for line in lines:
            if line.startswith(begin):
                try:
                    event = json.loads(line)
                except ValueError:  # cut off by a crash
                    continue
                if isinstance(event, dict):
                    yield event

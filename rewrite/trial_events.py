"""Parent side: what the forks of a trial found, from the record folder. Needs no torch."""

from __future__ import annotations

from pathlib import Path

from g2.capture.fold.journals import Event, events_of

_KINDS = ("trial", "side", "proof_note")


def read(record: Path) -> tuple[Event, ...]:
    """The trial, side and proof_note events of all journals in the folder, in order. Raises OSError."""
    paths = [*sorted(record.glob("journal-*.jsonl")), *sorted(record.glob("trial-*.jsonl"))]
    return tuple(event for path in paths for event in events_of(path) if event["e"] in _KINDS)

"""Parent side: what the forks of a trial found, from the record folder. Needs no torch."""

from __future__ import annotations

from pathlib import Path

from g2.capture.fold.journals import Event, events_of

_KINDS = ("trial", "side", "proof_note", "apart")
_UNFINISHED = "A comparison was begun and did not come to its end."


def read(record: Path) -> tuple[Event, ...]:
    """The events of _KINDS of all journals in the folder, in order. Raises OSError.

    A trial of a root also has "reached": path and first line of each function that was compared at the same call. A
    fork that was lost is a proof_note.
    """
    found: list[Event] = []
    forks: set[str] = set()
    for path in sorted(record.glob("journal-*.jsonl")):
        events = list(events_of(path))
        named = [event["journal"] for event in events if event["e"] == "fork"]
        forks |= {name for name in named if name.startswith("trial-")}
        found += [event for event in events if event["e"] in _KINDS]
    for path in sorted({*record.glob("trial-*.jsonl"), *(record / name for name in forks)}):
        events = list(events_of(path)) if path.exists() else []
        reached = [[event["path"], event["line"]] for event in events if event["e"] == "trial" and event["path"]]
        found += [{**event, "reached": reached} for event in events if event["e"] in _KINDS]
        if path.name in forks and not any(event["e"] == "end" for event in events):
            found.append({"e": "proof_note", "what": _UNFINISHED, "path": None, "line": None})
    return tuple(found)

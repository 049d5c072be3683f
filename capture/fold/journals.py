"""Reading journals: every whole line of every file, whatever happened to the process that wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Log:
    """The events of one process, in order. `hidden` for the fork that looked behind breaks."""

    name: str
    hidden: bool
    events: tuple[Event, ...]

    def of(self, *kinds: str) -> Iterator[Event]:
        return (e for e in self.events if e["e"] in kinds)

    def last(self, kind: str) -> Event | None:
        return next((e for e in reversed(self.events) if e["e"] == kind), None)


def read(folder: Path) -> tuple[Log, ...]:
    """All logs in a record folder, by name. A line that was cut off by a crash is left out."""
    paths = sorted([*folder.glob("journal-*.jsonl"), *folder.glob("hidden-*.jsonl")])
    return tuple(Log(p.stem, p.stem.startswith("hidden-"), tuple(_events(p))) for p in paths)


def _events(path: Path) -> Iterator[Event]:
    adopted_at = 0
    events: list[Event] = []
    with path.open("rb") as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if not isinstance(event, dict) or "e" not in event:
                continue
            events.append(event)
            if event["e"] == "adopt_end":
                adopted_at = len(events)
    # What was captured before the script compiled something itself was not the script's choice.
    keep = ("start", "error", "lost")
    yield from (e for e in events[:adopted_at] if e["e"] in keep)
    yield from events[adopted_at:]

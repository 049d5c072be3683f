"""Reading journals: every whole line of every file, whatever happened to the process that wrote it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Event = dict[str, Any]
_KEPT = ("start", "error", "lost")  # of what came before adopt_end


@dataclass(frozen=True, slots=True)
class Log:
    """The events of one process, in order. `hidden` for the fork that looked behind breaks."""

    name: str
    hidden: bool
    events: tuple[Event, ...]
    _kinds: dict[str, list[Event]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kinds: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            kinds[event["e"]].append(event)
        object.__setattr__(self, "_kinds", dict(kinds))

    @property
    def pid(self) -> str:
        """The process that was observed; for a fork, the one it was forked from."""
        return self.name.split("-")[1]

    def of(self, *kinds: str) -> Iterator[Event]:
        if len(kinds) == 1:
            return iter(self._kinds.get(kinds[0], ()))
        return (e for e in self.events if e["e"] in kinds)

    def last(self, kind: str) -> Event | None:
        found = self._kinds.get(kind)
        return found[-1] if found else None


def read(folder: Path) -> tuple[Log, ...]:
    """All logs in a record folder, by name. A line that was cut off by a crash is left out.

    What was captured before the script compiled something itself (event adopt_end) was not the script's choice, and is
    left out too, with the forks that looked behind it.
    """
    dropped: set[str] = set()
    out: list[Log] = []
    for path in sorted(folder.glob("journal-*.jsonl")):
        out.append(Log(path.stem, False, tuple(_chosen(path, dropped))))
    for path in sorted(folder.glob("hidden-*.jsonl")):
        if path.name not in dropped:
            out.append(Log(path.stem, True, tuple(events_of(path))))
    return tuple(out)


def _chosen(path: Path, dropped: set[str]) -> list[Event]:
    """The events of a journal that count; one "stats" event, the last, holds what all of them said together."""
    kept: list[Event] = []
    counts: Event | None = None
    for event in events_of(path):
        if event["e"] == "stats":
            counts = _added(counts or {"e": "stats", "roots": {}, "graphs": {}, "gaps": {}, "eager": {}}, event)
        elif event["e"] == "adopt_end":
            dropped.update(e["journal"] for e in kept if e["e"] == "fork")
            kept = [e for e in kept if e["e"] in _KEPT]
            counts = None
        else:
            kept.append(event)
    return kept if counts is None else [*kept, counts]


def _added(counts: Event, event: Event) -> Event:
    """What has changed since the snapshots before: counts are whole, samples are new ones."""
    for kind in ("roots", "graphs", "eager"):
        counts[kind].update(event.get(kind, {}))
    if ran := event.get("ran"):
        counts.setdefault("ran", []).extend(ran)
    for key, (crossed, calls, samples) in event.get("gaps", {}).items():
        gap = counts["gaps"].setdefault(key, [0, 0, []])
        gap[:2] = crossed, calls
        gap[2].extend(samples)
    return counts


def events_of(path: Path) -> Iterator[Event]:
    """The events of one file. Raises OSError."""
    with path.open("rb") as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and "e" in event:
                yield event

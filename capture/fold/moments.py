"""What happened when: compile, break and recompile events, and the calls and graph runs that "stats" tell of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from g2.capture.fold import breaks, spans
from g2.capture.fold.journals import Event, Log
from g2.capture.model import Did, Moment, Span
from g2.capture.paths import relative

_MOST = 20_000  # kept of a run: a record is read whole


def fold(logs: Sequence[Log], started: float, cwd: str) -> tuple[Moment, ...]:
    """The moments of all processes. `started` is the session's start in seconds since the epoch."""
    found = [moment for log in logs if not log.hidden for moment in _of(log, started, cwd)]
    return tuple(sorted(found, key=lambda moment: (moment.start, -moment.seconds))[:_MOST])


def _of(log: Log, started: float, cwd: str) -> Iterator[Moment]:
    start = log.last("start")
    pid = start["pid"] if start else 0
    names = {event["id"]: event["name"] for event in log.of("root")}
    for event in log.of("compile", "graph", "break", "recompile"):
        if "t" not in event:  # a record of an earlier g2
            return
        at = event["t"] - started
        match event["e"]:
            case "compile":
                begin = max(at - event["s"], 0.0)
                yield Moment(Did.COMPILE, event["function"], _us(begin), event["s"], pid, 0, _function(event, cwd))
            case "graph":
                begin = max(at - event["backend_s"], 0.0)
                yield Moment(Did.BACKEND, event["id"], _us(begin), event["backend_s"], pid)
            case "break":
                yield Moment(Did.BREAK, event["title"], _us(at), 0.0, pid, 0, spans.span(breaks.where(event), cwd))
            case _:
                said: str = event.get("said") or event["function"]
                yield Moment(Did.RECOMPILE, said, _us(at), 0.0, pid, 0, _function(event, cwd))
    for kind, name, begin, seconds, thread in (log.last("stats") or {}).get("ran", ()):
        yield Moment(Did(kind), names.get(name, name), _us(begin - started), seconds, pid, thread)


def _function(event: Event, cwd: str) -> Span:
    return Span(relative(event["path"], cwd), event["line"])


def _us(seconds: float) -> float:
    return round(seconds, 6)

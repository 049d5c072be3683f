"""Recompile events -> Recompile: one for every cause, which is a function and the set of guards "
"that changed together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from g2.capture.fold.owners import owner
from g2.capture.fold.spans import frames, snippet, span
from g2.capture.model import Guard, Recompile

_VALUES = 64  # values kept of one guard, oldest first
_Function = tuple[str, int, str]
_Source = tuple[str, str, int | None]  # source, kind, dimension


@dataclass(slots=True)
class _Cause:
    function: _Function
    last: dict[str, Any]
    count: int = 0
    values: dict[_Source, dict[str, None]] = field(default_factory=dict)
    limit_hit: bool = False
    limit: int | None = None
    seconds: float = 0.0


def fold(events: Iterable[dict[str, Any]], cwd: str) -> tuple[Recompile, ...]:
    """The recompiles in `events` (of one journal, or of several one after the other), in the order in which their
    causes first appeared. Paths inside `cwd` become relative. The time needed is linear in the number of events."""
    causes: dict[tuple[_Function, frozenset[_Source]], _Cause] = {}
    waiting: dict[_Function, _Cause] = {}
    eager: dict[str, int] = {}  # of the processes that are over
    counts: dict[str, int] = {}  # of the present one; a snapshot holds those that changed
    for event in events:
        match event["e"]:
            case "start":
                _add(eager, counts)
                counts = {}
                waiting.clear()
            case "stats":
                counts.update(event.get("eager", {}))
            case "recompile":
                cause = _seen(causes, event)
                waiting[cause.function] = cause
            case "compile":
                compiled = waiting.pop((event["path"], event["line"], event["function"]), None)
                if compiled is not None:
                    compiled.seconds += event["s"]
            case _:
                pass
    _add(eager, counts)
    return tuple(_recompile(cause, eager, cwd) for cause in causes.values())


def _add(total: dict[str, int], counts: dict[str, int]) -> None:
    for key, calls in counts.items():
        total[key] = total.get(key, 0) + calls


def _seen(causes: dict[tuple[_Function, frozenset[_Source]], _Cause], event: dict[str, Any]) -> _Cause:
    function: _Function = (event["path"], event["line"], event["function"])
    guards = {(g["source"], g["kind"], g["dim"]): g for g in event["guards"]}
    cause = causes.setdefault((function, frozenset(guards)), _Cause(function, event))
    cause.last = event
    cause.count += 1
    for key, guard in guards.items():
        values = cause.values.setdefault(key, {})
        for value in (guard["old"], guard["new"]):
            if len(values) < _VALUES:
                values.setdefault(value)
    if event.get("limit"):
        cause.limit_hit = True
        cause.limit = event.get("limit_value")
    return cause


def _recompile(cause: _Cause, eager: dict[str, int], cwd: str) -> Recompile:
    path, line, function = cause.function
    event = cause.last
    site = event.get("site")
    return Recompile(
        span=span([path, line, -1, -1, -1], cwd),
        function=event.get("said") or function,
        module=event.get("module"),
        count=cause.count,
        guards=tuple(
            Guard(g["source"], g["kind"], g["old"], g["new"], g["dim"], tuple(cause.values[_key(g)]), g.get("code", ""))
            for g in {_key(g): g for g in event["guards"]}.values()
        ),
        call_site=span(site, cwd) if site else None,
        owner=owner(path),
        stack=frames(event.get("stack", ()), cwd),
        limit_hit=cause.limit_hit,
        limit=cause.limit,
        eager_calls=eager.get(f"{path}:{line}:{function}", 0) if cause.limit_hit else 0,
        compile_s=round(cause.seconds, 6),
        snippet=snippet(site[0], site[1], site[3]) if site else snippet(path, line, line),
    )


def _key(guard: dict[str, Any]) -> _Source:
    return guard["source"], guard["kind"], guard["dim"]

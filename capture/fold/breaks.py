"""Break events -> Break: one for each (span, kind), hidden ones merged with what the natural capture saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from g2.capture.fold import after_effects, spans
from g2.capture.fold.costs import Costs
from g2.capture.fold.journals import Event, Log
from g2.capture.fold.owners import owner
from g2.capture.model import Break, Effect, Span

Identity = tuple[object, ...]
_STRONGER = (Effect.SPLIT, Effect.FRAME_LOST, Effect.RAISED)
_OWN = "Observed exception"  # Dynamo's title where the traced function itself raises


@dataclass(slots=True)
class _Place:
    first: Event
    count: int = 0
    effect: Effect = Effect.SPLIT
    calls: dict[str, int] = field(default_factory=dict)  # root -> first call that met it
    cause: str | None = None


def identity(event: Event) -> Identity:
    return (event["path"], event["line"], event["column"], event["kind"] or event["title"])


def key(event: Event) -> str:
    """How the journal's other events name a break."""
    return f"{event['path']}:{event['line']}:{event['title']}"


def fold(logs: Sequence[Log], costs: Costs, cwd: str) -> tuple[Break, ...]:
    """All breaks of a run, in the order in which they were met."""
    failed = {(log.pid, e["root"], e["call"]) for log in logs for e in log.of("root_raised")}
    natural: dict[Identity, _Place] = {}
    for log in logs:
        if not log.hidden:
            _collect(log, natural, failed)
    hidden: dict[Identity, _Place] = {}
    for log in logs:
        if log.hidden:
            _collect(log, hidden, failed)
    known = {(p.first["path"], p.first["line"], p.first["column"]) for p in natural.values()}
    known |= {(p.first["path"], p.first["line"], p.first["kind"] or p.first["title"]) for p in natural.values()}
    met = _met(logs)
    causes = {key(p.first): spans.span(where(p.first), cwd) for p in natural.values()}
    out = [_break(p, costs, cwd, False, causes) for p in natural.values()]
    for place in hidden.values():
        e = place.first
        if (e["path"], e["line"], e["column"]) in known or (e["path"], e["line"], e["kind"] or e["title"]) in known:
            continue
        if (e["frame"][0], e["frame"][2]) in met:
            out.append(_break(place, costs, cwd, True, causes))
    return tuple(out)


def _met(logs: Sequence[Log]) -> set[tuple[str, str]]:
    """The functions that Dynamo met as frames of their own in the natural run.

    Behind a break Python runs, and Dynamo meets what it calls. A fork in which a trace ended early may meet others:
    what
    stands in them is not hidden, it is never reached.
    """
    met = set()
    for log in logs:
        if not log.hidden:
            met |= {(e["path"], e["function"]) for e in log.of("compile", "recompile")}
            met |= {(e["frame"][0], e["frame"][2]) for e in log.of("break")}
    return met


def _collect(log: Log, into: dict[Identity, _Place], failed: set[tuple[str, str, int]]) -> None:
    by_key: dict[str, list[_Place]] = defaultdict(list)
    causes = after_effects.Causes()
    for event in log.of("break", "frame_lost"):
        if event["e"] == "frame_lost":
            for place in by_key.get(event["key"], ())[-1:]:
                place.effect = max(place.effect, Effect.FRAME_LOST, key=_STRONGER.index)
            causes.lost(event, event["key"])
            continue
        effect = Effect(event["effect"])
        own = effect is Effect.RAISED or event["title"].startswith(_OWN)
        if (own or after_effects.possible(event)) and (log.pid, event["root"], event["call"]) in failed:
            continue  # eager failed in this call too: the error is the script's own, and what came of it
        place = into.get(identity(event)) or into.setdefault(identity(event), _Place(event))
        if place not in by_key[key(event)]:
            by_key[key(event)].append(place)
        place.count += 1
        place.effect = max(place.effect, effect, key=_STRONGER.index)
        if event["root"] is not None:
            place.calls.setdefault(event["root"], event["call"])
        if place.count == 1:
            place.cause = causes.of(event)
        if effect is not Effect.SPLIT:
            path, line, function = event["frame"]
            causes.lost({"path": path, "line": line, "function": function}, key(event))


def where(event: Event) -> list[object]:
    """Where a break event stands: [path, line, column, end_line, end_column]."""
    return [event[k] for k in ("path", "line", "column", "end_line", "end_column")]


def _break(
    place: _Place, costs: Costs, cwd: str, hidden: bool, causes: Mapping[str, Span]
) -> Break:
    e = place.first
    return Break(
        span=spans.span(where(e), cwd),
        kind=e["kind"],
        title=e["title"],
        context=e["context"],
        function=e["function"],
        module=e["module"],
        stack=spans.frames(e["stack"], cwd),
        count=place.count,
        calls=costs.calls(key(e), place.calls, lost=place.effect is not Effect.SPLIT),
        owner=owner(e["path"]),
        effect=place.effect,
        hidden=hidden,
        after_effect_of=causes.get(place.cause) if place.cause else None,
        because_of=spans.span(e["because"], cwd) if e.get("because") else None,
        opcode=e["opcode"],
        snippet=spans.snippet(e["path"], e["line"], e["end_line"]),
        cost=costs.of(key(e)),
        values=spans.values(e.get("values", ())),
    )


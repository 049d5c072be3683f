"""From places of facts to sightings: which needs hold, how sure it is, why, and how the line is reached."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from g2.capture.model import Frame, Span
from g2.explain.scan.activation import Activation
from g2.explain.scan.detector import Event
from g2.explain.scan.engine import Engine
from g2.explain.scan.facts import Call, Place
from g2.explain.scan.model import Sighting, Sureness
from g2.explain.scan.wants import least, level, most

_LONGEST = 60  # characters of code in a headline
_DEEPEST = 12  # steps of a call path


def sightings(engine: Engine, source: Callable[[int], list[bytes]]) -> Iterator[tuple[int, Sighting]]:
    """Every sighting of the functions that can be inside a compiled region, each with the number of its file."""
    project = engine.project
    met_in: dict[int, list[tuple[Call, set[str]]]] = {}
    for (number, _, _), found in engine.met.items():
        met_in.setdefault(number, []).append(found)
    for act in list(engine.acts.values()):
        if not act.region:
            continue
        function = act.function
        number = project.file_of[act.number]
        met = _met(engine, met_in.get(act.number, ()), number, source)
        if not function.places and not met:
            continue
        path = project.files[number].path
        counted: dict[tuple[str, str], int] = {}
        for raw in (*function.places, *met):
            place = Place(*raw)
            sure = real(engine, act, place)
            if sure is None:
                continue
            code = normal(place.source)
            count = counted.get((place.reason, code), 0)
            counted[(place.reason, code)] = count + 1
            yield (
                number,
                Sighting(
                    Span(path, *place.span),
                    place.reason,
                    place.headline.replace("{}", short(code)),
                    function.name,
                    code,
                    sure,
                    count,
                    because(engine, act, place),
                    path_in(engine, act),
                ),
            )


def _met(
    engine: Engine, calls: Iterable[tuple[Call, set[str]]], file: int, source: Callable[[int], list[bytes]]
) -> list[tuple[Any, ...]]:
    """Calls of instances that a detector names."""
    out: list[tuple[Any, ...]] = []
    for call, names in calls:
        span = (call.line, call.column, call.end_line, call.end_column)
        for slug, look in dict.fromkeys(
            look for name in sorted(names) for look in engine.table.names["instance", name]
        ):
            spot = look(Event("instance", ast.Pass()))
            if spot is not None:
                sure = spot.sure if call.certain else least(spot.sure, Sureness.LIKELY)
                out.append(
                    tuple(Place(slug, spot.headline, text(source(file), span), span, (), False, str(sure), spot.option))
                )
    return out


def text(lines: list[bytes], span: tuple[int, int, int, int]) -> str:
    """The source of a span; columns count bytes."""
    line, column, end, last = span
    parts = lines[line - 1 : end]
    if not parts:
        return ""
    parts = [*parts[:-1], parts[-1][:last]]
    return b"\n".join([parts[0][column:], *parts[1:]]).decode("utf-8", "replace")


def real(engine: Engine, act: Activation, place: Place) -> Sureness | None:
    """How sure a place is in this activation; None when its needs do not hold."""
    sure = Sureness(place.sure)
    if place.option and place.option in engine.options:
        return None
    found = [level(engine.bases(engine.value(value, act)), what) for value, what in place.needs]
    if not found:
        return sure
    if place.either:
        some = [each for each in found if each is not None]
        return least(sure, most(*some)) if some else None
    known = [each for each in found if each is not None]
    return least(sure, *known) if len(known) == len(found) else None


def normal(source: str) -> str:
    """The source of an expression or statement as `ast.unparse` writes it."""
    for text in (source, f"({source})"):
        try:
            return ast.unparse(ast.parse(text.strip()))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    head, colon, _ = source.partition(":\n")
    if colon:
        try:
            return ast.unparse(ast.parse(f"{head}:\n    pass")).removesuffix("\n    pass")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
    return " ".join(source.split())


def short(code: str) -> str:
    """Code on one line, cut for a headline."""
    text = " ".join(code.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3].rstrip() + "..."


def path_in(engine: Engine, act: Activation) -> tuple[Frame, ...]:
    """The calls that lead from what is compiled to this function."""
    frames: list[Frame] = []
    seen = {act}
    while act.via is not None and not act.root and len(frames) < _DEEPEST:
        caller, line, column = act.via
        if caller in seen:
            break
        seen.add(caller)
        frames.append(Frame(Span(caller.file.path, line, column), caller.function.name))
        act = caller
    return tuple(reversed(frames))


def because(engine: Engine, act: Activation, place: Place) -> tuple[str, ...]:
    """What the scan knows that makes the place real, a clause each."""
    out: list[str] = []
    for value, _ in place.needs:
        clause = _origin(engine, act, value)
        if clause and clause not in out:
            out.append(clause)
    if act.root:
        out.append(f"{act.function.name} is {_why(act.root)}")
    return tuple(out)


def _why(root: str) -> str:
    return root if not root.startswith("a module's") else f"{root}, which is compiled when the module is"


def _origin(engine: Engine, act: Activation, value: Any, depth: int = 0) -> str:
    """Where the first tensor in a value comes from."""
    if depth > 8 or not isinstance(value, tuple) or not value:
        return ""
    function = act.function
    if value[0] == "p":
        if value[1] >= len(function.params) or level(engine.value(value, act), "tensor") is None:
            return ""
        name = function.params[value[1]]
        if act.root:
            return f"{name} is a parameter of {function.name}"
        if act.via is not None:
            caller = act.via[0].function.name
            return f"{name} is handed in by {caller}, line {act.via[1]}"
        return f"{name} is a parameter of {function.name}"
    if value[0] == "." and value[1] == ("p", 0):
        return f"self.{value[2]} is set in {function.name.rpartition('.')[0] or 'its class'}"
    if value[0] == "c":
        line = function.calls[value[1]][3]
        return f"the call in line {line} gives it"
    for part in value[1:]:
        clause = _origin(engine, act, part, depth + 1)
        if clause:
            return clause
    return ""

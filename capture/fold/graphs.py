"""Graph and compile events -> Graph; root and use events -> Root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from g2.capture.fold.journals import Event, Log
from g2.capture.model import Graph, Root, Span, Use
from g2.capture.paths import relative


def graphs(logs: Sequence[Log], ends: dict[str, Span], cwd: str) -> tuple[Graph, ...]:
    """All graphs of a run. A graph belongs to the compilation whose event follows it."""
    out: list[Graph] = []
    for log in logs:
        if log.hidden:
            continue
        places: dict[str, Event] = {}  # where the forward graph of a backward one is
        runs = (log.last("stats") or {"graphs": {}})["graphs"]
        waiting: list[Event] = []
        for event in log.of("graph", "compile"):
            if event["e"] == "graph":
                waiting.append(event)
                continue
            for graph in waiting:
                if not graph.get("backward"):
                    places[graph["id"]] = event
                out.append(_graph(graph, places.get(_forward(graph)), runs, ends, cwd))
            waiting.clear()
        out.extend(_graph(graph, places.get(_forward(graph)), runs, ends, cwd) for graph in waiting)
    return tuple(out)


def _forward(graph: Event) -> str:
    return str(graph["id"]).removesuffix("/backward")


def _graph(
    event: Event, compiled: Event | None, runs: dict[str, list[float]], ends: dict[str, Span], cwd: str
) -> Graph:
    place = compiled or {"path": "", "line": 0, "function": "", "s": 0.0}
    return Graph(
        id=event["id"],
        span=Span(relative(place["path"], cwd), place["line"]),
        function=place["function"],
        ops=event["ops"],
        calls=int(runs.get(event["id"], [0])[0]),
        compile_s=0.0 if event.get("backward") else place["s"],
        ended_by=ends.get(event["ended_by"] or ""),
        backward=event.get("backward", False),
    )


def roots(logs: Sequence[Log], cwd: str) -> tuple[Root, ...]:
    """Everything that was compiled, with its calls over all processes."""
    found: dict[str, Root] = {}
    for log in logs:
        if log.hidden:
            continue
        calls = (log.last("stats") or {"roots": {}})["roots"]
        for event in log.of("root"):
            before = found.get(event["id"])
            found[event["id"]] = Root(
                event["name"],
                Span(relative(event["path"], cwd), event["line"]),
                calls.get(event["id"], 0) + (before.calls if before else 0),
                event["by"],
                (before.uses if before else ()),
            )
        for event in log.of("use"):
            if (root := found.get(event["root"])) is not None and (one := _use(event, cwd)) not in root.uses:
                found[event["root"]] = replace(root, uses=(*root.uses, one))
    return tuple(found.values())


def _use(event: Event, cwd: str) -> Use:
    where = Span(
        relative(event["path"], cwd), event["line"], event["column"], event["end_line"], event["end_column"]
    )
    return Use(where, event["function"], tuple(event["names"]))

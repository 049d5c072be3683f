"""Pictures of a run as plain numbers: the graphs of each function in a strip, and everything on one time line."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from g2.capture.model import Did, Graph, Moment, Span
from g2.cli.text import inline, place, plural, seconds
from g2.explain.report import Report

_COLUMNS = 60  # graphs shown of one function
_TICKS = 6
WIDTH, ROW, GUTTER = 1000, 26, 130  # of the time line, in its own units; the gutter holds the names of several rows
_BARS = {Did.CALL: "call", Did.COMPILE: "compile", Did.BACKEND: "backend", Did.GRAPH: "graph"}


@dataclass(frozen=True, slots=True)
class Box:
    """One graph: its id, its size, and a width from 0 to 1 that grows with the logarithm of its operations."""

    id: str
    ops: str
    told: str
    width: float


@dataclass(frozen=True, slots=True)
class Column:
    """The versions of one piece of a function, and the number of the finding that cuts it (0 for none that is told)."""

    boxes: tuple[Box, ...]
    cut: bool
    finding: int


@dataclass(frozen=True, slots=True)
class Strip:
    """The graphs of one function, in order."""

    function: str
    where: str
    columns: tuple[Column, ...]
    left_out: int


def strips(report: Report) -> list[Strip]:
    """A strip for every function with graphs; those of the backward pass are not drawn."""
    numbers = {finding.place.span: number for number, finding in enumerate(report.findings, 1)}
    pieces: dict[tuple[str, Span], dict[str, list[Graph]]] = defaultdict(lambda: defaultdict(list))
    for graph in report.session.graphs:
        if not graph.backward:
            pieces[graph.function, graph.span][graph.id.split("/")[0]].append(graph)
    most = max((graph.ops for graph in report.session.graphs), default=1)
    return [
        Strip(
            inline(function),
            place(span, report.session.cwd),
            tuple(_column(graphs, most, numbers) for graphs in list(columns.values())[:_COLUMNS]),
            max(len(columns) - _COLUMNS, 0),
        )
        for (function, span), columns in pieces.items()
    ]


def _column(graphs: list[Graph], most: int, numbers: dict[Span, int]) -> Column:
    ends = [graph.ended_by for graph in graphs if graph.ended_by is not None]
    finding = next((numbers[end] for end in ends if end in numbers), 0)
    return Column(tuple(_box(graph, most) for graph in graphs), bool(ends), finding)


def _box(graph: Graph, most: int) -> Box:
    told = [plural(graph.ops, "operation"), plural(graph.calls, "call")]
    if graph.compile_s:
        told.append(f"compiled in {seconds(graph.compile_s)}")
    return Box(graph.id, f"{graph.ops:,}", ", ".join(told), math.log1p(graph.ops) / math.log1p(max(most, 1)))


@dataclass(frozen=True, slots=True)
class Bar:
    """Something on the time line, in its units; `width` is 0 for a tick."""

    kind: str  # "call", "compile", "backend", "graph", "break" or "recompile"
    x: float
    width: float
    row: int
    told: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows with what happened in them, and the seconds below."""

    rows: tuple[str, ...]
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    width: int = WIDTH
    row: int = ROW

    @property
    def gutter(self) -> int:
        return GUTTER if len(self.rows) > 1 else 0

    @property
    def height(self) -> int:
        return len(self.rows) * self.row


def timeline(report: Report) -> Timeline | None:
    """Everything that happened, a row for each thread of each process; None when no times are known."""
    moments = report.session.moments
    if not moments:
        return None
    begin = min(moment.start for moment in moments)
    length = max(max(moment.start + moment.seconds for moment in moments) - begin, 1e-6)
    ranks = {process.pid: process.rank for process in report.session.processes}
    keys = sorted({(moment.pid, moment.thread) for moment in moments}, key=lambda key: (ranks.get(key[0]) or 0, key))
    names = tuple(_row(pid, thread, ranks.get(pid), len(keys)) for pid, thread in keys)
    order = {key: number for number, key in enumerate(keys)}
    headlines = {finding.place.span: finding.headline for finding in report.findings}
    bars = tuple(_bars(moments, begin, WIDTH / length, order, headlines))
    return Timeline(names, bars, _ticks(begin, length))


def _row(pid: int, thread: int, rank: int | None, rows: int) -> str:
    if rows == 1:
        return ""
    process = f"rank {rank}" if rank is not None else f"process {pid}"
    return process if thread == 0 else f"{process}, thread {thread}"


def _bars(
    moments: Iterable[Moment],
    begin: float,
    scale: float,
    order: dict[tuple[int, int], int],
    headlines: dict[Span, str],
) -> Iterable[Bar]:
    for moment in sorted(moments, key=lambda moment: list(Did).index(moment.did)):
        row = order[moment.pid, moment.thread]
        x = round((moment.start - begin) * scale, 2)
        at = f"at {moment.start:.3f} s"
        match moment.did:
            case Did.BREAK:
                headline = headlines.get(moment.span, moment.name) if moment.span else moment.name
                yield Bar("break", x, 0.0, row, f"graph break {at}: {inline(headline)}")
            case Did.RECOMPILE:
                yield Bar("recompile", x, 0.0, row, f"recompile {at}: {inline(moment.name)}")
            case did:
                told = f"{_BARS[did]} {inline(moment.name)} {at}, {seconds(moment.seconds)}"
                yield Bar(_BARS[did], x, round(max(moment.seconds * scale, 0.4), 2), row, told)


def _ticks(begin: float, length: float) -> tuple[tuple[float, str], ...]:
    """Round times along the line: steps of 1, 2 or 5 times a power of ten."""
    rough = length / _TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(begin / step)
    digits = max(0, -math.floor(math.log10(step)))
    ticks = []
    number = first
    while number * step <= begin + length:
        ticks.append((round((number * step - begin) / length * WIDTH, 2), f"{number * step:.{digits}f} s"))
        number += 1
    return tuple(ticks)

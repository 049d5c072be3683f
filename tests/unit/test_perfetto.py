"""The time line: calls hold what ran in them, the rest of a call is eager, breaks and recompiles are marks on it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import samples
from hypothesis import given
from hypothesis import strategies as st

from g2.capture.codec import dump, load
from g2.capture.model import Did, Moment, Process
from g2.cli.views import Output, view
from g2.explain.report import Report


def drawn(*moments: Moment, report: Report | None = None) -> list[dict[str, Any]]:
    whole = report or samples.report()
    session = replace(whole.session, moments=moments, processes=(Process(7, 0, 1, 0, 1), Process(8, 1, 1, 0, 1)))
    document = json.loads(view("perfetto").render(replace(whole, session=session), Output()))
    events: list[dict[str, Any]] = document["traceEvents"]
    return events


def slices(events: list[dict[str, Any]], category: str) -> list[tuple[float, float]]:
    return [(e["ts"], e["dur"]) for e in events if e.get("cat") == category and e["ph"] == "X"]


def test_what_is_neither_a_graph_nor_traced_is_eager() -> None:
    events = drawn(
        Moment(Did.CALL, "Net.forward", 1.0, 1.0, 7),
        Moment(Did.COMPILE, "Net.forward", 1.1, 0.3, 7),
        Moment(Did.GRAPH, "0/0", 1.5, 0.2, 7),
        Moment(Did.GRAPH, "0/0", 3.0, 0.2, 7),
    )
    assert slices(events, "call") == [(1e6, 1e6)]
    assert slices(events, "eager") == [(1e6, 1e5), (1.4e6, 1e5), (1.7e6, 3e5)]


def test_marks_carry_place_and_reason() -> None:
    report = samples.report()
    first = report.findings[0]
    moment = Moment(Did.BREAK, "Data-dependent branching", 1.0, 0.0, 7, 0, first.place.span)
    (mark,) = [event for event in drawn(moment, report=report) if event["ph"] == "i"]
    assert mark["args"] == {"place": "model.py:42:11", "reason": first.reason.slug, "what": first.headline}
    assert mark["name"] == f"graph break: {first.headline}"


def test_each_rank_is_a_process_of_the_trace() -> None:
    events = drawn(Moment(Did.CALL, "a", 0.0, 1.0, 7), Moment(Did.CALL, "a", 0.5, 1.0, 8))
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert names == {7: "rank 0, process 7", 8: "rank 1, process 8"}
    assert {event["pid"] for event in events if event.get("cat") == "call"} == {7, 8}


def test_moments_are_kept_with_the_record() -> None:
    moments = (Moment(Did.CALL, "Net.forward", 1.0, 0.5, 7), Moment(Did.BREAK, "b", 1.2, 0.0, 7, 1))
    session = replace(samples.session(), moments=moments)
    assert load(dump(session)).moments == moments


TIMES = st.floats(0, 10, allow_nan=False).map(lambda x: round(x, 4))


@given(st.lists(st.tuples(TIMES, TIMES), max_size=8))
def test_eager_time_lies_in_the_call_and_overlaps_nothing_that_ran(ran: list[tuple[float, float]]) -> None:
    graphs = [Moment(Did.GRAPH, f"{n}/0", start, length, 7) for n, (start, length) in enumerate(ran)]
    events = drawn(Moment(Did.CALL, "Net.forward", 2.0, 5.0, 7), *graphs)
    total = 0.0
    for start, length in slices(events, "eager"):
        assert start >= 2e6 - 0.2
        assert start + length <= 7e6 + 0.2
        assert all(start + length <= s + 0.2 or s + d <= start + 0.2 for s, d in slices(events, "graph"))
        total += length
    covered = sum(_inside(1e-4 * n, ran) for n in range(20_000, 70_000, 50)) * 50 * 1e-4
    assert abs(total / 1e6 + covered - 5.0) < 0.2


def _inside(at: float, ran: list[tuple[float, float]]) -> bool:
    return any(start <= at < start + length for start, length in ran)

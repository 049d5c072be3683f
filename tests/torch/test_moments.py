"""When what happened, in a real run: what is compiled and run lies within calls, and every break has its moment."""

from __future__ import annotations

import helpers
import pytest

from g2.capture.model import Did, Moment, Session

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def session() -> Session:
    return helpers.run("break_cost.py", once=False).session


def of(session: Session, did: Did) -> list[Moment]:
    return [moment for moment in session.moments if moment.did is did]


def inside(one: Moment, others: list[Moment]) -> bool:
    # Events are told with the time of day; calls and graphs are measured with one finer clock, to the microsecond.
    slack = 5e-6 if one.did is Did.GRAPH else 0.002
    return any(
        other.start - slack <= one.start and one.start + one.seconds <= other.start + other.seconds + slack
        for other in others
    )


def test_every_call_and_graph_run_has_a_moment(session: Session) -> None:
    assert len(of(session, Did.CALL)) == sum(root.calls for root in session.roots) == 20
    assert len(of(session, Did.GRAPH)) == sum(graph.calls for graph in session.graphs)
    assert {moment.name for moment in of(session, Did.CALL)} == {root.name for root in session.roots}


def test_what_runs_and_is_traced_lies_within_calls(session: Session) -> None:
    calls = of(session, Did.CALL)
    for did in (Did.GRAPH, Did.COMPILE, Did.BREAK):
        assert of(session, did)
        assert all(inside(moment, calls) for moment in of(session, did))
    assert all(inside(moment, of(session, Did.COMPILE)) for moment in of(session, Did.BACKEND))


def test_breaks_have_the_places_that_are_reported(session: Session) -> None:
    assert {moment.span for moment in of(session, Did.BREAK)} == {
        place.span for place in session.breaks if not place.hidden
    }


def test_they_are_in_order_and_within_the_run(session: Session) -> None:
    starts = [moment.start for moment in session.moments]
    assert starts == sorted(starts)
    assert all(m.start >= 0 and m.start + m.seconds <= session.seconds + 0.1 for m in session.moments)


def test_the_slow_gap_is_seen_between_graphs(session: Session) -> None:
    """The function between the first two graphs of a call sleeps ten milliseconds."""
    last = of(session, Did.CALL)[-1]
    ran = [m for m in of(session, Did.GRAPH) if inside(m, [last])]
    assert len(ran) == 3
    assert ran[1].start - (ran[0].start + ran[0].seconds) >= 0.009

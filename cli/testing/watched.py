"""A whole test watched: for its marker, or for --g2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from g2.capture.inside import refusal
from g2.cli.testing.seen import Limits, seeing
from g2.cli.testing.suite import Suite

_NAMES = ("max_breaks", "max_recompiles", "max_graphs")


@contextmanager
def watched(item: pytest.Item, mark: pytest.Mark | None, suite: Suite | None) -> Iterator[None]:
    """Watch the test while the context lasts; at its end it fails when a limit was not kept. A test that fails by
    itself fails as it does without, and one that has the fixture watches by itself.
    """
    __tracebackhide__ = True
    if "g2" in getattr(item, "fixturenames", ()):
        if mark is not None:
            pytest.fail("g2: a test takes the marker g2 or the fixture g2, and not both", pytrace=False)
        yield
        return
    limits = _limits(mark) if mark is not None else suite.limits if suite is not None else Limits()
    if why := refusal():
        if suite is None:
            pytest.skip(f"g2: {why}")
        suite.unseen(why)
        yield
        return
    with seeing(item.nodeid, modules=True) as (seen, _):
        if suite is not None:
            suite.watching(item, seen)
        yield
    if complaint := limits.complaint(seen):
        pytest.fail(complaint, pytrace=False)


def _limits(mark: pytest.Mark) -> Limits:
    wrong = [*map(repr, mark.args), *sorted(set(mark.kwargs) - set(_NAMES))]
    if wrong:
        pytest.fail(f"the marker g2 takes {', '.join(_NAMES)}, by name, and not {wrong[0]}", pytrace=False)
    return Limits(**mark.kwargs) if mark.kwargs else Limits(max_breaks=0)

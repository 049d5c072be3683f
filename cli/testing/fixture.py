"""The fixture `g2`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from g2.capture.inside import NotHere
from g2.cli.testing.seen import Limits, Seen, called, seeing


class G2:
    """Asserts on what Dynamo makes of a function or nn.Module, called for real as one compiled region.

    What torch.compile returned is called as it is, with its own options. Dynamo forgets all compiled code before and
    after each call of these methods. Graphs are run as they are: no kernels are generated.
    """

    def explain(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Seen:
        """Call the function and say what Dynamo made of it: .breaks, .recompiles, .graphs, .result, str()."""
        return _called(function, ((args, kwargs),))

    def assert_no_breaks(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call the function, which has to be captured without a graph break; gives what it returns."""
        __tracebackhide__ = True
        return _held(_called(function, ((args, kwargs),)), Limits(max_breaks=0))

    def assert_max_graphs(self, most: int, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call the function, of which Dynamo may make so many graphs; gives what it returns."""
        __tracebackhide__ = True
        return _held(_called(function, ((args, kwargs),)), Limits(max_graphs=most))

    def assert_max_recompiles(self, most: int, function: Callable[..., Any], /, *calls: Any) -> Any:
        """Call the function once with each of `calls`, a tuple of arguments or the only one; it may be compiled again
        so often. Gives what the last call returns.
        """
        __tracebackhide__ = True
        each = tuple((call if isinstance(call, tuple) else (call,), dict[str, Any]()) for call in calls)
        if len(each) < 2:
            raise TypeError("a recompile takes at least two calls: assert_max_recompiles(0, model, (x,), (y,))")
        return _held(_called(function, each), Limits(max_recompiles=most))

    @contextmanager
    def watch(
        self, max_breaks: int | None = None, max_recompiles: int | None = None, max_graphs: int | None = None
    ) -> Iterator[Seen]:
        """Watch what the code in this block compiles. When it compiles nothing itself, each outermost call of an
        nn.Module is compiled. At its end the limits have to be kept; what was seen is known from then on.
        """
        __tracebackhide__ = True
        try:
            with seeing("a block of a test", modules=True) as (seen, _):
                yield seen
        except NotHere as error:
            pytest.skip(f"g2: {error}")
        _held(seen, Limits(max_breaks, max_recompiles, max_graphs))


def _called(function: Callable[..., Any], calls: Any) -> Seen:
    __tracebackhide__ = True
    try:
        return called(function, calls)
    except NotHere as error:
        pytest.skip(f"g2: {error}")


def _held(seen: Seen, limits: Limits) -> Any:
    __tracebackhide__ = True
    if complaint := limits.complaint(seen):
        raise AssertionError(complaint)
    return seen.result

"""Code that cannot be compiled, or that raises or crashes when it runs: which op does it?

The shortest beginning of the graph that fails, by halving; every value of it is returned, so that nothing is left out.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from g2.check.child import locate_cone
from g2.check.child.locate_hooks import Inner, copied
from g2.check.child.locate_values import Values
from g2.rewrite.trial.forking import attempt

_ONE = 60.0  # seconds for one beginning


def at_compile(until: float) -> Callable[[Inner, Sequence[Any], dict[str, Any]], Any]:
    """For Record.failing: the node at which compiling fails."""

    def failing(inner: Inner, given: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        def fails(count: int) -> bool:
            return _fails(_beginning(inner.graph, count), given, kwargs, str(inner.failed))

        return _shortest(_calls(inner.graph), fails, until)

    return failing


def at_run(graph: torch.fx.GraphModule, values: Values, until: float) -> Any:
    """The node whose code raises, or ends the process; None where that was not found."""
    nodes = _calls(graph)

    def fails(count: int) -> bool:
        part = locate_cone.part_of(graph, nodes[:count], values)
        return not attempt(lambda _: _run(part), _ONE).ended

    return _shortest(nodes, fails, until)


def survives(call: Callable[[], Any]) -> str:
    """For Record.survives: how a call in a fork ended, empty for well or with an exception."""

    def work(_: Any) -> None:
        try:
            call()
        except Exception:  # it will be met again
            return

    answer = attempt(work, _ONE)
    return "" if answer.ended else answer.why


def _run(part: locate_cone.Part) -> None:
    locate_cone.compiled(part)


def _calls(graph: torch.fx.GraphModule) -> list[torch.fx.Node]:
    return [node for node in graph.graph.nodes if node.op == "call_function"]


def _shortest(nodes: Sequence[torch.fx.Node], fails: Callable[[int], bool], until: float) -> Any:
    low, high, found = 1, len(nodes), None
    while low <= high and time.monotonic() < until:
        middle = (low + high) // 2
        try:
            failed = fails(middle)
        except LookupError:
            return None
        if failed:
            found, high = nodes[middle - 1], middle - 1
        else:
            low = middle + 1
    return found


def _beginning(graph: torch.fx.GraphModule, count: int) -> torch.fx.GraphModule:
    """The first `count` calls of the graph, all their tensors returned."""
    made = copied(graph)
    calls = _calls(made)
    (output,) = (node for node in made.graph.nodes if node.op == "output")
    returned = [node for node in calls[:count] if isinstance(node.meta.get("val"), torch.Tensor)]
    output.args = (tuple(returned),)
    for node in reversed(calls[count:]):
        made.graph.erase_node(node)
    made.recompile()
    return made


def _fails(graph: torch.fx.GraphModule, given: Sequence[Any], kwargs: dict[str, Any], why: str) -> bool:
    """Whether compiling it raises what the whole graph raised."""
    kwargs = {name: value for name, value in kwargs.items() if name != "static_input_idxs"}
    module: Any = importlib.import_module("torch._inductor.compile_fx")
    try:
        module.compile_fx_inner(graph, given, **kwargs)
    except Exception as error:
        return str(error).splitlines()[:1] == why.splitlines()[:1]
    return False

"""What a graph returns and writes into its inputs, beside what the compiled one did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_flatten

from g2.check.child.locate_hooks import Run
from g2.check.child.locate_lines import lines_of, op_of
from g2.check.child.locate_values import Values, wrong
from g2.check.model import Worst, Wrong


def outputs(graph: torch.fx.GraphModule, values: Values, run: Run) -> list[tuple[torch.fx.Node, Worst]]:
    """The nodes that the graph returns, or writes into its inputs, which are wrong."""
    (output,) = (node for node in graph.graph.nodes if node.op == "output")
    returned = tree_flatten(output.args[0])[0]
    found: list[tuple[torch.fx.Node, Worst]] = []
    for node, (eager, got, exact) in zip(returned, triples(values, run.outputs), strict=False):
        worst = wrong(getattr(node, "name", ""), eager, got, exact)
        if worst is not None and isinstance(node, torch.fx.Node):
            found.append((node, worst))
    places = [node for node in graph.graph.nodes if node.op == "placeholder"]
    for place, eager, got in zip(places, values.after, run.after, strict=False):
        worst = wrong(place.name, eager, got)
        if worst is not None:
            found.append((written(place), worst))
    return found


def triples(values: Values, got: Sequence[Any]) -> list[tuple[Any, Any, Any]]:
    """(eager, got, exact) of each output."""
    exact = values.exact_outputs or [None] * len(values.outputs)
    return list(zip(values.outputs, got, exact, strict=False))


def written(place: torch.fx.Node) -> torch.fx.Node:
    """What is written into an input of the graph; the input itself, where that is not known."""
    writers = [user for user in place.users if user.op == "call_function" and user.args[0] is place]
    source = writers[-1].args[1] if writers and len(writers[-1].args) > 1 else place
    return source if isinstance(source, torch.fx.Node) else place


def laid_out(graph: torch.fx.GraphModule, run: Run) -> list[Wrong]:
    """Outputs that have another dtype, shape or strides than the graph says."""
    (output,) = (node for node in graph.graph.nodes if node.op == "output")
    found: list[Wrong] = []
    for node, got in zip(tree_flatten(output.args[0])[0], run.outputs, strict=False):
        told = node.meta.get("val") if isinstance(node, torch.fx.Node) else None
        if not isinstance(told, torch.Tensor) or not isinstance(got, torch.Tensor):
            continue
        sides = [(one.dtype, [int(size) for size in one.shape], _steps(one)) for one in (told, got)]
        if sides[0] != sides[1]:
            names = ("dtype", "shape", "strides")
            words = [f"{name} {new} for {old}" for name, old, new in zip(names, *sides, strict=True) if old != new]
            detail = f"what {op_of(node)} gives is returned with {', '.join(words)}"
            found.append(Wrong(op=op_of(node), lines=lines_of([node]), detail=detail))
    return found


def _steps(tensor: torch.Tensor) -> list[int]:
    return [int(step) for step, size in zip(tensor.stride(), tensor.shape, strict=True) if int(size) != 1]

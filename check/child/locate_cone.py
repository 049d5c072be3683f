"""Part of a graph as a graph of its own, compiled alone from right values: which op is the first that is wrong?"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx.node import map_arg

from g2.check.child.locate_hooks import cloned
from g2.check.child.locate_values import Values, wrong
from g2.check.model import Worst

_META = ("stack_trace", "original_aten", "from_node", "source_fn_stack", "nn_module_stack", "seq_nr")


@dataclass(frozen=True, slots=True)
class Part:
    """graph: returns the values of `nodes`, in that order. inputs: right values."""

    graph: torch.fx.GraphModule
    inputs: list[Any]
    nodes: list[torch.fx.Node]


def cone(node: torch.fx.Node, right: Collection[str]) -> list[torch.fx.Node]:
    """The nodes that `node` is computed from, in the graph's order, up to inputs and those whose values are right."""
    found: set[torch.fx.Node] = set()
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one in found or one.op in ("placeholder", "get_attr") or (one is not node and one.name in right):
            continue
        found.add(one)
        waiting += one.all_input_nodes
    return [one for one in node.graph.nodes if one in found]


def part_of(
    graph: torch.fx.GraphModule,
    nodes: Sequence[torch.fx.Node],
    values: Values,
    only: Collection[torch.fx.Node] | None = None,
) -> Part:
    """The nodes as a graph. Values from outside of it are its inputs where they are tensors, constants where they are
    not. only: what it returns; None for every tensor that it computes. Raises LookupError where a value is not known.
    """
    made = torch.fx.Graph()
    known: dict[torch.fx.Node, Any] = {}
    inputs: list[Any] = []
    wanted = set(nodes)

    def given(node: torch.fx.Node) -> Any:
        if node not in known:
            if node in wanted:
                raise LookupError(node.name)
            if node.name not in values.eager:
                raise LookupError(node.name)
            value = values.eager[node.name]
            if isinstance(value, torch.Tensor):
                inputs.append(value)
                with made.inserting_before(first):
                    known[node] = made.placeholder(node.name)
            elif isinstance(value, (bool, int, float)) or value is None:
                known[node] = value
            elif isinstance(value, torch.fx.GraphModule) or node.op == "get_attr":
                known[node] = made.get_attr(str(node.target))
            else:
                raise LookupError(node.name)
        return known[node]

    first = made.create_node("call_function", len, ([],), name="first")
    for node in nodes:
        copy = made.create_node(
            node.op, node.target, map_arg(node.args, given), map_arg(node.kwargs, given), name=node.name
        )
        copy.meta.update({name: node.meta[name] for name in _META if name in node.meta})
        known[node] = copy
    made.erase_node(first)
    tensors = [node for node in nodes if isinstance(values.eager.get(node.name), torch.Tensor)]
    returned = [node for node in tensors if only is None or node in only]
    made.output(tuple(known[node] for node in returned))
    return Part(torch.fx.GraphModule(graph, made), [cloned(value) for value in inputs], returned)


def compiled(part: Part) -> list[Any]:
    """What Inductor's code for it returns. Raises what compiling or running raises."""
    module: Any = importlib.import_module("torch._inductor.compile_fx")
    with torch.no_grad():
        run = module.compile_fx_inner(part.graph, [cloned(value) for value in part.inputs])
        found: list[Any] = list(run([cloned(value) for value in part.inputs]))
    return found


def first_wrong(part: Part, values: Values) -> tuple[torch.fx.Node, Worst] | None:
    """Compile it and name the first of its values that is wrong."""
    for node, got in zip(part.nodes, compiled(part), strict=True):
        worst = wrong(node.name, values.eager[node.name], got, values.exact.get(node.name))
        if worst is not None:
            return node, worst
    return None

"""Which op computes from another distribution when Inductor draws for itself?

All that is computed from random draws is compiled with each of its values as an output, and these are compared with
eager's by statistics: the first that differs is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from g2.check.child.correct_random import RUNS, gap
from g2.check.child.locate_cone import Part, part_of
from g2.check.child.locate_hooks import Record
from g2.check.child.locate_lines import lines_of, op_of
from g2.check.child.locate_stages import Found, inputs_of
from g2.check.child.locate_values import values_of
from g2.check.model import Wrong

_MOST = 60  # ops that are computed from draws


def found(record: Record) -> Found | None:
    """record: of a call that was compiled with Inductor's own random numbers."""
    every: list[Any] = []
    for made in record.graphs:
        for passed in made.passed:
            inputs = inputs_of(made, passed) if passed.stage == "joint" else None
            nodes = _drawn(passed.before)
            if inputs is None or not nodes:
                continue
            every += [node for node in nodes if _draws(node)]
            part = part_of(passed.before, nodes[:_MOST], values_of(passed.before, *inputs))
            different = _first(part)
            if different is not None:
                node, words = different
                wrong = Wrong(graph=made.id, op=op_of(node), lines=lines_of([node]), detail=words.format(op_of(node)))
                return Found(wrong, part.graph, tuple(part.inputs))
    if not every:
        return None
    return Found(Wrong(lines=lines_of(every), detail="what is drawn in each graph is right when it is compiled alone"))


def _draws(node: torch.fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded in node.target.tags


def _drawn(graph: torch.fx.GraphModule) -> list[torch.fx.Node]:
    """The nodes that draw, and those that compute from what was drawn."""
    found: dict[torch.fx.Node, None] = {}
    for node in graph.graph.nodes:
        if node.op == "call_function" and (_draws(node) or any(one in found for one in node.all_input_nodes)):
            found[node] = None
    return list(found)


def _first(part: Part) -> tuple[torch.fx.Node, str] | None:
    compiler: Any = torch.compile
    sides = [_rows(call, part.inputs) for call in (part.graph, compiler(part.graph))]
    for at, node in enumerate(part.nodes):
        one, other = ([row[at] for row in side] for side in sides)
        words = gap(one, other) if one[0].is_floating_point() or one[0].dtype is torch.bool else ""
        if words:
            return node, words
    return None


def _rows(call: Any, inputs: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for seed in range(RUNS):
        torch.manual_seed(seed)
        with torch.no_grad():
            found.append(call(*inputs))
    return found

"""Which random op draws from another distribution when Inductor draws for itself?

Every random op of the call's graphs is compiled alone, and its draws are compared with eager's by statistics.
"""

from __future__ import annotations

from typing import Any

import torch

from g2.check.child.correct_random import RUNS, gap
from g2.check.child.locate_cone import Part, part_of
from g2.check.child.locate_hooks import Record
from g2.check.child.locate_lines import lines_of, op_of
from g2.check.child.locate_stages import Found, inputs_of
from g2.check.child.locate_values import values_of
from g2.check.model import Wrong


def found(record: Record) -> Found | None:
    """record: of a call that was compiled with Inductor's own random numbers."""
    every: list[Any] = []
    for made in record.graphs:
        for passed in made.passed:
            random = [node for node in passed.before.graph.nodes if _draws(node)]
            inputs = inputs_of(made, passed) if passed.stage == "joint" else None
            if inputs is None:
                continue
            every += random
            values = values_of(passed.before, *inputs)
            for node in random:
                outputs = [user for user in node.users if user.op == "call_function" and "getitem" in str(user.target)]
                part = part_of(passed.before, [node, *outputs], values)
                words = _differs(part)
                if words:
                    detail = f"compiled alone, {words.format(op_of(node))}"
                    wrong = Wrong(graph=made.id, op=op_of(node), lines=lines_of([node]), detail=detail)
                    return Found(wrong, part.graph, tuple(part.inputs))
    if not every:
        return None
    return Found(Wrong(lines=lines_of(every), detail="each random op of the call is right when it is compiled alone"))


def _draws(node: Any) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded in node.target.tags


def _differs(part: Part) -> str:
    compiler: Any = torch.compile
    compiled = compiler(part.graph)
    sides: list[list[Any]] = []
    for call in (part.graph, compiled):
        rows: list[Any] = []
        for seed in range(RUNS):
            torch.manual_seed(seed)
            with torch.no_grad():
                rows.append(call(*part.inputs))
        sides.append(rows)
    for one, other in zip(zip(*sides[0], strict=True), zip(*sides[1], strict=True), strict=True):
        words = gap(one, other) if one[0].is_floating_point() else ""
        if words:
            return words
    return ""

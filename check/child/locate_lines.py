"""A node of a graph in words: the lines of the program that it computes, and its op."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from g2.check.child.lines import of_node
from g2.check.model import Line


def lines_of(nodes: Iterable[Any]) -> tuple[Line, ...]:
    """Those of all of them, in the order of the nodes, each once."""
    return tuple(dict.fromkeys(line for node in nodes for line in of_node(node)))


def op_of(node: Any) -> str:
    """The op in words: "aten.gelu.default", "torch.nn.functional.gelu", "Tensor.view"."""
    target = node.target
    if isinstance(target, str):
        return f"Tensor.{target}" if node.op == "call_method" else target
    if isinstance(target, torch._ops.OpOverload):
        return str(target)
    module = getattr(target, "__module__", None) or ""
    name = getattr(target, "__qualname__", getattr(target, "__name__", str(target)))
    return f"{module}.{name}".removeprefix("_operator.").removeprefix("builtins.")

"""From a node of a graph to the lines of the program, by the stack traces that Dynamo leaves on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from g2.check.model import Line

_FRAME = re.compile(r'File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<function>.+)')
_TORCH = str(Path(torch.__file__).parent)


def lines_of(nodes: Iterable[Any]) -> tuple[Line, ...]:
    """Of each node the innermost line outside of torch (a node of torch's own without one: the innermost at all), in
    the order of the nodes, each once.
    """
    found: dict[Line, None] = {}
    for node in nodes:
        line = _line(str(node.meta.get("stack_trace") or ""))
        if line is not None:
            found[line] = None
    return tuple(found)


def _line(trace: str) -> Line | None:
    frames = [Line(one["path"], int(one["line"]), one["function"].strip()) for one in _FRAME.finditer(trace)]
    users = [one for one in frames if not one.path.startswith(_TORCH)]
    return (users or frames or [None])[-1]


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

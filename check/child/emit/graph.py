"""The ATen version of a graph: FX's own text of it, as a function of this module."""

from __future__ import annotations

import ast
from typing import Any

NONE = "aten_graph = None\n"


class _OnDevice(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return ast.Name("DEVICE") if ast.unparse(node.func) in ("device", "torch.device") else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            return ast.Subscript(ast.Name("CONSTANTS"), ast.Constant(node.attr))
        self.generic_visit(node)
        return node


def function(text: str) -> str:
    """The source of `aten_graph(inputs)`. Raises SyntaxError."""
    found = next((one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef)), None)
    if found is None:
        raise SyntaxError("the graph's text has no function")
    names = [one.arg for one in found.args.args if one.arg != "self"]
    lines = ["def aten_graph(inputs):", '    """The same by ATen\'s operators, one at a time."""']
    if names:
        lines.append(f"    {', '.join(names)}{',' if len(names) == 1 else ''} = inputs")
    for one in found.body:
        statement = _OnDevice().visit(one)
        if isinstance(statement, ast.AnnAssign) and statement.value is not None:
            statement = ast.Assign([statement.target], statement.value)
        lines += ["    " + line for line in ast.unparse(ast.fix_missing_locations(statement)).splitlines()]
    return "\n".join(lines) + "\n"


def needs_inductor(text: str) -> bool:
    """Whether operators are used that Inductor defines."""
    return "prims.inductor_" in text or "prims._low_memory" in text or "prims.prepare_softmax" in text


def form(value: Any) -> str:
    """An input's form, as the source of an element of INPUTS."""
    import torch

    if not isinstance(value, torch.Tensor):
        return repr(value)
    low, high = 0.0, 1.0
    if value.numel() and value.dtype != torch.bool:
        wide = value.abs().double() if value.is_complex() else value.double()
        wide = wide[wide.isfinite()]
        if wide.numel():
            low, high = float(wide.min()), float(wide.max())
    if not (value.is_floating_point() or value.is_complex()):
        low, high = int(low), int(high)
    return f"({tuple(value.shape)}, {tuple(value.stride())}, {value.dtype}, {low!r}, {high!r})"

"""What of a program only speaks to Dynamo, whatever the file calls torch."""

from __future__ import annotations

import ast
import copy
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)

_OPTIONS = ("fullgraph", "dynamic", "backend", "mode", "options", "disable")  # of torch.compile, 2.11 to 2.15


def unspoken(node: Node, torch: frozenset[str]) -> Node:
    """A copy of a file's tree, or of a function's, without it. `torch`: what torch_names says of the file."""
    made: Node = _Plain(torch).visit(copy.deepcopy(node))
    return made


def torch_names(tree: ast.Module) -> frozenset[str]:
    """What torch is called in a file."""
    names = {
        one.asname or one.name
        for node in ast.walk(tree) if isinstance(node, ast.Import)
        for one in node.names if one.name == "torch" or (one.name.startswith("torch.") and one.asname is None)
    }  # fmt: skip
    return frozenset(name.partition(".")[0] for name in names)


class _Plain(ast.NodeTransformer):
    """Takes out what only speaks to Dynamo, and shows when it compiles: its settings, marks on tensors, what is to be
    compiled or left alone. `torch.compile(f)` stands for `f`, and `f = f` for nothing.
    """

    def __init__(self, torch: frozenset[str]) -> None:
        self._torch = torch

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        return node.args[0] if self._is(node.func, ("compile",)) and len(node.args) == 1 else node

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | None:
        self.generic_visit(node)
        return None if self._spoken(node.value) or _compiles_module(node.value) else node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | None:
        self.generic_visit(node)
        itself = len(node.targets) == 1 and ast.unparse(node.targets[0]) == ast.unparse(node.value)
        return None if itself or any(self._spoken(one) for one in node.targets) else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.decorator_list = [one for one in node.decorator_list if not self._decorates(one)]
        self.generic_visit(node)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        node.decorator_list = [one for one in node.decorator_list if not self._decorates(one)]
        self.generic_visit(node)
        return node

    def _decorates(self, node: ast.expr) -> bool:
        made = node.func if isinstance(node, ast.Call) else node
        if self._is(made, ("compile",)) or self._spoken(made):
            return True
        partial = isinstance(node, ast.Call) and ast.unparse(node.func) in ("partial", "functools.partial")
        return partial and isinstance(node, ast.Call) and bool(node.args) and self._is(node.args[0], ("compile",))

    def _spoken(self, node: ast.expr) -> bool:
        """Whether it is something of torch._dynamo or torch.compiler, or a call of it."""
        made = node.func if isinstance(node, ast.Call) else node
        return any(self._is(made, (room,), below=True) for room in ("_dynamo", "compiler"))

    def _is(self, node: ast.expr, names: tuple[str, ...], below: bool = False) -> bool:
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._torch:
            return False
        return tuple(parts[: len(names)]) == names and (len(parts) > len(names)) == below


def _compiles_module(node: ast.expr) -> bool:
    """`model.compile()`, with nothing but options of torch.compile."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.args:
        return False
    return node.func.attr == "compile" and all(one.arg in _OPTIONS for one in node.keywords)

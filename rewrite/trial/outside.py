"""What of two versions of a file runs when it is loaded: there only the new one was run."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about a line of the text before; line 0 where there is none."""

    what: str
    line: int


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_OPTIONS = ("fullgraph", "dynamic", "backend", "mode", "options", "disable")  # of torch.compile, 2.11 to 2.15
_JIT = ("jit.script", "script_if_tracing", "script_method")


def notes(name: str, old: ast.Module, new: ast.Module) -> list[Note]:
    """What of the change in file `name` cannot be compared on other inputs, since it is not in a function."""
    both = _names(old) & _names(new)
    before, after = (_loaded(_Plain(_torch_names(one)).visit(copy.deepcopy(one)), both) for one in (old, new))
    gone = Counter(text for text, _ in before) - Counter(text for text, _ in after)
    came = Counter(text for text, _ in after) - Counter(text for text, _ in before)
    lines = sorted({line for text, line in before if gone[text]})
    found = [
        Note(f"{name}:{line} runs when the file is loaded; there the text before was not run beside the new one.", line)
        for line in lines
    ]
    if not lines and came:
        line = min(line for text, line in after if came[text])
        what = "runs when the file is loaded; it has nothing to be compared with."
        found.append(Note(f"What is new at line {line} of {name} {what}", 0))
    return found


def scripted(tree: ast.Module) -> set[int]:
    """First lines of functions that torch.jit compiles: they run what it made of the text, whichever code they have."""
    return {
        min(node.lineno, *(one.lineno for one in node.decorator_list))
        for node in ast.walk(tree)
        if isinstance(node, _FUNCTIONS)
        if any(word in ast.unparse(one) for one in node.decorator_list for word in _JIT)
    }


def _torch_names(tree: ast.Module) -> frozenset[str]:
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
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        node.decorator_list = [one for one in node.decorator_list if not self._decorates(one)]
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


def _names(tree: ast.Module) -> frozenset[str]:
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, _FUNCTIONS))


def _loaded(tree: ast.Module, both: frozenset[str]) -> list[tuple[str, int]]:
    """The statements that run at load, each with its line; imports, docstrings and bodies of functions left out, and
    constant defaults of functions that are not in both texts.
    """
    found: list[tuple[str, int]] = []

    def block(body: list[ast.stmt]) -> None:
        for node in body:
            statement(node)

    def statement(node: ast.stmt) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, _FUNCTIONS):
            run = (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults))
            said = [one for one in run if node.name in both or not isinstance(one, ast.Constant)]
            found.extend((f"{node.name} {ast.dump(one)}", one.lineno) for one in said)
            return
        inner = [part for field in ("body", "orelse", "finalbody") for part in getattr(node, field, [])]
        inner += [part for field in ("handlers", "cases") for one in getattr(node, field, []) for part in one.body]
        if not inner:
            found.append((ast.dump(node), node.lineno))
            return
        head = [ast.dump(part) for part in ast.iter_child_nodes(node) if isinstance(part, (ast.expr, ast.keyword))]
        found.append((f"{type(node).__name__} {head}", node.lineno))
        block(inner)

    block(tree.body)
    return found

"""Where a file asks for something to be compiled, found in its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from g2.rewrite.source import FUNCTIONS, Source

_OPTIONS = {"fullgraph", "dynamic", "backend", "mode", "options", "disable", "recompile_limit"}


@dataclass(frozen=True, slots=True)
class Compiles:
    """One wish to compile. `function` says that it gives a plain function, which a decorator may wrap."""

    expression: ast.expr  # the decorator, or the whole call
    statement: ast.stmt  # the innermost that begins a line; the function itself for a decorator
    decorates: bool
    function: bool
    what: str  # the name of the function or object that is compiled, as written; empty for anything longer


def torch_name(tree: ast.Module) -> str | None:
    """How the file calls torch: "torch", "th"; None where no module-level import of it was found."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "torch" or (alias.name.startswith("torch.") and alias.asname is None):
                    return alias.asname or "torch"
    return None


def compiles(source: Source) -> list[Compiles]:
    """Every wish to compile in the file, in order. Raises Unreadable."""
    tree = source.tree
    names = _names(tree)
    functions = {node.name for node in ast.walk(tree) if isinstance(node, FUNCTIONS)}
    found: list[Compiles] = []
    for statement, node in _expressions(source, tree, None):
        if isinstance(node, FUNCTIONS):
            for decorator in node.decorator_list:
                call = decorator.func if isinstance(decorator, ast.Call) else decorator
                partial = (
                    isinstance(decorator, ast.Call)
                    and ast.unparse(call).split(".")[-1] == "partial"
                    and decorator.args
                    and ast.unparse(decorator.args[0]) in names
                )
                if (ast.unparse(call) in names and not _disabled(decorator)) or partial:
                    found.append(Compiles(decorator, node, True, True, node.name))
        elif isinstance(node, ast.Call) and not _disabled(node):
            if ast.unparse(node.func) in names and (node.args or any(k.arg == "model" for k in node.keywords)):
                model = node.args[0] if node.args else next(k.value for k in node.keywords if k.arg == "model")
                found.append(Compiles(node, statement, False, _is_function(model, functions), ast.unparse(model)))
            elif _in_place(node, names):
                owner = ast.unparse(node.func.value)  # type: ignore[attr-defined]
                found.append(Compiles(node, statement, False, False, owner))
    return sorted(found, key=lambda one: (one.expression.lineno, one.expression.col_offset))


def _names(tree: ast.Module) -> set[str]:
    """How the file may write torch.compile."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {f"{a.asname or 'torch'}.compile" for a in node.names if a.name.split(".")[0] == "torch"}
        elif isinstance(node, ast.ImportFrom) and node.module == "torch":
            names |= {a.asname or a.name for a in node.names if a.name == "compile"}
    return names


def _expressions(source: Source, node: ast.AST, statement: ast.stmt | None) -> Iterator[tuple[ast.stmt, ast.AST]]:
    """Every function definition and call, each with the statement around it that begins a line."""
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or (name == "decorator_list" and isinstance(node, FUNCTIONS)):
                continue
            inner = statement
            if isinstance(child, ast.stmt) and (statement is None or begins_line(source, child)):
                inner = child
            if inner is not None and isinstance(child, (*FUNCTIONS, ast.Call)):
                yield inner, child
            yield from _expressions(source, child, inner)


def begins_line(source: Source, node: ast.stmt) -> bool:
    """False behind a semicolon and behind the colon of `if x: y()`."""
    return not source.line(node.lineno)[: source.characters(node.lineno, node.col_offset)].strip()


def _disabled(node: ast.expr) -> bool:
    keywords = node.keywords if isinstance(node, ast.Call) else []
    return any(k.arg == "disable" and isinstance(k.value, ast.Constant) and k.value.value is True for k in keywords)


def _in_place(call: ast.Call, names: set[str]) -> bool:
    """Module.compile(): a method of that name with no arguments but torch.compile's options."""
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "compile"
        and ast.unparse(call.func) not in names
        and not call.args
        and all(k.arg in _OPTIONS for k in call.keywords)
    )


def _is_function(model: ast.expr, functions: set[str]) -> bool:
    """Whether what is compiled is a function: one defined in the file, a lambda, or a module's own `forward`."""
    if isinstance(model, ast.Lambda):
        return True
    if isinstance(model, ast.Name):
        return model.id in functions
    return isinstance(model, ast.Attribute) and (model.attr == "forward" or model.attr in functions)

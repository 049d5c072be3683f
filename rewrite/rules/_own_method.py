"""What a method of the same class does besides giving its value, as far as its own lines say so."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from g2.rewrite.site import Site

_CHANGING = frozenset(
    ["append", "extend", "insert", "remove", "pop", "clear", "update", "add", "discard", "setdefault"]
)


def effect(name: str, site: Site) -> str:
    """A clause on the first thing that `self.name` changes or says; empty where nothing is seen."""
    method = _method(name, site)
    for node in ast.walk(method) if method is not None else ():
        if clause := _said(node):
            return f"`self.{name}` {clause}"
    return ""


def _method(name: str, site: Site) -> ast.FunctionDef | None:
    line = site.span.line
    around = [
        node for node in ast.walk(site.source.tree)
        if isinstance(node, ast.ClassDef) and node.lineno <= line <= (node.end_lineno or line)
    ]  # fmt: skip
    inner = max(around, key=lambda node: node.lineno, default=None)
    found = (one for one in inner.body if isinstance(one, ast.FunctionDef) and one.name == name) if inner else ()
    return next(iter(found), None)


def _said(node: ast.AST) -> str:
    if isinstance(node, ast.Global | ast.Nonlocal):
        return "changes what is outside of it"
    for target in _targets(node):
        owner = target
        while isinstance(owner, ast.Attribute | ast.Subscript):
            owner = owner.value
        if owner is not target and isinstance(owner, ast.Name) and owner.id == "self":
            return f"changes `{ast.unparse(target)}`"
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        last = called.rpartition(".")[2]
        if called == "print" or called.startswith(("warnings.", "logging.", "logger.", "log.")):
            return "prints, warns or logs"
        if called.startswith("self.") and (last in _CHANGING or (last.endswith("_") and not last.endswith("__"))):
            return f"changes `{called.rpartition('.')[0]}`"
    return ""


def _targets(node: ast.AST) -> Iterator[ast.expr]:
    """What a statement gives a value, tuples taken apart."""
    given: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        given = list(node.targets)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        given = [node.target]
    for one in given:
        yield from one.elts if isinstance(one, ast.Tuple | ast.List) else (one,)

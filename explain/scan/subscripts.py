"""Indices and slices, which are expressions of their own."""

from __future__ import annotations

import ast

from g2.explain.scan.body import EXPRESSIONS, Body
from g2.explain.scan.detector import Event
from g2.explain.scan.elements import element_of, item_of, sliced
from g2.explain.scan.values import NUMBER, OTHER, UNKNOWN, Value


def subscript(body: Body, node: ast.Subscript) -> Value:
    value = body.value(node.value)
    inside = node.slice
    if isinstance(inside, ast.Constant):
        if isinstance(inside.value, int):
            return item_of(value, inside.value)
        return element_of(value)
    if isinstance(inside, ast.UnaryOp) and isinstance(inside.operand, ast.Constant):
        number = inside.operand.value
        return item_of(value, -number) if isinstance(number, int) else element_of(value)
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    indices: list[Value] = []
    names: list[str] = []
    written: list[ast.expr] = []
    for part in parts:
        if isinstance(part, ast.Slice):
            bounds(body, part, value)
        elif not isinstance(part, ast.Constant):
            indices.append(body.value(part))
            names.append(last_name(part))
            written.append(part)
    if isinstance(inside, ast.Tuple):
        body.used_as_tensor(value)
    if indices and not all(index is NUMBER for index in indices):
        body.see(Event("index", node, value, indices=indices, names=names, parts=written))
    if isinstance(inside, ast.Slice):
        return sliced(value)
    if isinstance(inside, ast.Tuple) and not isinstance(value, frozenset):
        return ("|", value)
    return element_of(value)


def last_name(node: ast.expr) -> str:
    """The last name in an expression that is one."""
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return (node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else "").lower()


def bounds(body: Body, node: ast.Slice, value: Value) -> None:
    """The ends of a slice."""
    for end in (node.lower, node.upper, node.step):
        if end is not None and not isinstance(end, ast.Constant):
            held = body.value(end)
            if held is not NUMBER:
                body.see(Event("slice", end, held, receiver=value))


def cut(body: Body, node: ast.Slice) -> Value:
    bounds(body, node, UNKNOWN)
    return OTHER


EXPRESSIONS[ast.Subscript] = subscript
EXPRESSIONS[ast.Slice] = cut

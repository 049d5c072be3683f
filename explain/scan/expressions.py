"""Expressions: one function for each kind of node, giving what it holds."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, TypeVar

from g2.explain.scan import operate, tables
from g2.explain.scan.body import EXPRESSIONS, Body
from g2.explain.scan.branches import boolean, narrowed, outcome, test
from g2.explain.scan.detector import Event
from g2.explain.scan.elements import element_of
from g2.explain.scan.values import (
    MASK,
    NONE,
    NOTHING,
    NUMBER,
    TENSORS,
    TEXT,
    UNKNOWN,
    Value,
    combined,
    comparison,
    join,
    outside,
    tupled,
    wrapped,
)

Handler = TypeVar("Handler", bound=Callable[..., Value])


def _handles(*kinds: type[ast.AST]) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for kind in kinds:
            EXPRESSIONS[kind] = handler
        return handler

    return register


@_handles(ast.Attribute)
def attribute(body: Body, node: ast.Attribute) -> Value:
    inner = node.value
    if isinstance(inner, ast.Name) and inner.id in body.dotted:
        held = body.env.get(f"{inner.id}.{node.attr}")
        if held is not None:
            return held
    return attribute_of(body, body.value(inner), node.attr)


def attribute_of(body: Body, value: Value, name: str) -> Value:
    """What an attribute of a value holds."""
    if isinstance(value, frozenset):
        if len(value) == 1:
            for atom in value:
                if isinstance(atom, tuple) and atom[0] == "X":
                    return outside(f"{atom[1]}.{name}")
        return operate.attribute(value, name)
    if value[0] == "g":
        return ("g", f"{value[1]}.{name}")
    if name in tables.SURE_ATTRIBUTES:
        if name == "shape":
            body.used_as_tensor(value)
        return tables.SURE_ATTRIBUTES[name]
    return (".", value, name)


@_handles(ast.BinOp)
def operation(body: Body, node: ast.BinOp) -> Value:
    left, right = body.value(node.left), body.value(node.right)
    return operated(node.op, left, right)


def operated(op: ast.operator, left: Value, right: Value) -> Value:
    """What an operator gives."""
    if left is NUMBER and right is NUMBER:
        return NUMBER
    if isinstance(op, ast.Mod) and left == TEXT:
        return TEXT
    if isinstance(op, (ast.BitAnd, ast.BitOr, ast.BitXor)):
        if _maybe_mask(left) and _maybe_mask(right):
            if left == MASK or right == MASK:
                return MASK
            return comparison((left, right))
        return combined((left, right))
    if isinstance(op, ast.Mult) and isinstance(left, frozenset) and _is_list(left) and right == NUMBER:
        return frozenset(("L", operate.element(left)) for _ in "x")
    if isinstance(left, frozenset) and isinstance(right, frozenset) and _is_list(left) and _is_list(right):
        return operate.elements(left | right)
    return combined((left, right))


def _maybe_mask(value: Value) -> bool:
    if isinstance(value, frozenset):
        return value <= {"tb", "n", "~", "?"}
    return value[0] in {"<", "c", "p", "!"}


def _is_list(kind: frozenset[Any]) -> bool:
    return bool(kind) and all(isinstance(atom, tuple) and atom[0] in "LT" for atom in kind)


@_handles(ast.UnaryOp)
def unary(body: Body, node: ast.UnaryOp) -> Value:
    if isinstance(node.op, ast.Not):
        test(body, node.operand, "not")
        return NUMBER
    value = body.value(node.operand)
    if isinstance(node.op, ast.Invert):
        return value
    return value if value is NUMBER else combined((value,))


@_handles(ast.Compare)
def compare(body: Body, node: ast.Compare) -> Value:
    values = [body.value(node.left), *(body.value(each) for each in node.comparators)]
    if len(node.ops) == 1:
        op = node.ops[0]
        if isinstance(op, (ast.Is, ast.IsNot)):
            return NUMBER
        if isinstance(op, (ast.In, ast.NotIn)):
            body.see(Event("in", node, values[1], receiver=values[0]))
            return NUMBER
        if isinstance(op, (ast.Eq, ast.NotEq)) and _plain(node, values):
            body.see(Event("compare", node, values[0], receiver=values[1]))
            return NUMBER
        return comparison(values)
    result = comparison(values)  # a <= b <= c asks for the truth of the first
    body.see(Event("test", node, comparison(values[:2]), word="and"))
    return result


def _plain(node: ast.Compare, values: list[Value]) -> bool:
    """Whether one side is a text, a list or None, which no tensor is compared with."""
    return any(
        (bool(value) and all(a in {"s", "N", "o"} or isinstance(a, tuple) for a in value))
        if isinstance(value, frozenset)
        else value[0] in "TL"
        for value in values
    )


@_handles(ast.BoolOp)
def either(body: Body, node: ast.BoolOp) -> Value:
    return boolean(body, node)


@_handles(ast.IfExp)
def choice(body: Body, node: ast.IfExp) -> Value:
    way = outcome(body, node.test)
    if way is not None:
        return body.value(node.body if way else node.orelse)
    test(body, node.test, "if")
    yes, no = narrowed(body, node.test)
    env, before = body.env, body.certain
    body.certain = False
    if yes:
        body.env = {**env, **yes}
    first = body.value(node.body)
    body.env = {**env, **no} if no else env
    second = body.value(node.orelse)
    body.env, body.certain = env, before
    return join(first, second)


@_handles(ast.Tuple)
def pair(body: Body, node: ast.Tuple) -> Value:
    if any(isinstance(each, ast.Starred) for each in node.elts):
        return listed(body, node)
    return tupled(tuple([body.value(each) for each in node.elts]))


@_handles(ast.List, ast.Set)
def listed(body: Body, node: ast.List | ast.Set | ast.Tuple) -> Value:
    values: list[Value] = []
    for each in node.elts:
        values.append(element_of(body.value(each.value)) if isinstance(each, ast.Starred) else body.value(each))
    return wrapped("L", join(*values) if values else NOTHING)


@_handles(ast.Dict)
def mapping(body: Body, node: ast.Dict) -> Value:
    values: list[Value] = []
    for key, value in zip(node.keys, node.values, strict=True):
        if key is not None:
            body.value(key)
            values.append(body.value(value))
        else:
            values.append(element_of(body.value(value)))
    return wrapped("D", join(*values) if values else NOTHING)


@_handles(ast.JoinedStr)
def text(body: Body, node: ast.JoinedStr) -> Value:
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            value = body.value(part.value)
            if not isinstance(value, frozenset) or TENSORS & value:
                body.see(Event("format", node, value))
    return TEXT


@_handles(ast.NamedExpr)
def assigned(body: Body, node: ast.NamedExpr) -> Value:
    value = body.value(node.value)
    body.env[node.target.id] = value
    return value


@_handles(ast.Starred, ast.Await)
def inner(body: Body, node: ast.Starred | ast.Await) -> Value:
    return body.value(node.value)


@_handles(ast.Yield)
def produced(body: Body, node: ast.Yield) -> Value:
    body.yields.append(body.value(node.value) if node.value else NONE)
    return UNKNOWN


@_handles(ast.YieldFrom)
def delegated(body: Body, node: ast.YieldFrom) -> Value:
    body.yields.append(element_of(body.value(node.value)))
    return UNKNOWN

"""Expressions: one function for each kind of node, giving what it holds."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from g2.explain.scan import library, operate
from g2.explain.scan.body import EXPRESSIONS, Body
from g2.explain.scan.branches import boolean, narrowed, outcome, test
from g2.explain.scan.detector import Event
from g2.explain.scan.values import (
    MASK,
    NONE,
    NOTHING,
    NUMBER,
    OTHER,
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


def _handles(*kinds: type[ast.AST]) -> Callable[[Any], Any]:
    def register(handler: Any) -> Any:
        for kind in kinds:
            EXPRESSIONS[kind] = handler
        return handler

    return register


@_handles(ast.Constant)
def constant(body: Body, node: ast.Constant) -> Value:
    value = node.value
    if value is None:
        return NONE
    return TEXT if isinstance(value, (str, bytes)) else OTHER if value is Ellipsis else NUMBER


@_handles(ast.Name)
def name(body: Body, node: ast.Name) -> Value:
    found = body.env.get(node.id)
    return found if found is not None else body.lookup(node.id)


@_handles(ast.Attribute)
def attribute(body: Body, node: ast.Attribute) -> Value:
    inner = node.value
    if isinstance(inner, ast.Name):
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
    if name in library.SURE_ATTRIBUTES:
        if name == "shape":
            body.used_as_tensor(value)
        return library.SURE_ATTRIBUTES[name]
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


@_handles(ast.Subscript)
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


def sliced(value: Value) -> Value:
    """What a slice of a value is."""
    if isinstance(value, frozenset):
        out: frozenset[Any] = NOTHING
        for atom in value:
            if isinstance(atom, tuple) and atom[0] in "TS":
                out |= frozenset({("L" if atom[0] == "T" else "S", operate.element(frozenset({atom})))})
            elif atom != "N":
                out |= frozenset({atom})
        return out or UNKNOWN
    return value


def element_of(value: Value) -> Value:
    """What an element of a value is."""
    if isinstance(value, frozenset):
        return operate.element(value)
    if value[0] == "|":
        return value
    if value[0] in "LDS" and len(value) == 2:
        return value[1]
    return ("e", value)


def item_of(value: Value, number: int) -> Value:
    """What the element with this number is."""
    if isinstance(value, frozenset):
        return operate.item(value, number)
    if value[0] == "|":
        return value
    if value[0] == "T" and -len(value[1]) <= number < len(value[1]):
        return value[1][number]
    if value[0] in "LDS" and len(value) == 2:
        return value[1]
    return ("u", value, number)


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


@_handles(ast.Slice)
def cut(body: Body, node: ast.Slice) -> Value:
    bounds(body, node, UNKNOWN)
    return OTHER

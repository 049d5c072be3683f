"""Assignments to targets, and comprehensions, which bind in a scope of their own."""

from __future__ import annotations

import ast
from typing import Any

from g2.explain.scan.body import EXPRESSIONS, Body
from g2.explain.scan.branches import narrowed, test
from g2.explain.scan.detector import Event
from g2.explain.scan.elements import element_of, item_of
from g2.explain.scan.subscripts import bounds
from g2.explain.scan.values import Value, called_name, join, ordered, wrapped

_CONFIG = frozenset({"torch._dynamo.config", "torch._dynamo.config.config"})


def assign(body: Body, target: ast.expr, value: Value, node: ast.AST) -> None:
    """A target gets a value."""
    if isinstance(target, ast.Name):
        body.env[target.id] = value
        if target.id in body.dotted:
            _forget(body, target.id)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(body, target, value, node)
    elif isinstance(target, ast.Attribute):
        _set(body, target, value, node)
    elif isinstance(target, ast.Subscript):
        _store(body, target, value)
    elif isinstance(target, ast.Starred):
        assign(body, target.value, wrapped("L", element_of(value)), node)


def _forget(body: Body, name: str) -> None:
    """What was known of the attributes of what the name held."""
    start = name + "."
    for key in [key for key in body.env if key.startswith(start)]:
        del body.env[key]


def _unpack(body: Body, target: ast.Tuple | ast.List, value: Value, node: ast.AST) -> None:
    body.see(Event("iterate", node, value, word="unpack"))
    starred = any(isinstance(each, ast.Starred) for each in target.elts)
    for number, each in enumerate(target.elts):
        assign(body, each, element_of(value) if starred else item_of(value, number), node)


def _set(body: Body, target: ast.Attribute, value: Value, node: ast.AST) -> None:
    receiver = body.value(target.value)
    if isinstance(target.value, ast.Name):
        name = target.value.id
        if name == body.self_name and name:
            body.stores.append((target.attr, value))
        body.env[f"{name}.{target.attr}"] = value
        body.dotted.add(name)
    given = node.value if isinstance(node, ast.Assign) else None
    if isinstance(given, ast.Constant) and given.value is True and called_name(receiver) in _CONFIG:
        body.sheet.options.append(target.attr)
    body.see(Event("set", node, value, method=target.attr, receiver=receiver))


def _store(body: Body, target: ast.Subscript, value: Value) -> None:
    holder = body.value(target.value)
    if isinstance(target.slice, ast.Slice):
        bounds(body, target.slice, holder)
        return
    parts = target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice]
    indices: list[Value] = []
    for part in parts:
        if isinstance(part, ast.Slice):
            bounds(body, part, holder)
        else:
            indices.append(body.value(part))
    body.see(Event("put", target, holder, indices=indices, receiver=value))
    if isinstance(target.value, ast.Name) and isinstance(holder, frozenset):
        for atom in ordered(holder):
            if isinstance(atom, tuple) and atom[0] in "LD":
                body.env[target.value.id] = join(holder, wrapped(atom[0], value))
                break


def iterate(body: Body, target: ast.expr, iterable: ast.expr, value: Value) -> None:
    """A loop's target gets an element of a value."""
    body.see(Event("iterate", iterable, value, word="for"))
    assign(body, target, element_of(value), target)


def _comprehension(body: Body, node: Any) -> Value:
    env, before = body.env, body.certain
    body.env = dict(env)
    for generator in node.generators:
        iterate(body, generator.target, generator.iter, body.value(generator.iter))
        body.certain = False
        for condition in generator.ifs:
            test(body, condition, "if")
            body.env.update(narrowed(body, condition)[0])
    if isinstance(node, ast.DictComp):
        body.value(node.key)
        result = wrapped("D", body.value(node.value))
    else:
        result = wrapped("L", body.value(node.elt))
    for name in _walrus(node):
        if name in body.env:
            env[name] = body.env[name]
    body.env, body.certain = env, before
    return result


def _walrus(node: Any) -> list[str]:
    conditions = [condition for generator in node.generators for condition in generator.ifs]
    return [each.target.id for each in conditions if isinstance(each, ast.NamedExpr)]


for _kind in (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp):
    EXPRESSIONS[_kind] = _comprehension

"""Statements: what they assign, and which way the function goes on."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from g2.explain.scan.annotations import annotation
from g2.explain.scan.bind import assign, iterate
from g2.explain.scan.body import STATEMENTS, Body
from g2.explain.scan.branches import Known, narrowed, outcome, test
from g2.explain.scan.detector import Event
from g2.explain.scan.elements import item_of
from g2.explain.scan.expressions import operated
from g2.explain.scan.names import imported
from g2.explain.scan.values import NONE, called_name, join

_LOOPS = 2  # loops in loops whose bodies are walked over a second time when something changed in the first


def _handles(*kinds: type[ast.AST]) -> Callable[[Any], Any]:
    def register(handler: Any) -> Any:
        for kind in kinds:
            STATEMENTS[kind] = handler
        return handler

    return register


@_handles(ast.Expr)
def expression(body: Body, node: ast.Expr) -> bool:
    if not isinstance(node.value, ast.Constant):
        body.value(node.value)
    return False


@_handles(ast.Assign)
def assignment(body: Body, node: ast.Assign) -> bool:
    value = body.value(node.value)
    for target in node.targets:
        if (
            isinstance(target, ast.Tuple)
            and isinstance(node.value, ast.Tuple)
            and len(target.elts) == len(node.value.elts)
        ):
            for number, each in enumerate(target.elts):
                assign(body, each, item_of(value, number), node)
        else:
            assign(body, target, value, node)
    return False


@_handles(ast.AnnAssign)
def annotated(body: Body, node: ast.AnnAssign) -> bool:
    if node.value is not None:
        value = body.value(node.value)
        said = annotation(node.annotation, body.value)
        if said is not None and isinstance(value, frozenset) and "?" in value:
            value = said
        assign(body, node.target, value, node)
    return False


@_handles(ast.AugAssign)
def augmented(body: Body, node: ast.AugAssign) -> bool:
    target = node.target
    before = body.value(target)
    value = operated(node.op, before, body.value(node.value))
    body.see(
        Event(
            "augmented", node, value, method=target.attr if isinstance(target, ast.Attribute) else "", receiver=before
        )
    )
    if not isinstance(target, ast.Subscript):
        assign(body, target, value, node)
    return False


@_handles(ast.Return)
def returned(body: Body, node: ast.Return) -> bool:
    body.returns.append(body.value(node.value) if node.value is not None else NONE)
    return True


@_handles(ast.Raise)
def raised(body: Body, node: ast.Raise) -> bool:
    return True


@_handles(ast.Break, ast.Continue)
def left(body: Body, node: ast.AST) -> bool:
    return True


@_handles(ast.Assert)
def asserted(body: Body, node: ast.Assert) -> bool:
    computed = node.msg is not None and not isinstance(node.msg, ast.Constant)
    test(body, node.test, "assert" if computed else "plain assert")
    body.env.update(narrowed(body, node.test)[0])
    return False


@_handles(ast.Delete)
def deleted(body: Body, node: ast.Delete) -> bool:
    for target in node.targets:
        if isinstance(target, ast.Subscript):
            body.value(target.value)
    return False


@_handles(ast.If)
def branch(body: Body, node: ast.If) -> bool:
    way = outcome(body, node.test)
    if way is not None:
        return body.run(node.body if way else node.orelse)
    test(body, node.test, "if")
    yes, no = narrowed(body, node.test)
    before, env = body.certain, body.env
    body.certain = False
    body.env = {**env, **yes}
    first = body.run(node.body)
    env_first = body.env
    body.env = {**env, **no}
    second = body.run(node.orelse)
    body.env = _merged(env_first, body.env, first, second)
    # A condition that only raises leaves what follows to run each time the function comes to its end.
    body.certain = before and not ((first and _leaves(node.body)) or (second and _leaves(node.orelse)))
    return first and second


def _merged(one: Known, other: Known, one_left: bool, other_left: bool) -> Known:
    if one_left:
        return other
    if other_left:
        return one
    out = dict(one)
    for name, value in other.items():
        held = out.get(name)
        if held is value:
            continue
        if held is None:
            out[name] = value
        elif held != value:
            out[name] = join(held, value)
    return out


def _leaves(statements: list[ast.stmt]) -> bool:
    """Whether it may leave other than by raising."""
    return not (statements and isinstance(statements[-1], ast.Raise))


@_handles(ast.For, ast.AsyncFor)
def loop(body: Body, node: ast.For) -> bool:
    value = body.value(node.iter)
    _around(body, node.body, lambda: iterate(body, node.target, node.iter, value))
    body.run(node.orelse)
    return False


@_handles(ast.While)
def while_loop(body: Body, node: ast.While) -> bool:
    test(body, node.test, "while")
    forever = isinstance(node.test, ast.Constant) and bool(node.test.value)
    _around(body, node.body, lambda: body.env.update(narrowed(body, node.test)[0]), forever)
    body.run(node.orelse)
    return False


def _around(body: Body, statements: list[ast.stmt], enter: Callable[[], None], always: bool = False) -> None:
    before, certain = body.env, body.certain
    body.env = dict(before)
    body.certain = certain and always
    body.loops += 1
    enter()
    body.run(statements)
    merged = _merged(before, body.env, False, False)
    if body.loops <= _LOOPS and any(name in before and merged[name] != before[name] for name in merged):
        body.env = dict(merged)
        enter()
        body.run(statements)
        merged = _merged(merged, body.env, False, False)
    body.loops -= 1
    body.env, body.certain = merged, certain


@_handles(ast.With, ast.AsyncWith)
def within(body: Body, node: ast.With) -> bool:
    for item in node.items:
        value = body.value(item.context_expr)
        expr = item.context_expr
        func = expr.func if isinstance(expr, ast.Call) else expr
        method = func.attr if isinstance(func, ast.Attribute) else ""
        name = called_name(body.value(func)) if isinstance(func, (ast.Name, ast.Attribute)) else ""
        body.see(Event("with", expr, value, name=name, method=method))
        if item.optional_vars is not None:
            assign(body, item.optional_vars, value, item.optional_vars)
    return body.run(node.body)


@_handles(ast.Try, ast.TryStar)
def attempt(body: Body, node: ast.Try) -> bool:
    env, certain = body.env, body.certain
    body.env = dict(env)
    ended = body.run(node.body)
    if not ended:
        ended = body.run(node.orelse)
    after = body.env
    body.certain = False
    ends = [(after, ended)]
    for handler in node.handlers:
        body.env = _merged(env, after, False, False)
        if handler.name:
            body.env[handler.name] = frozenset({"o"})
        ends.append((body.env, body.run(handler.body)))
        ends[-1] = (body.env, ends[-1][1])
    going = [found for found, left_ in ends if not left_]
    merged = going[0] if going else after
    for found in going[1:]:
        merged = _merged(merged, found, False, False)
    body.env, body.certain = merged, certain
    return body.run(node.finalbody) or not going


@_handles(ast.Match)
def matched(body: Body, node: ast.Match) -> bool:
    value = body.value(node.subject)
    if any(isinstance(case.pattern, ast.MatchValue) for case in node.cases):
        body.see(Event("test", node.subject, value, word="match"))
    env, certain = body.env, body.certain
    body.certain = False
    merged: Known | None = None
    for case in node.cases:
        body.env = dict(env)
        for each in ast.walk(case.pattern):
            if isinstance(each, (ast.MatchAs, ast.MatchStar)) and each.name:
                body.env[each.name] = frozenset({"?"})
        if case.guard is not None:
            test(body, case.guard, "if")
        if not body.run(case.body):
            merged = body.env if merged is None else _merged(merged, body.env, False, False)
    body.env, body.certain = _merged(env, merged or env, False, False), certain
    return False


@_handles(ast.Global)
def declared(body: Body, node: ast.Global) -> bool:
    body.globals.update(node.names)
    return False


@_handles(ast.Import, ast.ImportFrom)
def imports(body: Body, node: ast.Import | ast.ImportFrom) -> bool:
    body.env.update(imported(node))
    body.see(Event("import", node))
    return False

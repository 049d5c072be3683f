"""Guards between several values: symbolic shapes, aliasing. What holds no longer, with the numbers "
"that are there now."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from g2.capture.probe.guard_leaf import Failure
from g2.capture.probe.guard_names import dimension, readable
from g2.capture.probe.guard_show import show
from g2.capture.probe.guard_values import Missing, Reader, Unknown, parsed

_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_MOST = 8  # relations of one failure: divisibility guards come in families


def relations(parts: list[str], reader: Reader, at: int | None) -> list[Failure]:
    """The expressions among `parts` that are false now. `at` as in guard_names.readable."""
    out: list[Failure] = []
    for code in parts:
        try:
            if reader.value(code):
                continue
            out.append(_relation(code, reader, at))
        except (Unknown, Missing):
            continue
        if len(out) == _MOST:
            break
    return out


def _relation(code: str, reader: Reader, at: int | None) -> Failure:
    tree = parsed(code)
    match tree:
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[right]):
            both = f"{readable(ast.unparse(left), at)} is {readable(ast.unparse(right), at)}"
            return Failure(both, "aliasing", "the same object", "different objects", None, code, said=True)
        case ast.Compare(left=ast.Constant(value=bound), ops=[op], comparators=[single]) if _single(single):
            return _bound(single, _TURNED[_SIGNS[type(op)]], bound, code, reader)
        case ast.Compare(left=single, ops=[op], comparators=[ast.Constant(value=bound)]) if _single(single):
            return _bound(single, _SIGNS[type(op)], bound, code, reader)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Attribute(attr="isnan"), args=[value])):
            return Failure(ast.unparse(value), "value", "a number", "nan", None, code)
        case _:
            pass
    now = sorted({ast.unparse(n) for n in _singles(tree)})
    new = ", ".join(f"{readable(n, at)} = {show(reader.value(n))}" for n in now)
    return Failure(code, "shape-relation", "true", new or "false", None, code)


def _bound(node: ast.expr, sign: str, bound: object, code: str, reader: Reader) -> Failure:
    found = dimension(node)
    new = show(reader.value(ast.unparse(node)))
    old = show(bound) if sign == "==" else f"{sign} {bound}"
    if found is None:
        return Failure(ast.unparse(node), "value", old, new, None, code)
    return Failure(ast.unparse(found[0]), found[1], old, new, found[2], code)


def _single(node: ast.expr) -> bool:
    match node:
        case ast.Subscript() | ast.Attribute() | ast.Call(func=ast.Attribute(attr="item"), args=[]):
            return True
        case _:
            return dimension(node) is not None


def _singles(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.expr) and _single(node):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from _singles(child)


def aliasing(code: str, reader: Reader, at: int | None) -> list[Failure]:
    """Tensors that are one object now and were not (check_no_aliasing), or were and are not (`a is b`)."""
    try:
        tree = parsed(code)
    except Unknown:
        return []
    match tree:
        case ast.Compare(ops=[ast.Is()]):
            return relations([code], reader, at)
        case ast.Call(func=ast.Name(id="check_no_aliasing"), args=sources):
            return list(_duplicates([ast.unparse(s) for s in sources], code, reader, at))
        case _:
            return []


def _duplicates(sources: list[str], code: str, reader: Reader, at: int | None) -> Iterator[Failure]:
    seen: dict[int, tuple[str, Any]] = {}
    for source in sources:
        try:
            value = reader.value(source)
        except (Unknown, Missing):
            continue
        if id(value) in seen:
            both = f"{readable(seen[id(value)][0], at)} is {readable(source, at)}"
            yield Failure(both, "aliasing", "different tensors", "the same tensor", None, code[:200], said=True)
        else:
            seen[id(value)] = (source, value)

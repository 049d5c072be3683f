"""The shape of what an index or a reduction gives, where the text tells it."""

from __future__ import annotations

import libcst as cst

Shape = tuple[int, ...] | None


def reduced(shape: Shape, rest: list[cst.BaseExpression]) -> Shape:
    """The shape after a reduction of everything, or of one dimension that is a number in the text. rest: arguments."""
    if not rest or shape is None:
        return None if rest else ()
    one = rest[0].expression if isinstance(rest[0], cst.UnaryOperation) else rest[0]
    if len(rest) > 1 or not isinstance(one, cst.Integer):
        return None
    at = one.evaluated_value if one is rest[0] else len(shape) - one.evaluated_value
    return shape[:at] + shape[at + 1 :] if 0 <= at < len(shape) else None


def sliced(shape: Shape, node: cst.Subscript) -> Shape:
    """The shape after an index of plain integers only."""
    if shape is None or len(node.slice) > len(shape):
        return None
    for element in node.slice:
        index = element.slice.value if isinstance(element.slice, cst.Index) else None
        if isinstance(index, cst.UnaryOperation):
            index = index.expression
        if not isinstance(index, cst.Integer):
            return None
    return shape[len(node.slice) :]

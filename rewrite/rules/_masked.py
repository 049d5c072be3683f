"""`x[mask]` read with a boolean mask: what is selected from what, and the mask as wide as the tensor."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._names import definition, scope
from g2.rewrite.rules._qualified import functional
from g2.rewrite.rules._spliced import operand
from g2.rewrite.source import Piece


@dataclass(frozen=True, slots=True)
class Selected:
    """`tensor[mask]`, with `before` whole dimensions in front of the mask's and `behind` behind; None: not known."""

    node: cst.BaseExpression
    tensor: cst.BaseExpression
    mask: cst.BaseExpression
    before: int
    behind: int | None

    def same_mask(self, other: Selected) -> bool:
        return self.mask.deep_equals(other.mask) and self.before == other.before


def selected(kinds: Kinds, node: cst.CSTNode, certain: bool = False) -> Selected | None:
    """The node as a selection by a boolean mask. `certain`: that it breaks says that it is one."""
    if isinstance(node, cst.Subscript):
        return _subscript(kinds, node, certain)
    if isinstance(node, cst.Call) and len(node.args) in (1, 2) and all(not a.star and not a.keyword for a in node.args):
        arguments = [arg.value for arg in node.args]
        if functional(kinds.site.source, node.func) == "masked_select" and len(arguments) == 2:
            return _whole(kinds, node, arguments[0], arguments[1])
        if isinstance(node.func, cst.Attribute) and node.func.attr.value == "masked_select" and len(arguments) == 1:
            return _whole(kinds, node, node.func.value, arguments[0])
    return None


def _subscript(kinds: Kinds, node: cst.Subscript, certain: bool) -> Selected | None:
    before, mask, colons, dots = 0, None, 0, False
    for element in node.slice:
        part = element.slice
        if _colon(part):
            colons, before = (colons + 1, before) if mask is not None else (colons, before + 1)
        elif isinstance(part, cst.Index) and part.star is None and isinstance(part.value, cst.Ellipsis):
            if mask is None or dots:
                return None
            dots = True
        elif isinstance(part, cst.Index) and part.star is None and mask is None:
            mask = part.value
        else:
            return None
    if mask is None or not (is_mask(kinds, mask) or (certain and not _indexes(kinds, mask))):
        return None
    over, under = kinds.of(node.value).shape, kinds.of(mask).shape
    if over is None and comes_from(kinds, mask, node.value):
        behind: int | None = 0
    elif over is None or under is None:
        behind = colons if colons and not dots else None
    else:
        behind = len(over) - len(under) - before
        if behind < 0:
            return None
    return Selected(node, node.value, mask, before, behind)


def _whole(
    kinds: Kinds, node: cst.BaseExpression, tensor: cst.BaseExpression, mask: cst.BaseExpression
) -> Selected | None:
    over, under = kinds.of(tensor).shape, kinds.of(mask).shape
    if comes_from(kinds, mask, tensor) or (over is not None and over == under):
        return Selected(node, tensor, mask, 0, 0)
    return None


def is_mask(kinds: Kinds, node: cst.BaseExpression) -> bool:
    """Whether an expression is a boolean tensor for certain."""
    if kinds.of(node).truth:
        return True
    match node:
        case cst.UnaryOperation(operator=cst.BitInvert(), expression=inner):
            return is_mask(kinds, inner)
        case cst.BinaryOperation(operator=cst.BitAnd() | cst.BitOr() | cst.BitXor(), left=left, right=right):
            return is_mask(kinds, left) and is_mask(kinds, right)
        case cst.Name(value=name):
            value = definition(kinds.site.piece, scope(kinds.site.piece, node), name)
            return value is not None and not isinstance(value, cst.Name) and is_mask(kinds, value)
        case _:
            pass
    return False


def _indexes(kinds: Kinds, node: cst.BaseExpression) -> bool:
    """Whether an expression holds positions, or is no tensor."""
    kind = kinds.of(node)
    return kind.plain or (kind.tensor and kind.dtype not in ("", "bool"))


def comes_from(kinds: Kinds, mask: cst.BaseExpression, tensor: cst.BaseExpression) -> bool:
    """Whether a mask compares the tensor with plain numbers, so that it has its shape."""
    match mask:
        case cst.UnaryOperation(operator=cst.BitInvert(), expression=inner):
            return comes_from(kinds, inner, tensor)
        case cst.BinaryOperation(operator=cst.BitAnd() | cst.BitOr() | cst.BitXor(), left=left, right=right):
            return comes_from(kinds, left, tensor) and comes_from(kinds, right, tensor)
        case cst.Comparison(left=left, comparisons=[one]):
            pair = (left, one.comparator)
            return any(a.deep_equals(tensor) and kinds.of(b).plain for a, b in (pair, pair[::-1]))
        case cst.Name(value=name):
            value = definition(kinds.site.piece, scope(kinds.site.piece, mask), name)
            return value is not None and not isinstance(value, cst.Name) and comes_from(kinds, value, tensor)
        case _:
            pass
    return False


def widened(piece: Piece, mask: cst.BaseExpression, behind: int) -> str:
    """The mask with `behind` dimensions more at its end."""
    if not behind:
        return piece.code(mask)
    if behind == 1:
        return f"{operand(piece, mask)}.unsqueeze(-1)"
    return f"{operand(piece, mask)}[(...,) + (None,) * {behind}]" if behind > 3 else (
        f"{operand(piece, mask)}[..., {', '.join(['None'] * behind)}]"
    )


def _colon(part: cst.BaseSlice) -> bool:
    return isinstance(part, cst.Slice) and part.lower is None and part.upper is None and part.step is None

"""Positions that occur: `(mask.sum(dim=(-1, -2)) > 0).nonzero()`, and the mask whose first dimension they count."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from g2.rewrite.model import Left
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._names import bindings, definition, scope
from g2.rewrite.rules._positions import as_tuple, flattened, mask
from g2.rewrite.rules._qualified import argument, functional
from g2.rewrite.source import Piece

_COUNTING = ("sum", "count_nonzero", "any")
_SAME = {"permute", "transpose", "view", "reshape", "contiguous", "long", "int", "bool", "to", "float", "clone"}
_COMPARED = ("eq", "ne", "gt", "lt", "ge", "le", "logical_and", "logical_or", "logical_not", "isin")


@dataclass(frozen=True, slots=True)
class Occurring:
    """The mask of one dimension whose positions are taken, and what the loop's variable then is.

    form: "row" (a tensor with one element), "scalar" (without dimensions), "number" (of Python's).
    """

    mask: cst.BaseExpression
    form: str


def occurring(kinds: Known, node: cst.BaseExpression) -> Occurring | None:
    """What the expression lists; None when it is something else."""
    numbers = isinstance(node, cst.Call) and _method(node) == "tolist" and not node.args
    if numbers and isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        node = node.func.value
    flat = flattened(kinds, node)
    if flat is None and isinstance(node, cst.Subscript):
        written = kinds.site.piece.code(node).replace(" ", "")
        if written.endswith(("[0]", "[:,0]")):
            tupled = isinstance(node.value, cst.Call) and as_tuple(kinds, node.value)
            flat = node.value if tupled == written.endswith("[0]") else None
        if flat is None:
            return None
    call = node if flat is None else flat
    found = mask(kinds, call)
    if (
        found is None
        or not isinstance(call, cst.Call)
        or (as_tuple(kinds, call) and not isinstance(node, cst.Subscript))
    ):
        return None
    form = "row" if flat is None else "scalar"
    if numbers:
        return None if form == "row" else Occurring(found, "number")
    return Occurring(found, form)


def some(kinds: Known, node: cst.BaseExpression, before: int) -> cst.Name | Left:
    """x of `x.sum(dim=...) > 0`: the mask asks whether anything in x[i] is true, and x holds no negative numbers.

    before: where the loop begins; x keeps its value from the mask to there.
    """
    piece = kinds.site.piece
    if isinstance(node, cst.Name):
        value = definition(piece, scope(piece, node), node.value)
        if value is None or isinstance(value, cst.Name):
            return Left("it is not known what the positions are those of")
        node = value
    counted = _positive(kinds, node)
    tensor = None if counted is None else counted.func
    if counted is None or tensor is None:
        return Left("the positions are not those at which something of a mask is true")
    of_torch = functional(piece.source, tensor) in _COUNTING
    owner = argument(counted, 0, "input") if of_torch else tensor.value if isinstance(tensor, cst.Attribute) else None
    if not isinstance(owner, cst.Name):
        return Left("the positions are not those of a tensor with a name")
    dims = argument(counted, int(of_torch), "dim", "axis")
    rank = _rank(kinds, owner)
    if dims is None or rank is None or _numbers(dims, rank) != set(range(1, rank)):
        return Left(f"it is not known that a position stands for all of `{owner.value}[i]`")
    places = bindings(piece, scope(piece, node), owner.value)
    if any(piece.bounds(one)[0] > piece.bounds(node)[0] for one in places):
        return Left(f"`{owner.value}` gets another value behind the positions")
    if not places or not all(_nowhere_negative(kinds, owner.value, _value(piece, one)) for one in places):
        return Left(f"it is not known that `{owner.value}` holds no negative numbers")
    return owner


def _positive(kinds: Known, node: cst.BaseExpression) -> cst.Call | None:
    """The count of `count > 0`, `torch.greater(count, 0)`, `count.bool()`; `x.any(dim)` itself."""
    match node:
        case cst.Comparison(left=cst.Call() as left, comparisons=[cst.ComparisonTarget(
            operator=cst.GreaterThan() | cst.NotEqual(), comparator=cst.Integer("0"))]):  # fmt: skip
            return left if _counts(kinds, left) else None
        case cst.Call():
            if _counts(kinds, node) == "any":
                return node
            if functional(kinds.site.source, node.func) in ("greater", "gt", "ne") and len(node.args) == 2:
                first, second = (arg.value for arg in node.args)
                zero = isinstance(second, cst.Integer) and second.value == "0"
                return first if zero and isinstance(first, cst.Call) and _counts(kinds, first) else None
            inner = node.func.value if isinstance(node.func, cst.Attribute) else None
            if _method(node) in ("gt", "ne", "bool") and isinstance(inner, cst.Call) and _counts(kinds, inner):
                written = [kinds.site.piece.code(arg.value) for arg in node.args]
                return inner if written == ([] if _method(node) == "bool" else ["0"]) else None
        case _:
            pass
    return None


def _counts(kinds: Known, node: cst.Call) -> str:
    name = functional(kinds.site.source, node.func) or _method(node)
    return name if name in _COUNTING else ""


def _method(node: cst.Call) -> str:
    return node.func.attr.value if isinstance(node.func, cst.Attribute) else ""


def _rank(kinds: Known, owner: cst.Name) -> int | None:
    shape = kinds.of(owner).shape
    if shape is not None:
        return len(shape)
    piece = kinds.site.piece
    places = bindings(piece, scope(piece, owner), owner.value)
    value = _value(piece, places[-1]) if places else None
    if isinstance(value, cst.Call) and _method(value) == "permute":
        return len(value.args) if len(value.args) > 1 else None
    return None


def _numbers(node: cst.BaseExpression, rank: int) -> set[int]:
    parts = [element.value for element in node.elements] if isinstance(node, (cst.Tuple, cst.List)) else [node]
    found = set()
    for part in parts:
        sign = -1 if isinstance(part, cst.UnaryOperation) and isinstance(part.operator, cst.Minus) else 1
        number = part.expression if isinstance(part, cst.UnaryOperation) else part
        if not isinstance(number, cst.Integer):
            return set()
        found.add(sign * int(number.value) % rank)
    return found


def _value(piece: Piece, name: cst.Name) -> cst.BaseExpression | None:
    above = piece.parent(name)
    assign = piece.parent(above) if isinstance(above, cst.AssignTarget) else above
    return assign.value if isinstance(assign, (cst.Assign, cst.AnnAssign)) else None


def _nowhere_negative(kinds: Known, name: str, value: cst.BaseExpression | None) -> bool:
    """A comparison or one_hot, or the name itself, seen in another shape or dtype."""
    while isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute) and _method(value) in _SAME:
        of_torch = functional(kinds.site.source, value.func)
        value = argument(value, 0, "input") if of_torch else value.func.value
    if value is None:
        return False
    if isinstance(value, cst.Name) and value.value == name:
        return True
    if isinstance(value, cst.Call):
        asked = functional(kinds.site.source, value.func) or _method(value)
        return asked == "one_hot" or asked in _COMPARED
    return kinds.of(value).truth or isinstance(value, cst.Comparison)

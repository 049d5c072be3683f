"""Tests that ask whether a mask selects anything: `m.any()`, `len(rows) > 0` where rows were taken by the mask."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from g2.rewrite.rules._known import Known
from g2.rewrite.rules._masked import selected
from g2.rewrite.rules._names import bindings, definition, scope
from g2.rewrite.rules._positions import taken
from g2.rewrite.rules._qualified import argument, functional
from g2.rewrite.source import Piece


@dataclass(frozen=True, slots=True)
class Asked:
    """The mask, names that hold its positions, and the statement from which on they do.

    something: the test is true where anything is selected; else where nothing is.
    """

    mask: cst.BaseExpression
    positions: frozenset[str]
    since: cst.CSTNode
    something: bool


def asked(kinds: Known, test: cst.BaseExpression) -> Asked | None:
    """What the test asks of which mask; None where it asks something else."""
    something = True
    match test:
        case cst.UnaryOperation(operator=cst.Not(), expression=inner):
            something, test = False, inner
        case cst.Comparison(
            left=left, comparisons=[cst.ComparisonTarget(operator=sign, comparator=cst.Integer(value))]
        ):
            more = (isinstance(sign, (cst.GreaterThan, cst.NotEqual)) and value == "0") or (
                isinstance(sign, cst.GreaterThanEqual) and value == "1"
            )
            none = (isinstance(sign, cst.Equal) and value == "0") or (isinstance(sign, cst.LessThan) and value == "1")
            if not more and not none:
                return None
            something, test = more, left
            return _counted(kinds, test, something)
        case _:
            pass
    return _counted(kinds, test, something) or _any(kinds, test, something)


def _any(kinds: Known, node: cst.BaseExpression, something: bool, name: str = "any") -> Asked | None:
    """m of `m.any()`, `torch.any(m)` and `m.any().item()`, of all of it."""
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and not node.args:
        if node.func.attr.value == "item":
            return _any(kinds, node.func.value, something, name)
        if node.func.attr.value == name:
            return _of_mask(kinds, node.func.value, something)
    if isinstance(node, cst.Call) and functional(kinds.site.source, node.func) == name and len(node.args) == 1:
        mask = argument(node, 0, "input")
        return None if mask is None else _of_mask(kinds, mask, something)
    return None


def _of_mask(kinds: Known, mask: cst.BaseExpression, something: bool) -> Asked | None:
    where = kinds.site.piece.statement(mask)
    return None if where is None else Asked(mask, frozenset(), where, something)


def _counted(kinds: Known, node: cst.BaseExpression, something: bool) -> Asked | None:
    """`len(p)`, `p.numel()`, `p.shape[0]`, `p.size(0)` of positions or rows; `m.sum()` of a boolean mask."""
    piece = kinds.site.piece
    summed = _any(kinds, node, something, "sum")
    if summed is not None:
        return summed if kinds.of(summed.mask).truth else None
    name = _size_of(piece, node)
    if name is None:
        return None
    around = scope(piece, name)
    places = bindings(piece, around, name.value)
    above = piece.parent(places[0]) if len(places) == 1 else None
    while isinstance(above, (cst.Element, cst.Tuple)):
        above = piece.parent(above)
    assign = piece.parent(above) if isinstance(above, cst.AssignTarget) else None
    line = None if assign is None else piece.statement(assign)
    if not isinstance(assign, cst.Assign) or len(assign.targets) != 1 or line is None:
        return None
    mask = taken(kinds, assign.value)
    if mask is not None:
        target = assign.targets[0].target
        parts = [one.value for one in target.elements] if isinstance(target, cst.Tuple) else [target]
        held = frozenset(part.value for part in parts if isinstance(part, cst.Name))
        return Asked(mask, held, line, something)
    rows = selected(kinds, assign.value) if definition(piece, around, name.value) is not None else None
    whole = rows is not None and rows.before == 0 and not piece.code(node).endswith("numel()")
    return Asked(rows.mask, frozenset(), line, something) if rows is not None and whole else None


def _size_of(piece: Piece, node: cst.BaseExpression) -> cst.Name | None:
    match node:
        case cst.Call(func=cst.Name("len"), args=[cst.Arg(value=cst.Name() as name)]):
            return name
        case cst.Call(func=cst.Attribute(value=cst.Name() as name, attr=cst.Name("numel" | "nelement")), args=[]):
            return name
        case cst.Call(func=cst.Attribute(value=cst.Name() as name, attr=cst.Name("size"))):
            return name if piece.code(node).endswith("(0)") else None
        case cst.Subscript(value=cst.Attribute(value=cst.Name() as name, attr=cst.Name("shape"))):
            return name if piece.code(node).endswith("[0]") else None
        case _:
            return None

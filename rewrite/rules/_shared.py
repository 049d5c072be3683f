"""Tensors that two names share: torch.where gives a new tensor where a branch handed on one that was there."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._choice import Refused
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._tensor_api import VIEWS
from g2.rewrite.rules._update import Update


def shared(update: Update, found: cst.CSTNode, kinds: Kinds) -> None:
    """Raises Refused when a later line changes the target in place: the original changed what another name holds."""
    if update.write != "=" or update.value.fresh:
        return
    handed = {_viewed(node) for part in update.value.parts for node in _ends(part)} - {""}
    for name in (update.target, *sorted(handed)):
        where = writes(name, kinds, found)
        if where is not None:
            code = kinds.site.piece.code(where)
            raise Refused(f"`{code}` changes `{name}` in place, and another name may share it")


def _ends(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """What an expression may give as it is."""
    return [*_ends(node.body), *_ends(node.orelse)] if isinstance(node, cst.IfExp) else [node]


def _viewed(node: cst.BaseExpression) -> str:
    """The name of the tensor that an expression hands on, or a view of it; empty where it is none."""
    while True:
        if isinstance(node, cst.Subscript):
            node = node.value
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in VIEWS:
            node = node.func.value
        else:
            return dotted(node) if isinstance(node, (cst.Name, cst.Attribute)) else ""


def writes(name: str, kinds: Kinds, found: cst.CSTNode) -> cst.CSTNode | None:
    """Where a tensor of this name is changed in place after a statement; None where it is not."""
    piece = kinds.site.piece
    start, end = piece.bounds(found)
    loops = [one for one in piece.ancestors(found) if isinstance(one, (cst.For, cst.While))]
    # What stands before in the same loop comes after it as well.
    again = piece.bounds(loops[-1]) if loops else (start, start)
    for one in nodes(piece.module):
        if not isinstance(one, (cst.AugAssign, cst.Assign, cst.Call)):
            continue
        place = piece.bounds(one)[0]
        if start <= place < end or (place < start and not again[0] <= place < again[1]):
            continue
        if isinstance(one, cst.AugAssign) and _root(one.target) == name and (
            kinds.of(one.target).name not in ("number", "bool", "str")
        ):
            return one
        if isinstance(one, cst.Assign) and any(
            isinstance(target.target, cst.Subscript) and _root(target.target) == name for target in one.targets
        ):
            return one
        if isinstance(one, cst.Call) and isinstance(one.func, cst.Attribute) and dotted(one.func.value) == name:
            method = one.func.attr.value
            if method.endswith("_") and not method.endswith("__"):
                return one
    return None


def _root(node: cst.BaseExpression) -> str:
    while isinstance(node, cst.Subscript):
        node = node.value
    return dotted(node)

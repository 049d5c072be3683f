"""A new local name that reads well: one that the scope where it is put does not know."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._names import nodes, scope
from g2.rewrite.source import Piece


def fresh_in(piece: Piece, node: cst.CSTNode, *wishes: str) -> str:
    """The first of the wishes that is free in the scope around a node; with a number when none is.

    A parameter of another function may have the same name; a variable that another function reads from outside may not.
    """
    place = scope(piece, node)
    for wish in wishes:
        if wish and not any(_known(piece, name, place) for name in nodes(piece.module) if _is(name, wish)):
            return wish
    return piece.fresh(wishes[-1])


def _is(node: cst.CSTNode, wish: str) -> bool:
    return isinstance(node, cst.Name) and node.value == wish


def _known(piece: Piece, name: cst.CSTNode, place: cst.CSTNode) -> bool:
    above = piece.parent(name)
    if isinstance(above, cst.Attribute) and above.attr is name:
        return False
    if isinstance(above, cst.Arg) and above.keyword is name:
        return False
    for one in piece.ancestors(name):
        if one is place:
            return True
        if isinstance(one, (cst.FunctionDef, cst.Lambda)) and any(
            isinstance(p, cst.Param) and _is(p.name, name.value)  # type: ignore[attr-defined]
            for p in nodes(one.params)
        ):
            return False
    return True

"""Where a function reads a name and where it binds it, told from the syntax alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import libcst as cst

from g2.rewrite.source import Piece

_BINDERS = (cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.For, cst.CompFor, cst.AsName, cst.NamedExpr)
_DECLARED = (cst.Param, cst.FunctionDef, cst.ClassDef, cst.ImportAlias, cst.NameItem)


def nodes(tree: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The tree's nodes, itself first, in the order in which they are written."""
    yield tree
    for child in tree.children:
        yield from nodes(child)


def scope(piece: Piece, node: cst.CSTNode) -> cst.CSTNode:
    """The innermost function around a node, else the whole module."""
    for above in piece.ancestors(node):
        if isinstance(above, cst.FunctionDef):
            return above
    return piece.module


def binds(piece: Piece, name: cst.Name) -> bool:
    """Whether a name is given a value where it stands, or declared."""
    child: cst.CSTNode = name
    above = piece.parent(name)
    while isinstance(above, (cst.Element, cst.StarredElement, cst.Tuple, cst.List)):
        child, above = above, piece.parent(above)
    if isinstance(above, _BINDERS):
        return child is getattr(above, "target", None) or child is getattr(above, "name", None)
    return isinstance(above, (*_DECLARED, cst.Del)) and child is not getattr(above, "default", None)


def reads(piece: Piece, tree: cst.CSTNode, name: str) -> list[cst.Name]:
    """Where the value of a name is read, `name += 1` among them."""
    found = []
    for one in _occurrences(piece, tree, name):
        above = piece.parent(one)
        if not binds(piece, one) or (isinstance(above, cst.AugAssign) and above.target is one):
            found.append(one)
    return found


def bindings(piece: Piece, tree: cst.CSTNode, name: str) -> list[cst.Name]:
    """Where a name is given a value: assignments, loops, parameters, `with ... as`, `global`."""
    return [one for one in _occurrences(piece, tree, name) if binds(piece, one)]


def definition(piece: Piece, tree: cst.CSTNode, name: str) -> cst.BaseExpression | None:
    """The right side of the only assignment that gives the name its value; None when there is another."""
    places = bindings(piece, tree, name)
    if len(places) != 1:
        return None
    above = piece.parent(places[0])
    if isinstance(above, cst.AssignTarget):
        assign = piece.parent(above)
        return assign.value if isinstance(assign, cst.Assign) and len(assign.targets) == 1 else None
    return above.value if isinstance(above, cst.AnnAssign) else None


def read_names(piece: Piece, tree: cst.CSTNode) -> dict[str, list[cst.Name]]:
    """Every name whose value a part of the code reads."""
    found: dict[str, list[cst.Name]] = {}
    for one in nodes(tree):
        if isinstance(one, cst.Name) and _is_variable(piece, one) and not binds(piece, one):
            found.setdefault(one.value, []).append(one)
    return found


def bound_between(piece: Piece, tree: cst.CSTNode, names: Iterable[str], start: int, end: int) -> bool:
    """Whether one of the names is given another value in that stretch of the file's text."""
    return any(start <= piece.bounds(one)[0] < end for name in names for one in bindings(piece, tree, name))


def _occurrences(piece: Piece, tree: cst.CSTNode, name: str) -> list[cst.Name]:
    return [
        one for one in nodes(tree) if isinstance(one, cst.Name) and one.value == name and _is_variable(piece, one)
    ]


def _is_variable(piece: Piece, name: cst.Name) -> bool:
    """Not the name behind a dot, nor that of a keyword argument."""
    above = piece.parent(name)
    if isinstance(above, cst.Attribute):
        return above.value is name
    return not (isinstance(above, cst.Arg) and above.keyword is name)

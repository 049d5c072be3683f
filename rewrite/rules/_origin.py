"""Where a value came from: the expressions behind a place, through assignments and functions of the same file."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import libcst as cst

from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._names import bindings, nodes, scope
from g2.rewrite.source import Piece, Source, Unreadable

_DEEP = 4  # functions that are followed into, one inside the other


def origins(piece: Piece, node: cst.CSTNode, deep: int = _DEEP) -> Iterator[tuple[Piece, cst.CSTNode]]:
    """The place itself, the right sides of the assignments to names that it reads (and so on), and the returned
    expressions of functions and methods of the same file that are called there. Each with the piece that it is part of.
    """
    seen: set[tuple[str, int]] = set()
    waiting: list[tuple[Piece, cst.CSTNode, int]] = [(piece, node, deep)]
    while waiting:
        where, one, left = waiting.pop(0)
        key = (where.source.path, where.bounds(one)[0] * 100_000 + where.bounds(one)[1])
        if key in seen:
            continue
        seen.add(key)
        yield where, one
        around = scope(where, one)
        for inner in nodes(one):
            if isinstance(inner, cst.Name):
                waiting += [(where, value, left) for value in _assigned(where, around, inner.value)]
            elif isinstance(inner, cst.Call) and left:
                waiting += [(other, value, left - 1) for other, value in _returned(where.source, dotted(inner.func))]


def _assigned(piece: Piece, around: cst.CSTNode, name: str) -> Iterator[cst.CSTNode]:
    if not isinstance(around, cst.FunctionDef):
        return
    for place in bindings(piece, around, name):
        for above in piece.ancestors(place):
            if isinstance(above, (cst.Assign, cst.AnnAssign, cst.AugAssign)) and above.value is not None:
                yield above.value
            if isinstance(above, (cst.BaseSmallStatement, cst.BaseStatement)):
                break


def _returned(source: Source, name: str) -> Iterator[tuple[Piece, cst.CSTNode]]:
    """What the function of this name returns, where the file has just one: "helper" or "self.helper"."""
    owner, _, bare = name.rpartition(".")
    if owner not in ("", "self", "cls") or not bare:
        return
    lines = _lines(source, bare, method=bool(owner))
    if len(lines) != 1:
        return
    try:
        piece = source.piece(lines[0])
    except Unreadable:
        return
    if piece.function is None:
        return
    for one in nodes(piece.function):
        if isinstance(one, cst.Return) and one.value is not None and scope(piece, one) is piece.function:
            yield piece, one.value


def _lines(source: Source, name: str, method: bool) -> list[int]:
    found = []
    for node in ast.walk(source.tree):
        inside = node.body if isinstance(node, (ast.ClassDef if method else ast.Module)) else []
        found += [one.lineno for one in inside if isinstance(one, ast.FunctionDef) and one.name == name]
    return found

"""The text of an expression with some of its parts replaced."""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst

from g2.rewrite.rules._names import nodes
from g2.rewrite.source import Piece

_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.Integer, cst.Float, cst.Tuple, cst.List)


def spliced(piece: Piece, node: cst.CSTNode, parts: Mapping[cst.CSTNode, str]) -> str:
    """The node as written, each of `parts` that is in it (or is it) by its new text; the outermost win."""
    found: list[tuple[int, int, str]] = []
    for one in nodes(node):
        if one in parts:
            start, end = piece.bounds(one)
            if not found or start >= found[-1][1]:
                found.append((start, end, parts[one]))
    at, stop = piece.bounds(node)
    out = []
    for start, end, text in found:
        out += [piece.source.text[at:start], text]
        at = end
    return "".join([*out, piece.source.text[at:stop]])


def operand(piece: Piece, node: cst.BaseExpression, text: str | None = None) -> str:
    """The node (or `text` in its stead) as it can stand before a dot: in brackets, where it needs them."""
    written = piece.code(node) if text is None else text
    if isinstance(node, _ATOMS) and not isinstance(node, (cst.Integer, cst.Float)):
        return written
    return written if node.lpar and text is None else f"({written})"

"""The text of an expression with some of its parts replaced."""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst

from g2.rewrite.rules._names import nodes
from g2.rewrite.source import Piece

_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript)


def spliced(piece: Piece, node: cst.CSTNode, parts: Mapping[cst.CSTNode, str]) -> str:
    """The node as written, without brackets around it; `parts` that are in it (or are it) by their new text, of
    which the outermost win.
    """
    found: list[tuple[int, int, str]] = []
    for one in nodes(node):
        if one in parts:
            start, end = piece.bounds(one)
            if one is not node and isinstance(one, cst.BaseExpression) and one.lpar and _is_call(parts[one]):
                start, end = _brackets(piece.source.text, start, end)
            if not found or start >= found[-1][1]:
                found.append((start, end, parts[one]))
    at, stop = piece.bounds(node)
    out = []
    for start, end, text in found:
        out += [piece.source.text[at:start], text]
        at = end
    return "".join([*out, piece.source.text[at:stop]])


def _is_call(text: str) -> bool:
    """Whether it is one call, that needs no brackets around it."""
    depth, head = 0, text.partition("(")[0]
    for at, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and character == ")":
            return at == len(text) - 1 and head.replace(".", "").isidentifier()
    return False


def _brackets(text: str, start: int, end: int) -> tuple[int, int]:
    """The same stretch with the brackets right around it."""
    left, right = text[:start].rstrip(" "), text[end:].lstrip(" ")
    if left.endswith("(") and right.startswith(")"):
        return len(left) - 1, len(text) - len(right) + 1
    return start, end


def operand(piece: Piece, node: cst.BaseExpression, text: str | None = None) -> str:
    """The node (or `text` in its stead) as it can stand before a dot: in brackets, where it needs them."""
    written = piece.code(node) if text is None else text
    if isinstance(node, _ATOMS):
        return written
    return f"({written})"

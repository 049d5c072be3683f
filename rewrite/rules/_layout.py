"""How text put into a file looks: line length as the file has it, comments kept."""

from __future__ import annotations

import io
import tokenize

import libcst as cst

from g2.rewrite.source import Piece

_USUAL = 88
_LONGEST = 120


def width(piece: Piece) -> int:
    """The longest line that is usual in the file, between 88 and 120 characters."""
    longest = max((len(line.rstrip()) for line in piece.source.text.split("\n")), default=0)
    return min(max(longest, _USUAL), _LONGEST)


def call(head: str, arguments: list[str], tail: str, column: int, limit: int) -> str:
    """`head(arguments)tail` for a statement at a column; an argument a line where it would be too long."""
    flat = f"{head}({', '.join(arguments)}){tail}"
    if column + len(flat) <= limit or "\n" in flat:
        return flat
    return "\n".join([f"{head}(", *(f"    {argument}," for argument in arguments), f"){tail}"])


def comments(piece: Piece, node: cst.CSTNode) -> list[str]:
    """The comments inside a statement, in order: not those before it, nor one behind its last line."""
    text = piece.indent(node) + piece.code(node) + "\n"
    if text[:1] in (" ", "\t"):
        text = "if 1:\n" + text
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found.append(token.string)
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return []
    return found


def joined(text: str) -> str:
    """An expression on one line; one that holds a comment or a string of several lines stays as it is."""
    if "\n" not in text or "#" in text or '"""' in text or "'''" in text:
        return text
    parts = [line.strip().removesuffix("\\").rstrip() for line in text.split("\n")]
    flat = " ".join(part for part in parts if part)
    for opening in "([{":
        flat = flat.replace(f"{opening} ", opening)
    for closing in ")]}":
        flat = flat.replace(f", {closing}", closing).replace(f" {closing}", closing)
    return flat

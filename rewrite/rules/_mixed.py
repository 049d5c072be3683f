"""Lines for a condition of which Python decides a part: `flag and tensor`, `flag or tensor`."""

from __future__ import annotations

import textwrap

import libcst as cst

from g2.rewrite.rules._choice import Refused
from g2.rewrite.rules._truth import Truth
from g2.rewrite.source import Piece


def placed(found: cst.If, condition: Truth, lines: list[str], piece: Piece) -> list[str]:
    """`lines`, which answer the tensor's part, under the `if` that Python decides. Raises Refused."""
    if not condition.mixed:
        return lines
    inner = [f"    {line}" if line else "" for line in lines]
    if condition.python:
        head = [f"if {' and '.join(condition.python)}:", *inner]
        if found.orelse is None:
            return head
        if isinstance(found.orelse, cst.If):
            raise Refused("the condition mixes a Python value and a tensor, and there is an `elif`")
        return [*head, "else:", *body(found.orelse.body, piece)]
    return [f"if {' or '.join(condition.instead)}:", *body(found.body, piece), "else:", *inner]


def body(suite: cst.BaseSuite, piece: Piece) -> list[str]:
    """The lines of a block as they are written, at an indentation of four."""
    first, last = suite.body[0], suite.body[-1]
    start, end = piece.bounds(first)[0], piece.bounds(last)[1]
    margin = piece.indent(first) if isinstance(suite, cst.IndentedBlock) else ""
    text = margin + piece.source.text[start:end].replace(piece.source.newline, "\n")
    return textwrap.indent(textwrap.dedent(text), "    ").split("\n")

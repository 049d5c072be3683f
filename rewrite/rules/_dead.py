"""Assignments that nothing reads once a part of the code is gone."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from g2.rewrite.model import Edit
from g2.rewrite.rules._names import definition, nodes, read_names, reads
from g2.rewrite.source import Piece

_BUILTINS = {"max", "min", "len", "int", "float", "bool", "abs", "sum", "tuple", "list"}
_METHODS = {
    "max", "min", "amax", "amin", "sum", "mean", "any", "all", "item", "int", "long", "float", "bool", "abs", "size",
    "dim", "numel", "argmax", "argmin", "nonzero", "unique", "count_nonzero", "flatten", "view", "reshape", "squeeze",
    "unsqueeze", "to", "cpu", "detach", "clone", "tolist", "eq", "ne", "gt", "lt", "ge", "le",
}  # fmt: skip
_PLAIN = (
    cst.Name, cst.Attribute, cst.Integer, cst.Float, cst.Call, cst.Arg, cst.BinaryOperation, cst.UnaryOperation,
    cst.Comparison, cst.ComparisonTarget, cst.BooleanOperation, cst.Subscript, cst.SubscriptElement, cst.Index,
    cst.Slice, cst.Tuple, cst.Element, cst.SimpleString, cst.BaseBinaryOp, cst.BaseUnaryOp, cst.BaseCompOp,
    cst.BaseBooleanOp, cst.Ellipsis, cst.IfExp,
)  # fmt: skip
_LAYOUT = (
    cst.BaseParenthesizableWhitespace, cst.LeftParen, cst.RightParen, cst.LeftSquareBracket, cst.RightSquareBracket,
    cst.Comma, cst.Colon, cst.Dot, cst.AssignEqual, cst.Newline, cst.TrailingWhitespace, cst.EmptyLine,
)  # fmt: skip


def pure(node: cst.CSTNode) -> bool:
    """Whether an expression only computes: names, arithmetic, and methods of tensors that change nothing."""
    for one in nodes(node):
        if isinstance(one, cst.Call):
            function = one.func
            if isinstance(function, cst.Name) and function.value in _BUILTINS:
                continue
            if not (isinstance(function, cst.Attribute) and function.attr.value in _METHODS):
                return False
        elif not isinstance(one, (*_PLAIN, *_LAYOUT)):
            return False
    return True


def dead(piece: Piece, scope: cst.CSTNode, gone: Sequence[cst.CSTNode]) -> list[Edit]:
    """Edits that take away the assignments whose names only the parts `gone` read. What they compute is pure."""
    removed: list[cst.CSTNode] = list(gone)
    edits: list[Edit] = []
    waiting = [name for part in gone for name in read_names(piece, part)]
    while waiting:
        name = waiting.pop()
        value = definition(piece, scope, name)
        line = None if value is None else piece.statement(value)
        if value is None or line in removed or not _alone(line) or not pure(value):
            continue
        if all(_inside(piece, read, removed) for read in reads(piece, scope, name)) and line is not None:
            removed.append(line)
            edits.append(without(piece, line))
            waiting += read_names(piece, value)
    return edits


def without(piece: Piece, line: cst.CSTNode) -> Edit:
    """An edit that takes a whole line away; a comment at its end stays, on a line of its own."""
    source = piece.source
    start, end = piece.bounds(line)
    first, _ = source.position(start)
    last, column = source.position(end)
    rest = source.line(last)[column:].strip()
    begin = source.offset(first, 0)
    stop = source.offset(last, 0) + len(source.line(last))
    return Edit(begin, stop, f"{piece.indent(line)}{rest}\n" if rest.startswith("#") else "")


def _alone(line: cst.CSTNode | None) -> bool:
    return isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1


def _inside(piece: Piece, node: cst.CSTNode, parts: Sequence[cst.CSTNode]) -> bool:
    return any(one is part for one in (node, *piece.ancestors(node)) for part in parts)

"""Expressions that list the positions at which a mask is true."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._qualified import functional

_FLAT = {"flatten()", "view(-1)", "reshape(-1)", "squeeze(-1)", "squeeze(1)", "t()"}


def taken(kinds: Kinds, node: cst.BaseExpression) -> cst.BaseExpression | None:
    """m of whatever gives positions of m: `torch.where(m)`, `m.nonzero()`, one coordinate of these, made flat."""
    return mask(kinds, _bare(kinds, node))


def mask(kinds: Kinds, node: cst.BaseExpression) -> cst.BaseExpression | None:
    """m of `m.nonzero()`, `torch.nonzero(m)` and `torch.where(m)`, as a tuple or not."""
    if not isinstance(node, cst.Call):
        return None
    plain = [arg.value for arg in node.args if arg.keyword is None and not arg.star]
    named = [arg.keyword.value for arg in node.args if arg.keyword is not None]
    if len(plain) + len(named) != len(node.args) or any(one != "as_tuple" for one in named):
        return None
    function = functional(kinds.site.source, node.func)
    if len(plain) == 1 and (function == "nonzero" or (function == "where" and not named)):
        return plain[0]
    if isinstance(node.func, cst.Attribute) and node.func.attr.value == "nonzero" and not plain:
        return node.func.value
    return None


def as_tuple(kinds: Kinds, node: cst.Call) -> bool:
    """Whether such a call gives one tensor for each dimension."""
    said = [arg.value for arg in node.args if arg.keyword is not None]
    if said:
        return isinstance(said[0], cst.Name) and said[0].value == "True"
    return functional(kinds.site.source, node.func) == "where"


def _bare(kinds: Kinds, node: cst.BaseExpression) -> cst.BaseExpression:
    while True:
        below = flattened(kinds, node)
        if below is None and isinstance(node, cst.Subscript):
            below = node.value
        if below is None:
            return node
        node = below


def flattened(kinds: Kinds, node: cst.BaseExpression) -> cst.BaseExpression | None:
    """x of `x.flatten()`, `x.view(-1)` and their like."""
    if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
        return None
    written = kinds.site.piece.code(node).replace(" ", "")
    return node.func.value if any(written.endswith(f".{one}") for one in _FLAT) else None

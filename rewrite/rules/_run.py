"""Which way conditions of Python go in the run, told from plain values that no loop changes."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import bindings

_FALSE = ("", "0", "0.0", "False", "''", '""')


def runs(test: cst.BaseExpression, kinds: Kinds) -> bool | None:
    """The truth of a condition in the run; None where it is not known, or may be another at the loop's next turn."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        inner = runs(test.expression, kinds)
        return None if inner is None else not inner
    if isinstance(test, cst.BooleanOperation):
        both = [runs(part, kinds) for part in (test.left, test.right)]
        decisive = isinstance(test.operator, cst.Or)
        if decisive in both:
            return decisive
        return None if None in both else not decisive
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        return _is_none(test, kinds)
    return _plain(test, kinds)


def never(node: cst.CSTNode, kinds: Kinds) -> cst.BaseExpression | None:
    """The condition for which a part of the code is not reached in the run; None where it may be."""
    piece, child = kinds.site.piece, node
    for above in piece.ancestors(node):
        if isinstance(above, (cst.If, cst.IfExp)) and runs(above.test, kinds) is (child is above.orelse):
            return above.test if child is not above.test else None
        child = above
    return None


def _plain(node: cst.BaseExpression, kinds: Kinds) -> bool | None:
    name = dotted(node)
    value = kinds.site.values.get(name)
    if value is None or not _steady(node, kinds):
        return None
    if value.kind == "none":
        return False
    if value.kind in ("bool", "number", "str") and value.text:
        return value.text not in _FALSE
    return True if value.kind == "module" else None


def _is_none(test: cst.Comparison, kinds: Kinds) -> bool | None:
    only = test.comparisons[0]
    if not isinstance(only.operator, (cst.Is, cst.IsNot)) or dotted(only.comparator) != "None":
        return None
    value = kinds.site.values.get(dotted(test.left))
    if value is None or value.kind == "unknown" or not _steady(test.left, kinds):
        return None
    return (value.kind == "none") is isinstance(only.operator, cst.Is)


def _steady(node: cst.BaseExpression, kinds: Kinds) -> bool:
    """Whether no loop around the place gives the name, or the object whose attribute it is, another value."""
    piece, site = kinds.site.piece, kinds.site
    name = dotted(node).partition(".")[0]
    loops = [one for one in piece.ancestors(site.node) if isinstance(one, (cst.For, cst.While))]
    if any(bindings(piece, loop, name) for loop in loops):
        return False
    written = dotted(node)
    return "." not in written or not any(_stores(loop, written) for loop in loops)


def _stores(loop: cst.CSTNode, written: str) -> bool:
    if isinstance(loop, cst.AssignTarget | cst.AugAssign | cst.AnnAssign) and dotted(loop.target) == written:
        return True
    return any(_stores(child, written) for child in loop.children)

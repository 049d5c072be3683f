"""The branch at which Dynamo stopped: the `if`, `assert`, `while` or conditional expression around the place."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._names import nodes
from g2.rewrite.site import Site

Branch = cst.If | cst.IfExp | cst.Assert | cst.While | cst.CompIf
REASONS = ("tensor-branch", "data-dependent-answer", "host-value")


def branch(site: Site) -> Branch | None:
    """The construct whose test holds the place, when the place is (part of) a test."""
    if isinstance(site.node, (cst.If, cst.While, cst.Assert, cst.IfExp)):
        return site.node
    if isinstance(site.node, (cst.SimpleStatementLine, cst.BaseSmallStatement)):
        inside = [one for one in nodes(site.node) if isinstance(one, (cst.IfExp, cst.Assert))]
        return inside[0] if len(inside) == 1 else None
    child: cst.CSTNode = site.node
    for above in site.piece.ancestors(site.node):
        if isinstance(above, (cst.If, cst.IfExp, cst.Assert, cst.While, cst.CompIf)):
            return above if above.test is child else None
        if not isinstance(above, (cst.BooleanOperation, cst.UnaryOperation, cst.Comparison, cst.ComparisonTarget)):
            return None
        child = above
    return None


def asked(site: Site) -> Kinds:
    """Kinds at the place; the expression that Dynamo asked for its truth is a tensor."""
    tensor: cst.CSTNode | None = None
    if site.target.reason == "tensor-branch":
        tensor = site.node
        if isinstance(tensor, (cst.If, cst.While, cst.Assert, cst.IfExp)):
            tensor = tensor.test
        while isinstance(tensor, cst.UnaryOperation) and isinstance(tensor.operator, cst.Not):
            tensor = tensor.expression
        if isinstance(tensor, cst.BooleanOperation) or _beside_others(site, tensor):
            tensor = None
    return Kinds(site, tensor)


def _beside_others(site: Site, node: cst.CSTNode) -> bool:
    """Whether another operand of an `and` or `or` may be the tensor: CPython gives all the place of the first one."""
    kinds, child = Kinds(site), node
    for above in site.piece.ancestors(node):
        if isinstance(above, cst.BooleanOperation):
            for other in (above.left, above.right):
                if other is not child and kinds.of(other).name in ("tensor", "unknown"):
                    return True
        elif not isinstance(above, cst.UnaryOperation):
            return False
        child = above
    return False

"""`a and b`, `a or b`, `not a` as a value, where the operands are tensors: `&`, `|`, `~`."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._branches import asked
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import nodes, reads
from g2.rewrite.rules._pure import Effects
from g2.rewrite.rules._truth import truth
from g2.rewrite.site import Site

_TESTED = (cst.If, cst.IfExp, cst.While, cst.Assert, cst.CompIf)


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = _operation(site)
    if found is None:
        return
    kinds = asked(site)
    condition = truth(found, kinds)
    if condition is None or condition.mixed or condition.loose:
        yield Left("not every operand is a single truth of a tensor")
        return
    effects = Effects()
    effects.add(found, kinds)
    if effects.never or effects.raising or effects.perhaps or effects.draws:
        clauses = {**effects.never, **effects.raising, **effects.perhaps, "it draws random numbers": None}
        yield Left(f"the right side must not be computed in vain: {next(iter(clauses))}")
        return
    text = condition.plain()
    if found.lpar:
        text = f"({text})"
    caveat = ""
    if isinstance(found, cst.UnaryOperation) and not _only_tested(found, kinds):
        caveat = "`not` gave a Python bool, and a tensor takes its place."
    yield Proposal(
        rule="",
        summary="the operator that asks Python becomes one of tensors",
        safety=Safety.ASK if caveat else Safety.SAFE,
        files=(FileEdits(site.source.path, (site.piece.replace(found, text),), kinds.names.imports),),
        caveat=caveat,
    )


def _operation(site: Site) -> cst.BaseExpression | None:
    """The outermost `and`, `or`, `not` around the place whose value is used, not only its truth."""
    found: cst.BaseExpression | None = None
    start = site.node
    if isinstance(start, (cst.SimpleStatementLine, cst.BaseSmallStatement)):
        inside = [one for one in nodes(start) if isinstance(one, cst.BooleanOperation) or _not(one)]
        if not inside:
            return None
        start = inside[0]
    for one in (start, *site.piece.ancestors(start)):
        if isinstance(one, cst.BooleanOperation) or (isinstance(one, cst.UnaryOperation) and _not(one)):
            found = one
        elif not isinstance(one, (cst.Comparison, cst.ComparisonTarget)) and one is not start:
            return None if isinstance(one, _TESTED) else found
    return found


def _not(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not)


def _only_tested(found: cst.BaseExpression, kinds: Kinds) -> bool:
    """Whether the value is given to a name of which only the truth is asked."""
    piece = kinds.site.piece
    above = piece.parent(found)
    if not isinstance(above, cst.Assign) or len(above.targets) != 1:
        return False
    name = dotted(above.targets[0].target)
    if not name.isidentifier():
        return False
    for one in reads(piece, piece.module, name):
        use = piece.parent(one)
        while isinstance(use, (cst.BooleanOperation, cst.UnaryOperation)):
            use = piece.parent(use)
        if not isinstance(use, _TESTED):
            return False
    return True


def _script(body: str) -> str:
    return f"""\
import torch

@torch.compile
def step(x, seen=None):
    {body}
    return torch.where(fine, x, -x)

for number in (1.0, 50.0, -1.0):
    print(step(torch.full((3,), number)))
"""


RULE = Rule(
    title="and, or, not on tensors become tensor operators",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="""
        Every operand is one truth of a tensor, and computing all of them does nothing else and cannot fail. Where the
        value was a Python bool, only its truth is asked.
        """,
    safety=Safety.SAFE,
    propose=propose,
    rank=12,
    examples=(
        Example(
            name="and",
            before=_script("fine = x.sum() > 0 and x.max() < 9"),
            after=_script("fine = (x.sum() > 0) & (x.max() < 9)"),
        ),
        Example(
            name="or and not",
            before=_script("fine = (x.sum() > 0) or not (x < 9).any() or (x == 5).all()"),
            after=_script("fine = (x.sum() > 0) | ~(x < 9).any() | (x == 5).all()"),
        ),
    ),
    negatives=(
        Negative(
            name="the right side writes",
            script=_script("fine = x.sum() > 0 and x.clone().add_(1).max() < 9"),
        ),
        Negative(
            name="an operand has many values",
            script=_script("fine = x.sum() > 0 and x").replace("torch.where(fine, x, -x)", "x + fine"),
        ),
        Negative(
            name="one operand is Python's",
            script=_script("fine = x.sum() > 0 and seen").replace("torch.where(fine, x, -x)", "-x if fine else x"),
        ),
        Negative(
            name="the right side calls a function of the script",
            script="def small(x):\n    return x.max() < 9\n\n" + _script("fine = x.sum() > 0 and small(x)"),
        ),
    ),
)

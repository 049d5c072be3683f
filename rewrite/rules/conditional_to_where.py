"""`a if test else b` on a tensor: torch.where(test, a, b)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import libcst as cst

from g2.rewrite.model import Edit, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._branches import asked, branch
from g2.rewrite.rules._choice import Notes, Refused, choose, side
from g2.rewrite.rules._escape import number_becomes_tensor
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._layout import call, joined, width
from g2.rewrite.rules._names import nodes, scope
from g2.rewrite.rules._pure import Effects
from g2.rewrite.rules._selected import selected
from g2.rewrite.rules._shared import shared
from g2.rewrite.rules._truth import Truth, truth
from g2.rewrite.rules._update import Update
from g2.rewrite.site import Site
from g2.rewrite.source import Piece


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = branch(site)
    if not isinstance(found, cst.IfExp):
        return
    kinds = asked(site)
    condition = truth(found.test, kinds)
    if condition is None:
        yield Left("the condition is not a single truth of one tensor")
        return
    for form in (_where_it_matters, _edits):
        notes = Notes()
        try:
            edits = form(found, condition, kinds, notes)
        except Refused as refusal:
            yield Left(str(refusal))
            return
        if edits:
            yield selected(kinds, edits, notes, "the conditional expression becomes torch.where", [found.test])


def _edits(found: cst.IfExp, condition: Truth, kinds: Kinds, notes: Notes) -> tuple[Edit, ...]:
    piece = kinds.site.piece
    then, other = side(found.body, kinds), side(found.orelse, kinds)
    chosen = choose(_asked(condition), then, other, kinds, notes)
    edits: tuple[Edit, ...] = ()
    statement = piece.statement(found)
    if notes.named and not condition.text.isidentifier() and (condition.mixed or not _plain(found, kinds)):
        _asked_again(found, kinds)
    elif notes.named and not condition.text.isidentifier():
        name = piece.fresh("condition")
        chosen = choose(replace(_asked(condition), text=name, tight=True), then, other, kinds, Notes())
        start = piece.bounds(statement or found)[0]
        edits = (Edit(start, start, f"{name} = {joined(condition.text)}\n{piece.indent(found)}"),)
    _uses(found, chosen.kind.name, then.kind.plain and other.kind.plain, kinds, notes)
    text = chosen.text
    if condition.python:
        text = f"{text} if {' and '.join(condition.python)} else {other.text}"
    elif condition.instead:
        text = f"{then.text} if {' or '.join(condition.instead)} else {text}"
    if found.lpar and condition.mixed:
        text = f"({text})"
    return (*edits, piece.replace(found, text))


def _where_it_matters(found: cst.IfExp, condition: Truth, kinds: Kinds, notes: Notes) -> tuple[Edit, ...]:
    """For `name = a if test else 0.0` with plain numbers: the tensor is asked only where the two differ."""
    piece = kinds.site.piece
    assign, statement = piece.parent(found), piece.statement(found)
    then, other = side(found.body, kinds), side(found.orelse, kinds)
    if not (
        isinstance(assign, cst.Assign)
        and isinstance(statement, cst.SimpleStatementLine)
        and len(statement.body) == len(assign.targets) == 1
        and isinstance(assign.targets[0].target, cst.Name)
        and isinstance(found.orelse, (cst.Integer, cst.Float))
        and then.kind.name == "number"
        and not isinstance(found.body, (cst.Integer, cst.Float))
        and not condition.mixed
    ):
        return ()
    name = assign.targets[0].target.value
    if any(isinstance(node, cst.Name) and node.value == name for node in nodes(found)):
        return ()
    choose(_asked(condition), then, other, kinds, notes)
    number_becomes_tensor(name, kinds, assign, notes)
    margin = piece.indent(found)
    arguments = [joined(condition.text), *((other.text, name) if condition.swapped else (name, other.text))]
    line = call(f"{name} = {kinds.names.torch}.where", arguments, "", len(margin) + 4, width(piece))
    lines = [f"{name} = {then.text}", f"if {name} != {other.text}:", *(f"    {part}" for part in line.split("\n"))]
    start, end = piece.bounds(assign)
    return (Edit(start, end, f"\n{margin}".join(lines)),)


def _asked(condition: Truth) -> Truth:
    return Truth(condition.text, condition.swapped, tight=condition.tight, sign=condition.sign)


def _asked_again(found: cst.IfExp, kinds: Kinds) -> None:
    """The condition has to stand in the text twice. Raises Refused where that is not the same as once."""
    effects = Effects()
    effects.add(found.test, kinds)
    if effects.never or effects.draws or effects.unknown:
        raise Refused("its condition would be asked twice, which may not give the same again")


def _plain(found: cst.IfExp, kinds: Kinds) -> bool:
    """Whether a line may stand before the statement: it is evaluated once, and as a whole."""
    for above in kinds.site.piece.ancestors(found):
        if isinstance(above, cst.SimpleStatementLine):
            return True
        if isinstance(above, (cst.Lambda, cst.BaseComp, cst.IfExp, cst.BooleanOperation, cst.BaseCompoundStatement)):
            return False
    return False


def _uses(found: cst.IfExp, kind: str, numbers: bool, kinds: Kinds, notes: Notes) -> None:
    """What becomes of the value: an alias that is written into, a number that has to be one."""
    piece = kinds.site.piece
    above = piece.parent(found)
    if _within(above, piece) and not all(side(one, kinds).fresh or side(one, kinds).kind.plain for one in _ends(found)):
        raise Refused("what the function inside gives back may be its argument itself, which may be changed in place")
    if isinstance(above, cst.Assign):
        for target in above.targets:
            name = dotted(target.target)
            if name:
                shared(Update(name, side(found, kinds)), above, kinds)
                if numbers:
                    number_becomes_tensor(name, kinds, above, notes)
    elif numbers and not isinstance(above, (cst.BinaryOperation, cst.Comparison, cst.ComparisonTarget)):
        notes.ask("The value becomes a tensor of one element where it was a plain number or bool.")


def _within(above: cst.CSTNode | None, piece: Piece) -> bool:
    """Whether the value is what a lambda, or a function inside of another one, gives back: its caller is here."""
    if isinstance(above, cst.Lambda):
        return True
    return isinstance(above, cst.Return) and scope(piece, above) is not piece.function


def _ends(found: cst.IfExp) -> tuple[cst.BaseExpression, cst.BaseExpression]:
    return found.body, found.orelse


_HEAD = """\
import torch

class Step(torch.nn.Module):
    def forward(self, x, low=0.0, high=3.0, noise=0.5):
        sigma = x.mean()
"""
_TAIL = """\

for number in (2.0, -2.0):
    x = torch.full((4,), number, requires_grad=True)
    y = Step()(x)
    print(y.detach())
    y.sum().backward()
    print(x.grad)
"""

RULE = Rule(
    title="a conditional expression becomes torch.where",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="""
        The condition is one truth of a tensor. Computing both values does nothing else, and they have the same dtype
        and shape, as far as the run and the text tell. A number that becomes a tensor is only used in arithmetic and
        comparisons.
        """,
    safety=Safety.SAFE,
    propose=propose,
    rank=10,
    examples=(
        Example(
            name="numbers",
            before=_HEAD
            + "        gamma = noise * 2 if low <= sigma <= high else 0.0\n"
            + "        return x * (gamma + 1)\n"
            + _TAIL,
            after=_HEAD
            + "        gamma = noise * 2\n"
            + "        if gamma != 0.0:\n"
            + "            gamma = torch.where((low <= sigma) & (sigma <= high), gamma, 0.0)\n"
            + "        return x * (gamma + 1)\n"
            + _TAIL,
        ),
        Example(
            name="tensors, one of them singular where it is not taken",
            before=_HEAD + "        return torch.sqrt(x) if (x > 0).all() else x * 0.5\n" + _TAIL,
            after=_HEAD
            + "        condition = (x > 0).all()\n"
            + "        return torch.where(condition, torch.sqrt(torch.where(condition, x, 1.0)), x * 0.5)\n"
            + _TAIL,
        ),
        Example(
            name="a Python value decides whether the tensor is asked",
            before=_HEAD + "        return x + 1 if self.training and not sigma > low else x\n" + _TAIL,
            after=_HEAD + "        return torch.where(sigma > low, x, x + 1) if self.training else x\n" + _TAIL,
        ),
        Example(
            name="a Python value decides, and one side is singular where it is not taken",
            before=_HEAD + "        return x.sqrt() if self.training and (x > 0).all() else x\n" + _TAIL,
            after=_HEAD
            + "        return torch.where((x > 0).all(), torch.where((x > 0).all(), x, 1.0).sqrt(), x)"
            + " if self.training else x\n"
            + _TAIL,
        ),
    ),
    negatives=(
        Negative(
            name="sides of different shapes",
            script=_HEAD + "        return x * 2 if sigma > low else sigma\n" + _TAIL,
        ),
        Negative(
            name="one side is None",
            script=_HEAD
            + "        y = x * 2 if sigma > low else None\n        return x if y is None else y\n"
            + _TAIL,
        ),
        Negative(
            name="sides of different dtypes",
            script=_HEAD
            + "        whole = x.long()\n        y = whole if sigma > low else x\n        return x + y\n"
            + _TAIL,
        ),
        Negative(
            name="a later line changes what one side handed on",
            script=_HEAD
            + "        z = x * 1\n        y = z if sigma > low else z + 1\n        y += 1\n        return z + y\n"
            + _TAIL,
        ),
        Negative(
            name="a lambda gives back its argument, which is changed in place",
            script=_HEAD
            + "        z = x * 1\n        y = (lambda t: t * 2 if t.mean() > low else t)(z)\n        z.clamp_(min=0)\n"
            + "        return y\n"
            + _TAIL,
        ),
        Negative(
            name="a side needs a value in Python",
            script=_HEAD + "        return x * (sigma.item() if sigma > low else 2.0)\n" + _TAIL,
        ),
    ),
)

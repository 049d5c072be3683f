"""`if` on a tensor whose branches only give values: both are computed, torch.where selects."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._branches import asked, branch
from g2.rewrite.rules._choice import Notes, Refused
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._layout import call, comments, width
from g2.rewrite.rules._mixed import placed
from g2.rewrite.rules._selected import selected
from g2.rewrite.rules._shared import shared
from g2.rewrite.rules._truth import Truth, truth
from g2.rewrite.rules._updates import Update, merged, updates
from g2.rewrite.site import Site


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = branch(site)
    if not isinstance(found, cst.If) or _leaves(found):
        return
    kinds = asked(site)
    condition = truth(found.test, kinds)
    if condition is None:
        yield Left("the condition is not a single truth of one tensor")
        return
    notes = Notes()
    try:
        text = _text(found, condition, kinds, notes)
    except Refused as refusal:
        yield Left(str(refusal))
        return
    yield selected(kinds, [_edit(site, found, text)], notes, "the branch becomes torch.where", [found.test])


def _text(found: cst.If, condition: Truth, kinds: Kinds, notes: Notes) -> str:
    piece = kinds.site.piece
    lines = _drawn(found, condition, kinds, notes)
    said = comments(piece, found)
    return "\n".join([*said, *lines])


def _drawn(found: cst.If, condition: Truth, kinds: Kinds, notes: Notes) -> list[str]:
    asked_once = Truth(condition.text, condition.swapped, tight=condition.tight)
    made = _both(found, asked_once, kinds, notes)
    column = len(kinds.site.piece.indent(found)) + (4 if condition.mixed else 0)
    lines: list[str] = []
    used = sum(condition.text in one.value.text for one in made)
    if (used > 1 or notes.named) and not condition.text.isidentifier():
        name = kinds.site.piece.fresh("condition")
        lines.append(f"{name} = {condition.text}")
        made = _both(found, Truth(name, condition.swapped, tight=True), kinds, Notes())
    limit = width(kinds.site.piece)
    for update in made:
        lines += _written(update, column, limit).split("\n")
    return placed(found, condition, lines, kinds.site.piece)


def _both(found: cst.If, condition: Truth, kinds: Kinds, notes: Notes) -> list[Update]:
    before = dict(kinds.bound)
    then = updates(found.body, kinds, notes)
    kinds.bound = dict(before)
    orelse = found.orelse
    if isinstance(orelse, cst.If):
        inner = truth(orelse.test, kinds)
        if inner is None or inner.mixed:
            raise Refused("an `elif` is decided in Python")
        other = _both(orelse, inner, kinds, notes)
    else:
        other = updates(orelse.body if orelse is not None else None, kinds, notes)
    kinds.bound = before
    if not then and not other:
        raise Refused("its branches do nothing that a tensor could carry")
    made = merged(condition, then, other, kinds, notes, found)
    for update in made:
        shared(update, found, kinds)
    return made


def _written(update: Update, column: int, limit: int) -> str:
    head, tail = update.pieces()
    text = update.value.text
    line = f"{head}{text}{tail}"
    where = text.find("where(")
    if column + len(line) <= limit or where < 0 or not text.endswith(")"):
        return line
    opening = where + len("where")
    return call(head + text[:opening], split(text[opening + 1 : -1]), tail, column, limit)


def split(arguments: str) -> list[str]:
    """Arguments of a call, apart."""
    depth, start, found = 0, 0, []
    for index, character in enumerate(arguments):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            found.append(arguments[start:index].strip())
            start = index + 1
    return [*found, arguments[start:].strip()]


def _edit(site: Site, found: cst.If, text: str) -> Edit:
    above = site.piece.parent(found)
    if isinstance(above, cst.If) and above.orelse is found:  # an elif whose own `if` Python decides
        start, end = site.piece.bounds(found)
        margin = site.piece.indent(above)
        body = "\n".join(f"{margin}    {line}" if line else "" for line in text.split("\n"))
        return Edit(start, end, f"else:\n{body}")
    return site.piece.replace(found, text)


def _leaves(found: cst.If) -> bool:
    """Whether a branch returns or raises: other rules answer that."""
    bodies = [found.body, found.orelse.body if isinstance(found.orelse, cst.Else) else None]
    return any(
        isinstance(small, (cst.Return, cst.Raise))
        for body in bodies
        if body is not None
        for statement in body.body
        for small in (statement.body if isinstance(statement, cst.SimpleStatementLine) else [statement])
    )


def _script(then: str, other: str, last: str = "y = y * 2") -> str:
    return f"""\
import torch

seen = []

@torch.compile
def step(x):
    x = x * 1
    if x.sum() > 0:
        {then}
    else:
        {other}
    {last}
    return y.sum()

step(torch.ones(4))
step(-torch.ones(4))
"""


RULE = Rule(
    title="a branch on a tensor becomes torch.where",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="""
        The condition is one truth of a tensor. The branches only give values to names or write into tensors; computing
        both does nothing else. The values have the same dtype and shape, as far as the run and the text tell. No later
        line changes in place what a branch handed on.
        """,
    safety=Safety.SAFE,
    propose=propose,
    rank=10,
    examples=(
        Example(
            name="both branches give the same name",
            before="""\
import torch

@torch.compile
def step(x):
    if x.sum() > 0:
        y = x + 1
    else:
        y = x - 1
    return y * 2

for sign in (1.0, -1.0):
    print(step(sign * torch.ones(4)))
""",
            after="""\
import torch

@torch.compile
def step(x):
    y = torch.where(x.sum() > 0, x + 1, x - 1)
    return y * 2

for sign in (1.0, -1.0):
    print(step(sign * torch.ones(4)))
""",
        ),
        Example(
            name="an update without else, with a comment, a singular side and a chain",
            before="""\
import torch as th

@th.compile
def step(x):
    scale = x.mean()
    if 0 < scale < 9 and not (x > 8).any():  # only where it is small
        x = x / scale
    return x * 2

for number in (1.0, -1.0):
    x = th.full((4,), number, requires_grad=True)
    step(x).sum().backward()
    print(x.grad)
""",
            after="""\
import torch as th

@th.compile
def step(x):
    scale = x.mean()
    # only where it is small
    condition = (0 < scale) & (scale < 9) & ~(x > 8).any()
    x = th.where(condition, x / th.where(condition, scale, 1.0), x)
    return x * 2

for number in (1.0, -1.0):
    x = th.full((4,), number, requires_grad=True)
    step(x).sum().backward()
    print(x.grad)
""",
        ),
    ),
    negatives=(
        Negative(
            name="a branch prints",
            script="""\
import torch

@torch.compile
def step(x):
    y = x * 2
    if x.sum() > 0:
        print("positive")
        y = y + 1
    return y

step(torch.ones(4))
""",
        ),
        Negative(name="sides of different shapes", script=_script("y = x[0]", "y = x + 1")),
        Negative(name="a later line changes what a branch handed on", script=_script("y = x", "y = x + 1", "y += 1")),
        Negative(
            name="a branch loops",
            script=_script("y = x\n        for _ in range(3):\n            y = y + 1", "y = -x"),
        ),
        Negative(
            name="a branch calls a function for what it does",
            script=_script("y = x\n        seen.append(y)", "y = -x"),
        ),
    ),
)

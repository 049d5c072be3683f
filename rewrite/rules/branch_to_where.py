"""`if` on a tensor whose branches only give values: both are computed, torch.where selects."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._again import asked_again, once, overwritten, shared_with
from g2.rewrite.rules._branch_to_where_examples import EXAMPLES, NEGATIVES
from g2.rewrite.rules._branches import asked, branch
from g2.rewrite.rules._choice import Notes, Refused
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._layout import call, comments, width
from g2.rewrite.rules._mixed import placed
from g2.rewrite.rules._selected import selected
from g2.rewrite.rules._shared import shared
from g2.rewrite.rules._truth import Truth, truth
from g2.rewrite.rules._update import Update
from g2.rewrite.rules._updates import merged, updates
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
    again = asked_again(condition.text, made) is not None
    if (used > 1 or (used and notes.named)) and (again or not condition.text.isidentifier()):
        name = kinds.site.piece.fresh("condition")
        lines.append(f"{name} = {condition.text}{'.clone()' if shared_with(condition.text, made) else ''}")
        made = _both(found, Truth(name, condition.swapped, tight=True), kinds, Notes())
    for one in made:
        overwritten(one, found, kinds)
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
        other = once(inner, _both(orelse, inner, kinds, notes))
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
    examples=EXAMPLES,
    negatives=NEGATIVES,
)

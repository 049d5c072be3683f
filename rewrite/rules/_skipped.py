"""`if test: continue` in a loop: what it skips."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from g2.rewrite.model import Left
from g2.rewrite.rules._branches import asked, branch
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._truth import Truth, truth
from g2.rewrite.site import Site


@dataclass(frozen=True, slots=True)
class Skip:
    """A `continue` that one tensor decides; where `condition` has parts of Python, once all of these hold."""

    branch: cst.If
    outer: cst.If  # the statement of the loop that holds it
    behind: list[cst.BaseStatement]  # what it skips
    condition: Truth
    kinds: Kinds


def skip(site: Site) -> Skip | Left | None:
    """The `continue` at the place; None where there is none."""
    found = branch(site)
    if not isinstance(found, cst.If) or found.orelse is not None or not _continues(found):
        return None
    kinds = asked(site)
    condition = truth(found.test, kinds)
    outer, behind = _rest(found, site)
    if condition is not None and not (outer is found and _asked_first(condition, found.test, kinds)):
        condition = _joined(condition, found.test, kinds)
        if condition.mixed:
            outer = None
    if condition is None or outer is None:
        return Left("the `continue` is not one that a single tensor decides, directly in the loop")
    return Skip(found, outer, behind, condition, kinds)


def _asked_first(condition: Truth, test: cst.BaseExpression, kinds: Kinds) -> bool:
    """Whether Python asks its parts before the tensor, which may only be computed when they hold."""
    if not condition.python or condition.instead or not isinstance(test, cst.BooleanOperation):
        return False
    calls = any(isinstance(one, cst.Call) for one in nodes(test))
    return kinds.of(test.right).tensor and (calls or not _flags(condition, test, kinds))


def _flags(condition: Truth, test: cst.BaseExpression, kinds: Kinds) -> bool:
    """Whether the parts of Python are bools for certain."""
    found = {kinds.site.piece.code(one) for one in nodes(test) if isinstance(one, (cst.Name, cst.Attribute))
             and kinds.of(one).name == "bool"}  # fmt: skip
    return found.issuperset(condition.python)


def _joined(condition: Truth, test: cst.BaseExpression, kinds: Kinds) -> Truth:
    """`flag and tensor` as one tensor, where the flags are bools for certain: `tensor & flag`."""
    if not condition.python or condition.instead or not _flags(condition, test, kinds):
        return condition
    first = condition.plain() if condition.swapped or condition.tight else f"({condition.text})"
    return Truth(" & ".join([first, *condition.python]), sign="&")


def assignment(line: cst.BaseStatement) -> cst.Assign | None:
    """The statement as an assignment to one name; None for anything else."""
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return None
    only = line.body[0]
    if isinstance(only, cst.Assign) and len(only.targets) == 1 and isinstance(only.targets[0].target, cst.Name):
        return only
    return None


def _continues(found: cst.If) -> bool:
    """Whether `continue` is all that it holds."""
    body = found.body.body
    if len(body) != 1:
        return False
    only = body[0].body[0] if isinstance(body[0], cst.SimpleStatementLine) else body[0]
    return isinstance(only, cst.Continue)


def _rest(found: cst.If, site: Site) -> tuple[cst.If | None, list[cst.BaseStatement]]:
    """The statement of the loop that holds the `continue`, and what follows it in the loop."""
    piece = site.piece
    outer: cst.If = found
    block = piece.parent(found)
    above = piece.parent(block) if block is not None else None
    if isinstance(above, cst.If) and above.body is block and above.orelse is None:
        if not isinstance(block, cst.IndentedBlock) or block.body[-1] is not found:
            return None, []
        outer, block = above, piece.parent(above)
        above = piece.parent(block) if block is not None else None
    if not isinstance(block, cst.IndentedBlock) or not isinstance(above, (cst.For, cst.While)) or above.orelse:
        return None, []
    place = [one is outer for one in block.body].index(True)
    return outer, list(block.body[place + 1 :])

"""A Python flag that a tensor's condition sets, and that one `if` asks whether steps are run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from g2.rewrite.rules._choice import Refused
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import bindings, reads, scope
from g2.rewrite.rules._skipped import assignment
from g2.rewrite.rules._truth import Truth, truth


@dataclass(frozen=True, slots=True)
class Flag:
    """Its whole life."""

    name: str
    cleared: cst.SimpleStatementLine  # name = False
    setter: cst.If  # if test: name = True
    condition: Truth
    asker: cst.If  # the one statement that reads it
    steps: cst.IndentedBlock  # that are skipped
    instead: cst.BaseSuite | None


def name_set(found: cst.CSTNode | None) -> str:
    """The name that `if test: name = True` sets; empty for anything else."""
    if not isinstance(found, cst.If) or found.orelse is not None or len(found.body.body) != 1:
        return ""
    only = found.body.body[0]
    made = assignment(only) if isinstance(only, cst.BaseStatement) else None
    return dotted(made.targets[0].target) if made is not None and dotted(made.value) == "True" else ""


def flag_of(setter: cst.If, name: str, kinds: Kinds) -> Flag:
    """The flag's whole life: cleared, perhaps set, asked once. Raises Refused."""
    piece = kinds.site.piece
    function = scope(piece, setter)
    condition = truth(setter.test, kinds)
    if condition is None or condition.mixed:
        raise Refused(f"`{piece.short(setter.test)}` is not one tensor's truth")
    asked_at, given = reads(piece, function, name), bindings(piece, function, name)
    if len(asked_at) != 1 or len(given) != 2:
        raise Refused(f"`{name}` is set or asked elsewhere too")
    cleared = piece.statement(given[0])
    made = assignment(cleared) if cleared is not None else None
    if not isinstance(cleared, cst.SimpleStatementLine) or made is None or dotted(made.value) != "False":
        raise Refused(f"`{name}` is not cleared before")
    asker = piece.parent(asked_at[0])
    negated = isinstance(asker, cst.UnaryOperation)
    asker = piece.parent(asker) if isinstance(asker, cst.UnaryOperation) else asker
    steps, instead = _ways(asker, negated)
    if not isinstance(asker, cst.If) or steps is None:
        raise Refused(f"`{name}` does not decide alone, whether steps are run")
    block = piece.parent(asker)
    around = next((one for one in (setter, *piece.ancestors(setter)) if piece.parent(one) is block), None)
    if block is None or piece.parent(cleared) is not block or around is None:
        raise Refused(f"`{name}` is not cleared, set and asked in one block")
    places = [piece.bounds(one)[0] for one in (cleared, around, asker)]
    above = [setter, *piece.ancestors(setter)]
    looped = any(isinstance(one, (cst.For, cst.While)) for one in above[: above.index(around)])
    if places != sorted(places) or looped:
        raise Refused(f"`{name}` is not cleared, then set, then asked")
    return Flag(name, cleared, setter, condition, asker, steps, instead)


def _ways(asker: cst.CSTNode | None, negated: bool) -> tuple[cst.IndentedBlock | None, cst.BaseSuite | None]:
    """The block that is skipped where the flag is set, and what is done instead."""
    if not isinstance(asker, cst.If) or isinstance(asker.orelse, cst.If):
        return None, None
    other = asker.orelse.body if asker.orelse is not None else None
    steps, instead = (asker.body, other) if negated else (other, asker.body)
    return (steps if isinstance(steps, cst.IndentedBlock) else None), instead


def lines(block: cst.IndentedBlock) -> Iterator[cst.BaseStatement]:
    yield from (one for one in block.body if isinstance(one, cst.BaseStatement))

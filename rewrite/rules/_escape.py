"""Whether a name that becomes a tensor is only used where a tensor does as well as the number it was."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._choice import Notes, Side
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._names import reads
from g2.rewrite.rules._update import Update


def chosen(update: Update, pair: tuple[Side, Side], kinds: Kinds, around: cst.CSTNode, notes: Notes) -> None:
    """Asks when one of two values that a target may get is a number, and who reads the target may see that."""
    if update.write != "=" or not any(one.kind.name == "number" for one in pair):
        return
    if update.target.isidentifier():
        number_becomes_tensor(update.target, kinds, around, notes)
    else:
        notes.ask(f"`{update.target}` becomes a tensor of one element where it was a plain number.")


def number_becomes_tensor(name: str, kinds: Kinds, around: cst.CSTNode, notes: Notes) -> None:
    """Asks when the name is used for something else than arithmetic and comparisons, outside of `around`."""
    piece = kinds.site.piece
    start, end = piece.bounds(around)
    for one in reads(piece, piece.module, name):
        if start <= piece.bounds(one)[0] < end:
            continue
        above = piece.parent(one)
        if isinstance(above, cst.ComparisonTarget):
            above = piece.parent(above)
        if not isinstance(above, (cst.BinaryOperation, cst.Comparison, cst.AugAssign)):
            notes.ask(f"`{name}` becomes a tensor of one element where it was a plain number or bool.")
            return

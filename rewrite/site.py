"""What a rule is given: one place, its source, and what the run knew about the values there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import libcst as cst

from g2.capture.model import Break, Recompile, Session, Span, Value
from g2.rewrite.model import Target
from g2.rewrite.source import Piece, Source


@dataclass(frozen=True, slots=True)
class Site:
    """One place that asks for a cure.

    Either `place` (a break) or `recompile` is there. `piece` is the function around it; `node` what stands at its span
    (an expression or a statement). Both belong to the text as it is now, with the cures accepted so far.
    `read(path)` gives any other file of the run in the same state; it raises Unreadable.
    """

    target: Target
    place: Break | None
    recompile: Recompile | None
    session: Session
    piece: Piece
    node: cst.CSTNode
    span: Span  # in the text as it is now
    script: str  # the script's absolute path; empty when there is none (-m of a built-in module)
    read: Callable[[str], Source]

    @property
    def source(self) -> Source:
        return self.piece.source

    @property
    def values(self) -> dict[str, Value]:
        """What the run saw at the break, by the expression as it is written: "x", "self.count"."""
        return {} if self.place is None else {value.name: value for value in self.place.values}

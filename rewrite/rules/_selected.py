"""What is proposed where torch.where selects: SAFE when nothing is to be asked."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Proposal, Safety
from g2.rewrite.rules._choice import Notes
from g2.rewrite.rules._kinds import Kinds


def selected(
    kinds: Kinds, edits: Sequence[Edit], notes: Notes, summary: str, tests: Sequence[cst.BaseExpression]
) -> Proposal:
    """`tests`: the conditions that are no longer asked in Python."""
    site, names = kinds.site, kinds.names
    uses = any(f"{names.torch}." in edit.text for edit in edits)
    return Proposal(
        rule="",
        summary=summary,
        safety=Safety.ASK if notes.caveats else Safety.SAFE,
        files=(FileEdits(site.source.path, tuple(sorted(edits)), names.imports if uses else ()),),
        tests=tuple(site.piece.span(test) for test in tests),
        caveat=" ".join(notes.caveats),
        differs=frozenset(notes.differs),
    )

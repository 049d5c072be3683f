"""Advice as a proposal: a sentence, and the lines of code that a person would write."""

from __future__ import annotations

from g2.rewrite.model import Proposal, Safety


def shown(what: str, *lines: str) -> Proposal:
    """`what`: a clause that says what is done, without its full stop."""
    code = "\n".join([f"{what[0].upper()}{what[1:]}:\n", *(f"    {line}" for line in lines)])
    return Proposal(rule="", summary=what, safety=Safety.SHOW, files=(), advice=(code,))

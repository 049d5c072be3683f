"""Did two calls do the same? In words, where they did not."""

from __future__ import annotations

from g2.rewrite.trial.deeds import Outcome


def compare(
    old: Outcome,
    new: Outcome,
    reference: Outcome | None = None,
    differs: frozenset[str] = frozenset(),
) -> tuple[str, str]:
    """("same" | "close" | "refused" | "differs", the first difference in plain words).

    reference: the old code's outcome in float64, see `precise.py`. differs: the tags of model.Proposal.
    """
    raise NotImplementedError

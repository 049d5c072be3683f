"""The words a person may use for a reason: slugs of breaks and of recompiles, and Dynamo's ids."""

from __future__ import annotations

from difflib import get_close_matches

from g2.explain.catalog import UnknownReason, lookup, reasons
from g2.explain.reason import Reason
from g2.explain.recompile_reason import RecompileReason, recompile_reasons


class UnknownWord(LookupError):
    """No reason is called so; `nearest` is the one that was probably meant, or None."""

    def __init__(self, word: str, nearest: str | None) -> None:
        super().__init__(word)
        self.nearest = nearest


def find(word: str) -> Reason | RecompileReason:
    """The reason that a word names. Raises UnknownWord."""
    slug = word.strip().lower().replace("_", "-").replace(" ", "-")
    if slug in recompile_reasons():
        return recompile_reasons()[slug]
    try:
        return lookup(word)
    except UnknownReason as error:
        known = [*reasons(), *recompile_reasons()]
        near = get_close_matches(slug, known, n=1) or error.suggestions
        raise UnknownWord(word, near[0] if near else None) from None

"""Which of the offers a person means, and which of these are to be written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from g2.capture.model import Span
from g2.cli.errors import Refusal
from g2.cli.text import place, plural, relative
from g2.rewrite.model import Alone, Fixing, Offer, Safety, Target

_PLACE = re.compile(r"^(.+?):(\d+)(?::\d+)?$")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for. select: numbers, or places as PATH:LINE."""

    only: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    mine: bool = False
    unsafe: bool = False

    def check(self) -> None:
        """Raises Refusal for a rule that there is not, or a place that cannot be one."""
        known = _rules() if self.only else []
        for name in self.only:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"--only {near[0]}" if near else "g2 fix without --only tries them all"
                raise Refusal(f"there is no rule {name!r}; there are {', '.join(known)}", hint)
        for word in self.select:
            if not word.isdigit() and not _PLACE.match(word):
                raise Refusal(f"{word!r} is neither a number nor a place", "--select 2, or --select model.py:42")

    def narrow(self, fixing: Fixing) -> tuple[tuple[Offer, ...], tuple[Alone, ...], int]:
        """The offers and the places left alone that are meant, and how many others there are.

        Raises Refusal when a selected place has neither.
        """
        offers = tuple(offer for offer in fixing.offers if self._means(offer, fixing.cwd))
        alone = tuple(
            one
            for one in fixing.alone
            if not self.only
            and (one.target.mine or not self.mine)
            and (not self.select or any(_is_at(one.target, word, fixing.cwd) for word in self.select))
        )
        for word in self.select:
            known = [offer for offer in fixing.offers if _selects(word, offer, fixing.cwd)]
            if not known and not any(_is_at(one.target, word, fixing.cwd) for one in fixing.alone):
                many = plural(len(fixing.offers), "rewrite is", "rewrites are")
                why = f"{many} offered" if word.isdigit() else "nothing was found there"
                raise Refusal(f"--select {word}: {why}", "g2 fix shows all places with their numbers")
        left_out = len(fixing.offers) + len(fixing.alone) - len(offers) - len(alone)
        return offers, alone, left_out

    def _means(self, offer: Offer, cwd: str) -> bool:
        return (
            (not self.only or offer.proposal.rule in self.only)
            and (not self.mine or all(target.mine for target in offer.targets))
            and (not self.select or any(_selects(word, offer, cwd) for word in self.select))
        )

    def taken(self, offers: Sequence[Offer]) -> tuple[list[int], dict[int, str]]:
        """The numbers of offers to write, and why each other is not written, a clause."""
        held = {offer.number: why for offer in offers if (why := self._held(offer))}
        taken = [offer.number for offer in offers if offer.number not in held]
        return without_their_needs(offers, taken, held)

    def _held(self, offer: Offer) -> str:
        if offer.safety is Safety.SHOW:
            return "it needs a person's decision"
        return "it may differ; --unsafe applies it" if offer.safety is Safety.ASK and not self.unsafe else ""


def _rules() -> list[str]:
    from g2.rewrite.catalog import rules

    return [rule.slug for rule in rules()]


def without_their_needs(
    offers: Sequence[Offer], taken: list[int], held: dict[int, str]
) -> tuple[list[int], dict[int, str]]:
    """Take out the offers that were only tried together with one that is not taken."""
    taken, held = list(taken), dict(held)
    while True:
        for offer in offers:
            missing = [number for number in offer.needs if number not in taken]
            if offer.number in taken and missing:
                taken.remove(offer.number)
                held[offer.number] = f"it was tried only together with {missing[0]}"
                break
        else:
            return taken, held


def _selects(word: str, offer: Offer, cwd: str) -> bool:
    if word.isdigit():
        return int(word) == offer.number
    return any(_is_at(target, word, cwd) for target in offer.targets)


def _is_at(target: Target, word: str, cwd: str) -> bool:
    match = _PLACE.match(word)
    if match is None or int(match.group(2)) != target.span.line:
        return False
    path = match.group(1).removeprefix("./")
    shown = place(Span(target.span.path, target.span.line), cwd).rpartition(":")[0]
    names = {target.span.path, relative(target.span.path, cwd), shown}
    return any(name == path or name.endswith(f"/{path}") for name in names)

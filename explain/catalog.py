"""Finds the reasons by looking in explain/reasons/, and the reason of a break.

A break's reason is the first of: a reason that claims the evidence (asked by slug, but those a reason names in `before`
only after it); a reason that lists Dynamo's id; the one with the longest phrase in Dynamo's name for the break;
the last resort.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

import g2.explain.reasons
from g2.capture.model import Break, Snippet, Span
from g2.explain.prose import prose, script
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.recompile_reason import recompile_reasons
from g2.explain.registry import entries

LAST_RESORT = "unnamed-situation"

_ID = re.compile(r"gb[-_ ]?(\d{1,4})", re.IGNORECASE)


class UnknownReason(LookupError):
    """A word that is neither a reason nor an id of Dynamo's. `suggestions` are the nearest reasons."""

    def __init__(self, word: str, suggestions: list[str]) -> None:
        self.word = word
        self.suggestions = suggestions
        meant = f" Did you mean {' or '.join(suggestions)}?" if suggestions else ""
        super().__init__(f"No reason and no id of Dynamo's is called {word!r}.{meant}")


@cache
def reasons() -> Mapping[str, Reason]:
    """Every reason by its slug, in the order of the slugs.

    Raises TypeError when a file holds no `REASON`, and ValueError for an empty text or a slug in `before` or
    `see_also` that names no reason.
    """
    names = sorted(module.name for module in iter_modules(g2.explain.reasons.__path__))
    found = {name.replace("_", "-"): _read(name) for name in names if not name.startswith("_")}
    for slug, reason in found.items():
        for other in (*reason.before, *reason.see_also):
            if other not in found:
                raise ValueError(f"{slug} names a reason that does not exist: {other}")
    return MappingProxyType(found)


def _read(name: str) -> Reason:
    module = import_module(f"{g2.explain.reasons.__name__}.{name}")
    reason = getattr(module, "REASON", None)
    if not isinstance(reason, Reason):
        raise TypeError(f"{module.__file__} holds no REASON")
    cleaned = replace(
        reason,
        title=prose(reason.title),
        happened=prose(reason.happened),
        why=prose(reason.why),
        instead=prose(reason.instead),
        cost=prose(reason.cost),
        steps=tuple(prose(step) for step in reason.steps),
        outside=tuple(prose(step) for step in reason.outside),
        slug=name.replace("_", "-"),
    )
    for field in ("title", "happened", "why", "instead", "cost"):
        if not getattr(cleaned, field):
            raise ValueError(f"{module.__file__}: {field} is empty")
    if cleaned.example is None:
        return cleaned
    bad, good, option = cleaned.example.bad, cleaned.example.good, cleaned.example.option
    return replace(cleaned, example=Example(script(bad), script(good), script(option)))


@cache
def claim_order() -> tuple[Reason, ...]:
    """The reasons that claim evidence, in the order in which they are asked."""
    claiming = {slug: reason for slug, reason in reasons().items() if reason.claims is not None}
    sorter: TopologicalSorter[str] = TopologicalSorter({slug: () for slug in claiming})
    for slug, reason in claiming.items():
        for later in reason.before:
            if later in claiming:
                sorter.add(later, slug)
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return tuple(claiming[slug] for slug in order)


@cache
def _kinds() -> Mapping[str, Reason]:
    owners: dict[str, Reason] = {}
    for reason in reasons().values():
        for kind in reason.kinds:
            if kind in owners:
                raise ValueError(f"{kind} belongs to {owners[kind].slug} and to {reason.slug}")
            owners[kind] = reason
    return owners


def _named(title: str) -> Reason | None:
    low = title.lower()
    found = [
        (-len(phrase), slug) for slug, reason in reasons().items() for phrase in reason.names if phrase.lower() in low
    ]
    return reasons()[min(found)[1]] if found else None


def reason_for(evidence: Evidence) -> Reason:
    """The reason of this evidence; always one, if need be the last resort."""
    for reason in claim_order():
        if reason.claims is not None and reason.claims(evidence):
            return reason
    listed = _kinds().get(evidence.kind or "")
    return listed or _named(evidence.title) or reasons()[LAST_RESORT]


def by_kind(kind: str) -> Reason | None:
    """The reason an id of Dynamo's leads to when nothing is known of the place; None for an unknown id."""
    if kind in _kinds():
        return _kinds()[kind]
    entry = entries().get(kind)
    if entry is None:
        return None
    return _named(entry.name) or reasons()[LAST_RESORT]


def nearest(word: str) -> list[str]:
    """The slugs most like a word, best first, at most three; those of recompiles too."""
    known = list(everything())
    close = get_close_matches(_slug(word), known, n=3, cutoff=0.6)
    parts = [part for part in _slug(word).split("-") if len(part) > 2]
    sharing = [slug for slug in known if any(part in slug.split("-") for part in parts)]
    # "item", "nonzero", "print": a word of the source rather than of a slug stands in what the reason is about.
    told = [slug for slug, reason in everything().items() if any(part in _first_words(reason) for part in parts)]
    return list(dict.fromkeys([*close, *sharing, *told]))[:3]


def _first_words(reason: Reason) -> set[str]:
    return set(re.findall(r"[a-z_]+", f"{reason.title} {reason.happened}".lower()))


def kind_of(word: str) -> str | None:
    """The id a word means ("gb124" is GB0124), known or not; None when it is no id."""
    found = _ID.fullmatch(word.strip())
    return f"GB{int(found[1]):04}" if found else None


def lookup(word: str) -> Reason:
    """The reason that a slug (a break's or a recompile's) or an id of Dynamo's names.

    Raises UnknownReason, with the nearest slugs.
    """
    if _slug(word) in everything():
        return everything()[_slug(word)]
    kind = kind_of(word)
    reason = by_kind(kind) if kind else None
    if reason is None:
        raise UnknownReason(word, [] if kind else nearest(word))
    return reason


@cache
def everything() -> Mapping[str, Reason]:
    """The reasons of breaks, and behind them those of recompiles in the same form.

    A slug that both have is the break's.
    """
    recompiles = {
        slug: Reason(
            title=r.title,
            happened=r.happened,
            why=r.why,
            instead=r.instead,
            cost=r.cost,
            example=r.example,
            slug=slug,
        )
        for slug, r in sorted(recompile_reasons().items())
    }
    return MappingProxyType({**recompiles, **reasons()})


def _slug(word: str) -> str:
    return word.strip().lower().replace("_", "-").replace(" ", "-")


def source_text(span: Span, snippet: Snippet | None) -> str:
    """The text of a span, cut out of the lines the record kept; empty where it kept none.

    Columns count bytes of UTF-8, as code objects do.
    """
    if snippet is None:
        return ""
    start, end = span.line - snippet.first, max(span.end_line, span.line) - snippet.first
    lines = snippet.lines[max(start, 0) : end + 1]
    if start < 0 or not lines:
        return ""
    if span.column < 0 or span.end_column < 0:
        return "\n".join(lines).strip()
    encoded = [line.encode() for line in lines]
    if len(lines) == end - start + 1:
        encoded[-1] = encoded[-1][: span.end_column]
    encoded[0] = encoded[0][span.column :]
    return b"\n".join(encoded).decode(errors="replace").strip()


def evidence(place: Break) -> Evidence:
    """What is known of a break, for finding its reason."""
    return Evidence(
        kind=place.kind,
        title=place.title,
        context=place.context,
        opcode=place.opcode,
        source=source_text(place.span, place.snippet),
        path=place.span.path,
        function=place.function,
    )

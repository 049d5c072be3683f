"""The places of a scan as other programs take them."""

from __future__ import annotations

from g2.capture.model import Frame, Snippet, Span
from g2.cli.exchange.notice import Notice, Notices, fingerprints, in_characters
from g2.cli.scanning.offers import offers
from g2.cli.scanning.result import Result, fixes
from g2.cli.scanning.words import in_root, not_scanned, summary
from g2.cli.text import clean, inline, relative
from g2.cli.views import Cure, Output
from g2.explain.catalog import everything
from g2.explain.known import of_sighting
from g2.explain.scan.model import Sighting, Sureness


def of_scan(result: Result, output: Output) -> Notices:
    """The places that are shown: errors where they fail, warnings where they are likely, notes where only possible."""
    root = output.workspace or str(result.sources.root)
    marks = fingerprints([of_sighting(sighting) for sighting in result.shown])
    source, tried = result.snippets(), offers(result)
    items = tuple(
        _notice(result, sighting, source(sighting.span.path), mark, root, tried.get(sighting))
        for sighting, mark in zip(result.shown, marks, strict=True)
    )
    lost = tuple(
        f"{inline(span.path)}:{span.line} was not scanned: {why}" for span, why in map(not_scanned, result.unread)
    )
    return Notices(items, root, summary(result), (), lost)


def _notice(
    result: Result, sighting: Sighting, source: Snippet | None, mark: str, root: str, tried: Cure | None
) -> Notice:
    reason = everything().get(sighting.reason)
    parts = list(sighting.because)
    if reason is not None:
        parts += [reason.why, *reason.steps]
    level = "error" if sighting in result.failing else "note" if sighting.sureness is Sureness.POSSIBLE else "warning"
    shown = in_characters(sighting.span, source)
    return Notice(
        rule=sighting.reason,
        level=level,
        headline=inline(sighting.headline),
        text="\n\n".join(clean(part) for part in parts),
        span=_rooted(result, shown, root),
        function=inline(sighting.function),
        fingerprint=mark,
        path_in=tuple(Frame(_rooted(result, f.span, root), inline(f.function)) for f in sighting.path_in),
        cures=(tried,) if tried else tuple(Cure(rule, safety) for rule, _, safety in fixes(sighting.reason)),
    )


def _rooted(result: Result, span: Span, root: str) -> Span:
    found = in_root(result, span)
    return Span(relative(found.path, root), found.line, found.column, found.end_line, found.end_column)

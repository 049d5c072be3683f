"""A whole scan as bytes and back, for the cache. What cannot be read back is scanned again."""

from __future__ import annotations

import json
from dataclasses import astuple
from functools import lru_cache
from typing import Any

from g2.capture.model import Frame, Span
from g2.explain.scan.model import Scan, Sighting, Sureness, Unread, UnusedIgnore


def dump(scan: Scan) -> bytes:
    """The scan as JSON, fields in their order."""
    document = [
        [_sighting(s) for s in scan.sightings],
        [[u.path, u.why] for u in scan.unread],
        [[_span(u.span), u.reason] for u in scan.unused_ignores],
        [scan.ignored, scan.files, scan.lines, scan.reached],
    ]
    return json.dumps(document, separators=(",", ":")).encode()


@lru_cache(maxsize=2)  # of a hook, when what is staged is what HEAD holds
def load(data: bytes) -> Scan | None:
    """The scan again; None when these bytes hold none."""
    try:
        sightings, unread, unused, (ignored, files, lines, reached) = json.loads(data)
        return Scan(
            tuple(_sighted(s) for s in sightings),
            tuple(Unread(path, why) for path, why in unread),
            tuple(UnusedIgnore(Span(*span), reason) for span, reason in unused),
            ignored,
            files,
            lines,
            reached,
        )
    except (ValueError, TypeError):
        return None


def _span(span: Span) -> tuple[Any, ...]:
    return astuple(span)


def _sighting(s: Sighting) -> list[Any]:
    return [
        [s.span.path, s.span.line, s.span.column, s.span.end_line, s.span.end_column],
        s.reason,
        s.headline,
        s.function,
        s.code,
        s.sureness.value,
        s.number,
        s.because,
        [[_span(frame.span), frame.function] for frame in s.path_in],
    ]


def _sighted(row: list[Any]) -> Sighting:
    span, reason, headline, function, code, sureness, number, because, path_in = row
    return Sighting(
        Span(*span),
        reason,
        headline,
        function,
        code,
        Sureness(sureness),
        number,
        tuple(because),
        tuple(Frame(Span(*place), name) for place, name in path_in),
    )

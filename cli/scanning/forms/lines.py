"""One line a place, as compilers and linters write them: `path:line:column: reason: headline`, columns from 1."""

from __future__ import annotations

from g2.cli.scanning.result import Result
from g2.cli.scanning.words import in_root, not_scanned
from g2.cli.text import inline, relative
from g2.cli.views import Output


def render(result: Result, output: Output) -> str:
    """What was not scanned and the places that are shown; nothing when there are none."""
    text = []
    for span, why in map(not_scanned, result.unread):
        if result.sources.wanted(span.path):
            path = relative(in_root(result, span).path, result.cwd)
            text.append(f"{inline(path)}:{span.line}:1: not-scanned: {why}\n")
    for sighting in result.shown:
        path = relative(in_root(result, sighting.span).path, result.cwd)
        place = f"{inline(path)}:{sighting.span.line}:{max(sighting.span.column, 0) + 1}"
        text.append(f"{place}: {sighting.reason}: {inline(sighting.headline)}\n")
    return "".join(text)

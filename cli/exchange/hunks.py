"""The replacements that a unified diff makes, as whole lines."""

from __future__ import annotations

from dataclasses import dataclass

from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk, PatchSet


@dataclass(frozen=True, slots=True)
class Replacement:
    """Lines `first` to `last` of the old file become `text`. Lines count from 1; last = first - 1 takes none away."""

    first: int
    last: int
    text: str


def replacements(diff: str) -> tuple[Replacement, ...]:
    """One for each run of changed lines, without the lines of context; none when it is not a unified diff."""
    try:
        return tuple(one for file in PatchSet(diff) for hunk in file for one in _changes(hunk))
    except UnidiffParseError:
        return ()


def _changes(hunk: Hunk) -> list[Replacement]:
    found: list[Replacement] = []
    line = hunk.source_start
    if hunk.source_length == 0:  # of a hunk that only adds, the line before it is named
        line += 1
    first, text, open_ = line, "", False
    for entry in hunk:
        if entry.is_context:
            if open_:
                found.append(Replacement(first, line - 1, text))
            line += 1
            open_ = False
            continue
        if not open_:
            first, text, open_ = line, "", True
        if entry.is_removed:
            line += 1
        elif entry.is_added:
            text += entry.value
    if open_:
        found.append(Replacement(first, line - 1, text))
    return found

"""Places of the journal -> Span, Frame and Snippet of the model."""

from __future__ import annotations

import functools
import linecache
import tokenize
from collections.abc import Mapping, Sequence
from typing import Any

from g2.capture.model import Frame, Snippet, Span, Value
from g2.capture.paths import relative

_AROUND = 2  # lines kept above and below a span
_MOST = 12  # lines kept of a long one


def span(place: Sequence[Any], cwd: str) -> Span:
    """[path, line, column, end_line, end_column, ...] as a Span."""
    path, line, column, end_line, end_column = place[:5]
    return Span(relative(str(path), cwd), int(line), int(column), int(end_line), int(end_column))


def frames(stack: Sequence[Sequence[Any]], cwd: str) -> tuple[Frame, ...]:
    return tuple(Frame(span(step, cwd), str(step[5])) for step in stack)


def values(told: Sequence[Mapping[str, Any]]) -> tuple[Value, ...]:
    """What the names at a place held."""
    return tuple(_value(dict(value)) for value in told)


def _value(told: dict[str, Any]) -> Value:
    shape = told.pop("shape", None)
    return Value(**told, shape=None if shape is None else tuple(shape))


def snippet(path: str, line: int, end_line: int) -> Snippet | None:
    """The source around lines `line` to `end_line` of an absolute path, as it is on disk now."""
    return around(_lines(path), line, end_line, _MOST)


def around(lines: Sequence[str], line: int, end_line: int, most: int) -> Snippet | None:
    """At most so many of a source's lines; None when it has no such line."""
    if not 0 < line <= len(lines):
        return None
    first = max(line - _AROUND, 1)
    last = min(max(end_line, line) + _AROUND, first + most - 1, len(lines))
    return Snippet(first, tuple(lines[first - 1 : last]))


@functools.lru_cache(maxsize=256)
def _lines(path: str) -> tuple[str, ...]:
    try:
        with tokenize.open(path) as source:
            return tuple(source.read().splitlines())
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        # A cell of a notebook is no file; the process that folds what it observed itself knows its text.
        return tuple(line.rstrip("\n") for line in linecache.getlines(path))


def forget() -> None:
    """Files may have changed since the last fold of this process."""
    _lines.cache_clear()

"""Source lines with a span marked, in terminal cells, so that marks line up under tabs and wide
characters.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from g2.capture.model import Snippet, Span

BEFORE, AFTER, LONGEST = 2, 1, 7


@dataclass(frozen=True, slots=True)
class Row:
    """One source line. `start` and `end` are the cells that are marked, equal when none is."""

    number: int  # 0 for a row that stands for lines left out
    text: str
    start: int = 0
    end: int = 0

    @property
    def parts(self) -> tuple[str, str, str]:
        """The text before the mark, in it, and behind it."""
        before, marked, after = "", "", ""
        cell = 0
        for character in self.text:
            if cell < self.start:
                before += character
            elif cell < self.end:
                marked += character
            else:
                after += character
            cell += _width(character)
        return before, marked, after


def rows(span: Span, snippet: Snippet | None, width: int, ellipsis: str = "...") -> list[Row]:
    """The lines around `span` that are worth showing, none longer than `width` cells."""
    if snippet is None or not snippet.lines:
        return []
    last = max(span.end_line, span.line)
    numbers = [n for n in range(span.line - BEFORE, last + AFTER + 1) if 0 <= n - snippet.first < len(snippet.lines)]
    source = {n: snippet.lines[n - snippet.first].rstrip("\r\n") for n in numbers}
    while numbers and not source[numbers[0]].strip() and numbers[0] < span.line:
        numbers.pop(0)
    while numbers and not source[numbers[-1]].strip() and numbers[-1] > last:
        numbers.pop()
    left_out: set[int] = set()
    if len(numbers) > LONGEST:
        left_out = set(numbers[LONGEST - 2 : -2])
    cells = {n: _cells(source[n]) for n in numbers}
    shown = [cells[n] for n in numbers if n not in left_out and any(c.strip() for c in cells[n])]
    indent = min((_indent(c) for c in shown), default=0)
    result = []
    for n in numbers:
        if n in left_out:
            if n - 1 not in left_out:
                result.append(Row(0, ellipsis))
            continue
        start, end = _marked(span, n, source[n])
        result.append(_cropped(n, cells[n][indent:], start - indent, end - indent, width, ellipsis))
    return result


def _cells(line: str) -> list[str]:
    """The characters of `line`, one entry a cell; the second cell of a wide character is empty."""
    cells: list[str] = []
    for character in line:
        if character == "\t":
            cells.extend(" " * (4 - len(cells) % 4))
        elif character == "\f":
            cells.append(" ")
        elif unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            cells.append("?")
        elif unicodedata.combining(character) and cells:
            cells[-1] += character
        elif _width(character) == 2:
            cells.extend((character, ""))
        else:
            cells.append(character)
    return cells


def _width(character: str) -> int:
    """Cells that a printable character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _indent(cells: list[str]) -> int:
    return next((i for i, c in enumerate(cells) if c != " "), len(cells))


def _marked(span: Span, number: int, line: str) -> tuple[int, int]:
    """The cells of `line` that belong to the span."""
    last = max(span.end_line, span.line)
    if not span.line <= number <= last or not line.strip():
        return 0, 0
    first_character, stop = len(line) - len(line.lstrip()), len(line.rstrip())
    start = end = -1
    if span.column >= 0:
        start = _characters(line, span.column) if number == span.line else first_character
        end = _characters(line, span.end_column) if number == last and span.end_column >= 0 else stop
    if not 0 <= start < min(end, stop):
        start, end = first_character, stop
    return len(_cells(line[:start])), len(_cells(line[: min(end, stop)]))


def _characters(line: str, column: int) -> int:
    """A column in bytes of UTF-8, as code objects count, as one in characters."""
    return len(line.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "replace"))


def _cropped(number: int, cells: list[str], start: int, end: int, width: int, ellipsis: str) -> Row:
    start, end = max(start, 0), max(end, 0)
    width = max(width, 2 * len(ellipsis) + 4)
    shift = 0
    if len(cells) > width:
        room = width - len(ellipsis)
        if start and min(end, start + room // 2) > room:
            # The mark stands too far right: leave out the line's beginning.
            shift = start - room // 4
            cells = [*ellipsis, *cells[shift:]]
            shift -= len(ellipsis)
        if len(cells) > width:
            cells = [*cells[:room], *ellipsis]
    limit = len(cells)
    return Row(number, "".join(cells).rstrip(), min(start - shift, limit), min(end - shift, limit))

"""A unified diff drawn as source with line numbers: what goes is marked -, what comes +."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.text import Text

from g2.cli.text import clean, plural
from g2.cli.views._page import Page

MOST = 30  # lines of one rewrite, unless all are asked for

_HEAD = re.compile(r"^@@ -(\d+)")
_STYLES = {"-": "red", "+": "green", " ": ""}


@dataclass(frozen=True, slots=True)
class Row:
    """One line: its sign, its number in the old text (0 for none), its text. Between hunks the sign is empty."""

    sign: str
    number: int
    text: str


def rows(diff: str) -> list[Row]:
    """The lines of a diff of one file, without its head."""
    found: list[Row] = []
    number = 0
    for line in diff.split("\n"):
        if head := _HEAD.match(line):
            if found:
                found.append(Row("", 0, ""))
            number = int(head.group(1))
        elif number and line[:1] in ("-", " "):
            found.append(Row(line[0], number, line[1:]))
            number += 1
        elif number and line.startswith("+"):
            found.append(Row("+", 0, line[1:]))
    return found


def _bare(lines: list[Row]) -> list[Row]:
    """Without the blank lines of context at the ends of each hunk: they tell nothing."""

    def told(row: Row) -> bool:
        return bool(row.sign.strip() or row.text.strip())

    found: list[Row] = []
    hunk: list[Row] = []
    for row in [*lines, Row("", 0, "")]:
        if row.sign:
            hunk.append(row)
            continue
        first = next((at for at, one in enumerate(hunk) if told(one)), 0)
        last = next((at for at in range(len(hunk) - 1, -1, -1) if told(hunk[at])), len(hunk) - 1)
        found += [*hunk[first : last + 1], row]
        hunk = []
    return found[:-1]


def draw(page: Page, diff: str, indent: int = 4) -> None:
    """Draw a diff, each line cropped to the page, the indent that all lines share taken away."""
    lines = _bare(rows(diff))
    left = 0
    if not page.output.verbose and len(lines) > MOST:
        left = len(lines) - (MOST - 5)
        lines = lines[: MOST - 5]
    width = max((len(str(row.number)) for row in lines), default=1)
    texts = [clean(row.text).replace("\n", "?").expandtabs(4) for row in lines]
    shared = min((len(text) - len(text.lstrip()) for text in texts if text.strip()), default=0)
    room = max(page.width - indent - width - 5, 12)
    for row, text in zip(lines, texts, strict=True):
        if not row.sign:
            page.line(Text(f"{page.more:>{width}}", "dim"), indent)
            continue
        number = str(row.number or "").rjust(width)
        code = _cropped(text[shared:].rstrip(), room, page.more)
        line = f"{row.sign} {code}".rstrip()
        page.line(Text.assemble((f"{number} {page.bar} ", "dim"), (line, _STYLES[row.sign])), indent)
    if left:
        page.line(Text(f"{page.more} {plural(left, 'more line')}; -v shows all", "dim"), indent + width + 3)


def _cropped(text: str, room: int, more: str) -> str:
    return text if cell_len(text) <= room else chop_cells(text, room - len(more))[0] + more

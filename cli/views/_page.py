"""A page of text for a terminal, a pipe or a log: paragraphs with a label before them, source,
lines in columns.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from g2.capture.model import Snippet, Span
from g2.cli.text import Block, blocks, inline, listing, place
from g2.cli.views import Output
from g2.cli.views._source import rows

PROSE = 100  # columns; longer lines of prose are hard to read
LABEL = 6

_CODE = re.compile(r"(``?)(?!`)(.+?)\1")


class Page:
    """Collects what is printed; `text()` gives it all. Data is passed as rich Text, so its markup
    is never read.
    """

    def __init__(self, output: Output) -> None:
        self.output = output
        self.width = max(output.width, 20)
        self.arrow, self.bar, self.dot, self.more = ("→", "│", "·", "…") if output.unicode else ("->", "|", "-", "...")
        self.told: dict[str, int] = {}  # what the page has said already, and at which number
        self._buffer = io.StringIO()
        self._console = Console(
            file=self._buffer,
            width=self.width,
            height=100,  # never asked for, but without it rich asks the terminal for every line
            force_terminal=output.colour,
            force_jupyter=False,  # in a notebook rich shows what it is to give back
            color_system="standard" if output.colour else None,
            no_color=not output.colour,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
            _environ={},
        )

    def text(self) -> str:
        """Everything printed so far."""
        return self._buffer.getvalue()

    def blank(self) -> None:
        """An empty line."""
        self._buffer.write("\n")

    def line(self, text: Text, indent: int = 0) -> None:
        """One line that is never wrapped."""
        self._console.print(Text(" " * indent) + text, soft_wrap=True)

    def show(self, what: RenderableType, indent: int = 0) -> None:
        """Anything that rich draws."""
        self._console.print(Padding(what, (0, 0, 0, indent)))

    def paragraph(self, text: Text, indent: int = 0, label: Text | None = None) -> None:
        """Wrapped text; `label` stands before its first line, within the indent."""
        room = max(min(self.width, PROSE + indent) - indent, 12)
        for number, part in enumerate(text.wrap(self._console, room)):
            part.rstrip()
            before = Text(" " * indent)
            if number == 0 and label is not None:
                # Assembled, since the style of a Text's own would run on into what is added to it.
                before = Text.assemble(label, " " * max(indent - label.cell_len, 0))
            self._console.print(before + part, soft_wrap=True)

    def labelled(self, label: str, texts: Iterable[Text | Block], indent: int = 4) -> None:
        """Paragraphs and code under one label, which stands at `indent`."""
        inner = indent + LABEL
        head: Text | None = Text(" " * indent + label, "dim")
        for item in texts:
            if isinstance(item, Block) and item.code:
                for code in item.text.split("\n"):
                    self.line(Text(code, "green"), inner + 2)
            else:
                prose = self.prose(item.text) if isinstance(item, Block) else item
                self.paragraph(prose, inner, head)
                head = None

    def steps(self, number: int, advice: Iterable[str]) -> None:
        """What to do at finding `number`; a step that was told before is only pointed at."""
        advice = list(advice)
        new = [step for step in advice if step not in self.told]
        before = sorted({self.told[step] for step in advice if step in self.told})
        self.told.update(dict.fromkeys(new, number))
        items: list[Text | Block] = [item for step in new for item in blocks(step)]
        if before:
            numbers = listing([str(n) for n in before])
            items.append(Text(f"And as in {numbers}." if new else f"As in {numbers}."))
        if items:
            self.labelled("Do", items)

    def prose(self, text: str, style: str = "") -> Text:
        """A text of ours on one line; what stands in backticks is code."""
        text = inline(text)
        result, position = Text(style=style), 0
        for match in _CODE.finditer(text):
            result.append(text[position : match.start()])
            if self.output.colour:
                result.append(match.group(2).strip(), "cyan")
            else:
                result.append(match.group())
            position = match.end()
        result.append(text[position:])
        return result

    def place(self, span: Span, cwd: str, style: str = "cyan") -> Text:
        """`path:line:column`, a hyperlink where the terminal understands one."""
        text = Text.assemble((place(span, cwd, self.output.verbose), style))
        if self.output.links and span.path:
            path = Path(cwd) / span.path
            if path.is_absolute():
                text.stylize(f"link {path.as_uri()}")
        return text

    def source(self, span: Span, snippet: Snippet | None, indent: int = 4) -> None:
        """Source lines with the span marked by carets."""
        number_width = len(str(max(span.end_line, span.line) + 1))
        room = self.width - indent - number_width - 3
        for row in rows(span, snippet, room, self.more):
            number = str(row.number).rjust(number_width) if row.number else " " * number_width
            code = Text(row.text)
            hit = row.end > row.start
            self.line(Text.assemble((f"{number} {self.bar} ", "dim"), code), indent)
            if hit:
                carets = " " * row.start + "^" * (row.end - row.start)
                blank = " " * number_width
                self.line(Text.assemble((f"{blank} {self.bar} ", "dim"), (carets, "bold red")), indent)

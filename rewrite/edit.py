"""Edits as data: many cures of one file become one new text, and every place of the new text leads back to the old.

All edits are kept in coordinates of the text on disk. A cure that was made for a text with other cures in it is carried
back; where it touches one of them, the two become one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from g2.rewrite.head import head
from g2.rewrite.model import Edit, FileEdits
from g2.rewrite.source import Source

_SETTING = re.compile(r"@?[\w.]+\._dynamo\.config\.(patch\(.*\)|\w+ = .*)")


class Overlap(Exception):
    """Two edits want the same text."""


@dataclass(frozen=True)  # without slots: what is made of the edits is kept
class Text:
    """One file as it is on disk, with edits put in: what its text becomes.

    `edits` are in order and apart; those of `imports` and `helpers` are made when the text is drawn.
    """

    source: Source
    edits: tuple[Edit, ...] = ()
    imports: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: Source, files: Iterable[FileEdits]) -> Text:
        """The file with all of these. Raises Overlap."""
        edits: list[Edit] = []
        imports: dict[str, None] = {}
        helpers: dict[str, None] = {}
        for file in files:
            edits += file.edits
            imports.update(dict.fromkeys(file.imports))
            helpers.update(dict.fromkeys(file.helpers))
        edits = sorted(dict.fromkeys(edits))
        for one, other in pairwise(edits):
            if other.start < one.end:
                raise Overlap
            if (one.start, one.end) == (other.start, other.end) and not _in_any_order(one, other):
                raise Overlap
        return cls(source, tuple(edits), tuple(imports), tuple(helpers))

    @cached_property
    def _all(self) -> list[Edit]:
        top = head(self.source, self.imports, self.helpers)
        return sorted([*top, *self.edits], key=lambda edit: (edit.start, edit.end))

    def draw(self) -> str:
        """The new text, with the file's own line ends."""
        return self._drawn

    @cached_property
    def _drawn(self) -> str:
        old, out, at = self.source.text, [], 0
        for edit in self._all:
            out += [old[at : edit.start], edit.text.replace("\n", self.source.newline)]
            at = edit.end
        return "".join([*out, old[at:]])

    def data(self) -> bytes:
        """The new file, in its own encoding and with its own byte order mark. Raises UnicodeEncodeError."""
        return self.draw().encode(self.source.encoding)

    def after(self) -> Source:
        """The file as it becomes, for the next round."""
        return self._after

    @cached_property
    def _after(self) -> Source:
        return Source(self.source.path, self.source.data, self.draw())

    def back(self, offset: int) -> tuple[int, Edit | None]:
        """Where a character of the new text stands in the old one; the edit that it is part of, when it is new."""
        shift = 0
        for edit in self._all:
            length = len(edit.text.replace("\n", self.source.newline))
            begin = edit.start + shift
            if offset < begin:
                break
            if offset < begin + length:
                return edit.start, edit
            shift += length - (edit.end - edit.start)
        return offset - shift, None

    def forth(self, offset: int) -> int:
        """Where a character of the old text stands in the new one; the start of what replaced it, when it is gone."""
        shift = 0
        for edit in self._all:
            if offset < edit.end or (offset == edit.start == edit.end):
                return min(offset, edit.start) + shift if offset >= edit.start else offset + shift
            shift += len(edit.text.replace("\n", self.source.newline)) - (edit.end - edit.start)
        return offset + shift

    def place_back(self, line: int, column: int = -1) -> tuple[int, int, Edit | None]:
        """The old line and column of a new one, and the edit that wrote what stands there.

        Columns count bytes, as code objects have them; -1 stands for the first word of the line, and stays -1.
        """
        after = self.after()
        text = after.line(line)
        at = after.characters(line, column) if column >= 0 else len(text) - len(text.lstrip())
        offset = after.offset(line, at) if text else len(after.text)
        old, edit = self.back(offset)
        found, characters = self.source.position(min(old, len(self.source.text)))
        return found, len(self.source.line(found)[:characters].encode()) if column >= 0 else -1, edit

    def carried(self, edits: Sequence[Edit]) -> tuple[tuple[Edit, ...], frozenset[Edit]]:
        """Edits of the new text as edits of the old one, and those of ours that they take in.

        Raises Overlap where one touches what was put at the head of the file.
        """
        new = self.draw()
        made: list[Edit] = []
        taken: set[Edit] = set()
        for edit in edits:
            touched = [mine for mine in self.edits if self._touches(mine, edit)]
            if not touched:
                (start, inside), (end, also) = self.back(edit.start), self.back(edit.end)
                if inside is not None or (also is not None and edit.end > edit.start and end != start):
                    raise Overlap
                made.append(Edit(start, start + edit.end - edit.start, edit.text))
                continue
            taken |= set(touched)
            low = min(self.forth(touched[0].start), edit.start)
            last = touched[-1]
            high = max(self.forth(last.start) + len(last.text.replace("\n", self.source.newline)), edit.end)
            text = new[low : edit.start].replace(self.source.newline, "\n") + edit.text
            text += new[edit.end : high].replace(self.source.newline, "\n")
            start = min(touched[0].start, self.back(edit.start)[0])
            end = max(last.end, self.back(edit.end)[0] if edit.end >= high else last.end)
            made.append(Edit(start, end, text))
        return tuple(made), frozenset(taken)

    def _touches(self, mine: Edit, edit: Edit) -> bool:
        begin = self.forth(mine.start)
        end = begin + len(mine.text.replace("\n", self.source.newline))
        if edit.start < end and begin < edit.end:
            return True
        # Of two that meet at a point the order would be lost, when one of them takes no room.
        roomless = edit.start == edit.end or mine.start == mine.end or not mine.text
        return roomless and edit.start <= end and begin <= edit.end


def _in_any_order(one: Edit, other: Edit) -> bool:
    """Whether both put lines at one point that set different options of Dynamo: which comes first does not matter."""
    lines = [[line.strip() for line in edit.text.splitlines() if line.strip()] for edit in (one, other)]
    return (
        one.start == one.end
        and all(edit.text.rstrip(" \t").endswith("\n") for edit in (one, other))
        and all(_SETTING.fullmatch(line) for line in [*lines[0], *lines[1]])
        and not {*lines[0]} & {*lines[1]}
    )

"""The cures that are in place during a trial, and the texts that they make of the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from g2.capture.model import Span
from g2.rewrite.edit import Overlap, Text
from g2.rewrite.model import Edit, FileEdits, Proposal, Target
from g2.rewrite.pack import unpackable
from g2.rewrite.source import Source, Unreadable


@dataclass(frozen=True, slots=True)
class Placed:
    """A proposal in coordinates of the files on disk. `with_`: keys of others that its text was made on top of."""

    key: str  # names the proposal at its place, whatever the round
    target: Target  # its span as the round's report has it
    home: tuple[str, int]  # path and line of the place on disk
    proposal: Proposal  # as the rule made it, for the text of its round
    files: tuple[FileEdits, ...]
    tests: tuple[Span, ...] = ()
    with_: frozenset[str] = frozenset()
    takes: frozenset[tuple[str, Edit]] = frozenset()  # edits of those others that went into this one's


class State:
    """Files on disk and the proposals placed on them. Immutable: `plus` and `without` give another."""

    def __init__(self, sources: dict[str, Source] | None = None, placed: tuple[Placed, ...] = ()) -> None:
        self._sources = {} if sources is None else sources  # shared: what was read once stays as it was read
        self.placed = placed
        self._texts: dict[str, Text] = {}

    def original(self, path: str) -> Source:
        """The file as it was when it was first read. Raises Unreadable."""
        if path not in self._sources:
            self._sources[path] = Source.read(path)
        return self._sources[path]

    def text(self, path: str) -> Text:
        """Raises Unreadable, Overlap."""
        if path not in self._texts:
            files = [file for one in self.placed for file in one.files if file.path == path]
            self._texts[path] = Text.of(self.original(path), files)
        return self._texts[path]

    def read(self, path: str) -> Source:
        """The file with all that is placed. Raises Unreadable."""
        text = self.text(path)
        return text.after() if text.edits or text.imports or text.helpers else text.source

    def changed(self) -> dict[str, Text]:
        """The files that are no longer as they are on disk."""
        paths = dict.fromkeys(file.path for one in self.placed for file in one.files)
        return {path: self.text(path) for path in paths}

    def back(self, path: str, line: int, column: int) -> tuple[int, int, Placed | None]:
        """A line and a column of the file with all that is placed -> these on disk, and the cure that wrote them.

        Columns count bytes. -1 stands for the first word of the line, and stays -1.
        """
        if not any(file.path == path for one in self.placed for file in one.files):
            return line, column, None
        text = self.text(path)
        old, old_column, edit = text.place_back(line, column)
        owner = next(
            (one for one in self.placed for file in one.files if edit and file.path == path and edit in file.edits),
            None,
        )
        return old, old_column, owner

    def place(self, target: Target, home: tuple[str, int], proposal: Proposal) -> Placed:
        """A proposal made for the text with all that is placed, in coordinates of the disk.

        Raises Overlap, Unreadable.
        """
        files: list[FileEdits] = []
        takes: set[tuple[str, Edit]] = set()
        for file in proposal.files:
            if why := unpackable(file.path):
                raise Unreadable(why)
            edits, taken = self.text(file.path).carried(file.edits)
            files.append(replace(file, edits=edits))
            takes |= {(file.path, edit) for edit in taken}
        under = {one.key for one in self.placed for file in one.files for e in file.edits if (file.path, e) in takes}
        tests = (self._span_back(test) for test in proposal.tests)
        return Placed(
            key(home, proposal), target, home, proposal, tuple(files), tuple(span for span in tests if span),
            frozenset(under), frozenset(takes),
        )  # fmt: skip

    def plus(self, one: Placed) -> State:
        """This state and one more. Raises Overlap; Unreadable when the new text is no Python."""
        if not one.with_ <= {other.key for other in self.placed}:
            raise Overlap
        made = State(self._sources, (*(_less(other, one.takes) for other in self.placed), one))
        for file in one.files:
            _ = made.read(file.path).tree
            try:
                made.text(file.path).data()
            except UnicodeEncodeError as error:
                raise Unreadable(f"its encoding {error.encoding} has no {error.object[error.start]!r}") from None
        return made

    def without(self, keys: Iterable[str]) -> State:
        """This state less the proposals of these keys, and less those that were made on top of them."""
        gone = set(keys)
        while more := {one.key for one in self.placed if one.with_ & gone} - gone:
            gone |= more
        absorbed = {key for one in self.placed if one.key in gone for key in one.with_}
        if absorbed - gone:  # their text went into one that goes: they go as well
            return self.without(gone | absorbed)
        return State(self._sources, tuple(one for one in self.placed if one.key not in gone))

    def _span_back(self, span: Span) -> Span | None:
        """A span of the text with all that is placed, on disk; None when the text there is new."""
        text = self.text(span.path)
        now = text.after()
        begin = now.offset(span.line, now.characters(span.line, span.column))
        end = now.offset(span.end_line, now.characters(span.end_line, span.end_column))
        (start, one), (stop, other) = text.back(begin), text.back(max(end - 1, begin))
        if one is not None or other is not None:
            return None
        places = [text.source.position(start), text.source.position(stop + (1 if end > begin else 0))]
        columns = [len(text.source.line(line)[:column].encode()) for line, column in places]
        return Span(span.path, places[0][0], columns[0], places[1][0], columns[1])


def key(home: tuple[str, int], proposal: Proposal) -> str:
    """Names a proposal at a place: the same in every round in which it is made again."""
    what = [proposal.rule, *((e.text, f.path) for f in proposal.files for e in f.edits), proposal.advice]
    digest = hashlib.sha256(repr(what).encode()).hexdigest()[:12]
    return f"{home[0]}:{home[1]}:{proposal.rule}:{digest}"


def functions(source: Source, start: int, end: int) -> tuple[tuple[str, int, int], ...]:
    """The functions that hold any of the lines start to end, as (qualified name, first line, last line)."""
    found: list[tuple[str, int, int]] = []
    for name, node in source.functions:
        first, last = node.lineno, node.end_lineno or node.lineno
        if node.decorator_list:
            first = min(first, *(one.lineno for one in node.decorator_list))
        if first <= end and start <= last:
            found.append((name, first, last))
    return tuple(found)


def _less(one: Placed, taken: frozenset[tuple[str, Edit]]) -> Placed:
    files = tuple(
        replace(file, edits=tuple(edit for edit in file.edits if (file.path, edit) not in taken)) for file in one.files
    )
    return replace(one, files=files) if files != one.files else one

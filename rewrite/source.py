"""A source file as a rule sees it: its text, and the libcst tree of the one function that matters.

libcst reads about 1,200 lines a second with positions, ast 41,000 (measured, shared/TORCH.md): so `ast` finds the
function and libcst opens that alone.
"""

from __future__ import annotations

import ast
import functools
import io
import tokenize
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider

from g2.capture.model import Span
from g2.rewrite.footer import footer
from g2.rewrite.model import Edit

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Unreadable(Exception):
    """The file cannot be read, decoded or parsed; str() is a clause that says why."""


class Source:
    """One file. `text` keeps its line ends; a byte order mark is not part of it."""

    def __init__(self, path: str, data: bytes, text: str | None = None) -> None:
        """Raises Unreadable. `text`: what the file would hold, when that is not what `data` says."""
        self.path = path
        self.data = data
        self.encoding = _encoding(data)
        try:
            self.text = data.decode(self.encoding) if text is None else text
        except UnicodeDecodeError as error:
            raise Unreadable(f"it is not the {self.encoding} that it says it is ({error.reason})") from None
        if "\0" in self.text:
            raise Unreadable("it holds NUL characters")
        self.newline = "\r\n" if "\r\n" in self.text else "\r" if "\r" in self.text and "\n" not in self.text else "\n"
        self._starts = [0]
        for line in self.text.splitlines(keepends=True) if _plain(self.text) else _physical(self.text):
            self._starts.append(self._starts[-1] + len(line))

    @classmethod
    def read(cls, path: str) -> Source:
        """Raises Unreadable."""
        try:
            return cls(path, Path(path).read_bytes())
        except OSError as error:
            raise Unreadable(f"it cannot be read ({error.strerror})") from None

    @functools.cached_property
    def tree(self) -> ast.Module:
        """Raises Unreadable."""
        try:
            return ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise Unreadable(f"Python cannot parse it ({error})") from None

    @functools.cached_property
    def functions(self) -> tuple[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef], ...]:
        """Every function with its qualified name, outer ones before those in them. Raises Unreadable."""
        return tuple(_qualified(self.tree, ""))

    def offset(self, line: int, column: int) -> int:
        """The place of a line (from 1) and a column in characters (from 0)."""
        return self._starts[line - 1] + column

    def position(self, offset: int) -> tuple[int, int]:
        """Line (from 1) and column in characters (from 0)."""
        line = bisect_right(self._starts, offset)
        line = min(line, max(len(self._starts) - 1, 1))
        return line, offset - self._starts[line - 1]

    def line(self, number: int) -> str:
        """One line with its end; empty when there is none of that number."""
        if not 1 <= number < len(self._starts):
            return ""
        return self.text[self._starts[number - 1] : self._starts[number]]

    def characters(self, line: int, column: int) -> int:
        """A column in bytes, as code objects and ast count them, in characters."""
        return len(self.line(line).encode("utf-8")[: max(column, 0)].decode("utf-8", "ignore"))

    def piece(self, line: int) -> Piece:
        """The innermost function around a line (the innermost method or top-level function holding it, with all that
        is nested in that one), or the whole module where there is none. Raises Unreadable.
        """
        around = [
            node
            for node in _outermost(self.tree)
            if _first(node) <= line <= (node.end_lineno or node.lineno)
        ]
        if not around:
            return self.whole
        return self._piece(_first(around[0]), around[0].end_lineno or around[0].lineno)

    @functools.cached_property
    def whole(self) -> Piece:
        """The whole file. Raises Unreadable."""
        return Piece(self, 1, self.text, 0)

    @functools.cache  # noqa: B019  # lives as long as the Source
    def _piece(self, first: int, last: int) -> Piece:
        text = self.text[self._starts[first - 1] : self._starts[last]]
        if text[:1] in (" ", "\t"):
            head = "if 1:" + self.newline
            return Piece(self, first, head + text, 1)
        return Piece(self, first, text, 0)


class Piece:
    """A part of a file as a libcst tree, with the places of its nodes in the file."""

    def __init__(self, source: Source, first: int, text: str, extra: int) -> None:
        """`first`: the file's line at which the part begins, behind `extra` lines put before it. Raises Unreadable."""
        try:
            wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
            self._positions = wrapper.resolve(PositionProvider)
            self._parents = wrapper.resolve(ParentNodeProvider)
        except (cst.ParserSyntaxError, RecursionError, ValueError, TypeError) as error:
            raise Unreadable(f"libcst cannot parse it ({str(error).splitlines()[0]})") from None
        self.source = source
        self.module = wrapper.module
        self._shift = first - 1 - extra

    @functools.cached_property
    def function(self) -> cst.FunctionDef | None:
        """The function that the piece holds; None when it is the whole module."""
        if self.module is getattr(self.source.__dict__.get("whole"), "module", None):
            return None
        body: Sequence[cst.BaseStatement] = self.module.body
        if len(body) == 1 and isinstance(body[0], cst.If) and isinstance(body[0].body, cst.IndentedBlock):
            body = body[0].body.body
        return body[0] if body and isinstance(body[0], cst.FunctionDef) else None

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        return self._parents.get(node)

    def ancestors(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        """Innermost first, the node itself not among them."""
        found = []
        above = self.parent(node)
        while above is not None:
            found.append(above)
            above = self.parent(above)
        return found

    def bounds(self, node: cst.CSTNode) -> tuple[int, int]:
        """Start and end of a node in the file's text, in characters. A compound statement ends with its last line's
        end, the newline not included.
        """
        place = self._positions[node]
        source = self.source
        return (
            source.offset(place.start.line + self._shift, place.start.column),
            source.offset(place.end.line + self._shift, place.end.column),
        )

    def span(self, node: cst.CSTNode) -> Span:
        """Lines from 1, columns in bytes from 0, as code objects have them."""
        start, end = (self.source.position(offset) for offset in self.bounds(node))
        columns = [len(self.source.line(line)[:column].encode()) for line, column in (start, end)]
        return Span(self.source.path, start[0], columns[0], end[0], columns[1])

    def code(self, node: cst.CSTNode) -> str:
        """The node as written, without what surrounds it."""
        start, end = self.bounds(node)
        return self.source.text[start:end]

    def short(self, node: cst.CSTNode) -> str:
        """The node on one line and at most 40 characters long, for a sentence."""
        text = " ".join(self.code(node).split())
        return text if len(text) <= 40 else f"{text[:37]}..."

    def indent(self, node: cst.CSTNode) -> str:
        """The white space before the statement that a node is part of."""
        line, _ = self.source.position(self.bounds(self.statement(node) or node)[0])
        text = self.source.line(line)
        return text[: len(text) - len(text.lstrip(" \t\f"))]

    def find(self, span: Span) -> cst.CSTNode | None:
        """The node of exactly this span, else the smallest expression or statement around it."""
        source = self.source
        try:
            begin = source.offset(span.line, source.characters(span.line, span.column) if span.column >= 0 else 0)
            if span.column < 0:
                begin += len(source.line(span.line)) - len(source.line(span.line).lstrip())
            end = begin
            if span.end_line > 0 and span.end_column >= 0:
                end = source.offset(span.end_line, source.characters(span.end_line, span.end_column))
        except IndexError:
            return None
        best: cst.CSTNode | None = None
        size = len(source.text) + 1
        for node in self._positions:
            if not isinstance(node, (cst.BaseExpression, cst.BaseSmallStatement, cst.BaseStatement)):
                continue
            start, stop = self.bounds(node)
            if start <= begin and end <= stop and stop - start < size:
                best, size = node, stop - start
        return best

    def statement(self, node: cst.CSTNode) -> cst.BaseStatement | None:
        """The innermost whole statement (a line or a compound) that holds the node, or is it."""
        for one in (node, *self.ancestors(node)):
            if isinstance(one, cst.BaseStatement):
                return one
        return None

    def names(self) -> frozenset[str]:
        """Every name and attribute that occurs in the file, for choosing new ones."""
        tokens = tokenize.generate_tokens(io.StringIO(self.source.text).readline)
        return frozenset(token.string for token in tokens if token.type == tokenize.NAME)

    def fresh(self, wish: str) -> str:
        """A name that the file does not use: the wish, or the wish with a number."""
        taken = self.names()
        name, number = wish, 2
        while name in taken:
            name, number = f"{wish}_{number}", number + 1
        return name

    def replace(self, node: cst.CSTNode, text: str) -> Edit:
        """An edit that puts `text` where the node is. For a statement: lines after the first are indented as it is, and
        so are comments that ended its last block.
        """
        start, end = self.bounds(node)
        if isinstance(node, cst.BaseStatement):
            lines = text.strip("\n").split("\n")
            if isinstance(node, cst.BaseCompoundStatement) and not lines[-1].startswith((" ", "\t")):
                end, notes = footer(self.source.text, end, self.indent(node))
                lines = [*lines[:-1], lines[-1] + "".join(notes[:1]), *notes[1:]]
            text = f"\n{self.indent(node)}".join(lines)
            text = "\n".join(line if line.strip() else "" for line in text.split("\n"))
        return Edit(start, end, text)


def _qualified(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            name = f"{prefix}{child.name}"
            if not isinstance(child, ast.ClassDef):
                yield name, child
            name += "." if isinstance(child, ast.ClassDef) else ".<locals>."
        yield from _qualified(child, name)


def _outermost(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions that are in no other function, in classes too."""
    found: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, FUNCTIONS):
                found.append(node)
            elif isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                waiting.append(node)
    return found


def _first(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _encoding(data: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except (SyntaxError, LookupError) as error:
        raise Unreadable(f"its encoding is not known ({error})") from None


def _plain(text: str) -> bool:
    """Whether str.splitlines() splits where Python's tokenizer does (it also splits at form feeds and the like)."""
    return not set(text) & set("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


def _physical(text: str) -> list[str]:
    return io.StringIO(text, newline="").readlines()

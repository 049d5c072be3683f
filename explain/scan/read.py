"""From a file's bytes to its facts."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings

from g2.explain.scan import bind, calls, expressions, statements, subscripts
from g2.explain.scan.body import Sheet
from g2.explain.scan.definitions import walk
from g2.explain.scan.detector import Table
from g2.explain.scan.facts import Facts

# Loading these fills the tables of body.py.
HANDLERS = (bind, calls, expressions, statements, subscripts)
LARGEST = 4_000_000  # bytes; ast takes a hundred times as much memory
_IGNORE = re.compile(r"#\s*g2:\s*ignore\b(?:\s*\[([^\]\n]*)\])?", re.IGNORECASE)
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


class Unreadable(Exception):
    """A file that cannot be scanned; its text is the clause that says why."""


def facts(data: bytes, table: Table) -> Facts:
    """The facts of a file's bytes. Raises Unreadable."""
    if len(data) > LARGEST:
        raise Unreadable(f"is larger than {LARGEST // 1_000_000} MB")
    tree = _parsed(data)
    sheet = Sheet(table, lambda: lines(data))
    try:
        walk(sheet, tree)
    except (RecursionError, MemoryError):
        raise Unreadable("is nested too deeply") from None
    return Facts(
        tuple(sheet.functions),
        tuple(sheet.classes),
        {name: value for name, value in sheet.names.items() if "." not in name},
        data.count(b"\n") + 1,
        _ignores(data, tree) if b"g2:" in data else (),
        tuple(sheet.stars),
        tuple(sheet.options),
    )


def _parsed(data: bytes) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        raise Unreadable(f"does not parse in this Python: {where}{error.msg}") from None
    except (RecursionError, MemoryError):
        raise Unreadable("is nested too deeply") from None
    except (ValueError, UnicodeError, LookupError) as error:
        raise Unreadable(f"does not parse in this Python: {error}") from None


def lines(data: bytes) -> list[bytes]:
    """The lines in UTF-8, which is what columns count in."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    head = data.split(b"\n", 2)[:2]
    for line in head:
        if found := _COOKIE.match(line):
            name = found[1].decode("ascii", "replace")
            if name.lower().replace("_", "-") not in {"utf-8", "utf8", "ascii", "us-ascii"}:
                try:
                    return data.decode(name).encode("utf-8", "replace").splitlines()
                except (LookupError, UnicodeError):
                    break
    return data.splitlines()


def _ignores(data: bytes, tree: ast.Module) -> tuple[tuple[int, int, int, int, str], ...]:
    """Comments `# g2: ignore[..]`: first line, column, last column, last line covered, reason."""
    found: list[tuple[int, int, int, int, str]] = []
    ends: dict[int, int] | None = None
    try:
        for token in tokenize.tokenize(io.BytesIO(data).readline):
            if token.type != tokenize.COMMENT or "g2:" not in token.string:
                continue
            hit = _IGNORE.search(token.string)
            if hit is None:
                continue
            ends = ends if ends is not None else _statements(tree)
            line, column = token.start
            last = ends.get(line, line)
            names = hit[1].split(",") if hit[1] is not None else [""]
            found += [(line, column + hit.start(), column + hit.end(), last, name.strip()) for name in names]
    except (tokenize.TokenError, SyntaxError, IndentationError, UnicodeError):
        pass
    return tuple(found)


def _statements(tree: ast.Module) -> dict[int, int]:
    """The last line of the statement, or of the head of the compound statement, that begins in a line."""
    ends: dict[int, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = node.end_lineno or node.lineno
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                last = max(node.lineno, body[0].lineno - 1)
            ends[node.lineno] = max(ends.get(node.lineno, 0), last)
    return ends

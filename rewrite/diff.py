"""Unified diffs that `git apply` and `patch -p1` take: line ends, encodings and a missing last newline are as they are
in the files.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

CONTEXT = 3  # lines around a change, as diff -u has them


def unified(name: str, before: str, after: str, context: int = CONTEXT) -> str:
    """The diff from one text to another, under the name a/`name` and b/`name`; empty when they are the same."""
    codec = "utf-8", "surrogatepass"
    return unified_bytes(name, before.encode(*codec), after.encode(*codec), context).decode(*codec)


def unified_bytes(name: str, before: bytes | None, after: bytes | None, context: int = CONTEXT) -> bytes:
    """The diff of one file under the name a/`name` and b/`name`; None stands for no file. Empty when nothing differs.

    Lines end where \\n does: the \\r before it is part of the line, as git and patch take it.
    """
    if before == after:
        return b""
    old, new = _lines(before or b""), _lines(after or b"")
    names = [b"/dev/null" if data is None else _name(f"{side}/{name}") for side, data in (("a", before), ("b", after))]
    return b"--- %s\n+++ %s\n" % (names[0], names[1]) + b"".join(_hunks(old, new, context))


def _hunks(old: list[bytes], new: list[bytes], context: int) -> Iterator[bytes]:
    for group in _groups(old, new, context):
        first, last = group[0], group[-1]
        yield b"@@ -%s +%s @@\n" % (_range(first[1], last[2]), _range(first[3], last[4]))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (_line(b" ", line) for line in old[i1:i2])
                continue
            yield from (_line(b"-", line) for line in old[i1:i2])
            yield from (_line(b"+", line) for line in new[j1:j2])


def _groups(old: list[bytes], new: list[bytes], context: int) -> Iterator[list[tuple[str, int, int, int, int]]]:
    # difflib looks at every pair of lines that are alike: what the files share at both ends is left out for it.
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    head, tail = max(head - context, 0), max(tail - context, 0)
    matcher = difflib.SequenceMatcher(
        None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False
    )
    for group in matcher.get_grouped_opcodes(context):
        yield [(tag, i1 + head, i2 + head, j1 + head, j2 + head) for tag, i1, i2, j1, j2 in group]


def _line(sign: bytes, line: bytes) -> bytes:
    return sign + line if line.endswith(b"\n") else sign + line + b"\n\\ No newline at end of file\n"


def _range(start: int, end: int) -> bytes:
    """As POSIX has it: an empty range begins at the line before it."""
    length = end - start
    return b"%d" % (start + 1) if length == 1 else b"%d,%d" % (start + (length > 0), length)


def _lines(data: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _name(path: str) -> bytes:
    """A file's name as git writes it in --- and +++ lines: a tab ends one with spaces."""
    name = _quoted(path)
    return name + b"\t" if b" " in name and not name.startswith(b'"') else name


def _quoted(path: str) -> bytes:
    data = path.encode("utf-8", "surrogateescape")
    if not any(byte < 32 or byte in b'"\\\x7f' for byte in data):
        return data
    special = {9: b"\\t", 10: b"\\n", 13: b"\\r", 34: b'\\"', 92: b"\\\\"}
    return b'"' + b"".join(
        special.get(byte) or (b"\\%03o" % byte if byte < 32 or byte == 127 else bytes([byte])) for byte in data
    ) + b'"'

"""Unified diffs that `git apply` and `patch -p1` take: line ends, encodings and a missing last newline are as they are
in the files.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

Block = tuple[str, int, int, int, int]  # as difflib's opcodes: what, and lines of both texts
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


def _groups(old: list[bytes], new: list[bytes], context: int) -> Iterator[list[Block]]:
    """Blocks that differ, those near each other together, with what is equal around them."""
    group: list[Block] = []
    blocks = list(_blocks(old, new))
    for block in blocks:
        tag, i1, i2, j1, j2 = block
        if tag != "equal" or (group and i2 - i1 <= 2 * context and block is not blocks[-1]):
            group.append(block)
            continue
        if group:
            yield [*group, ("equal", i1, min(i1 + context, i2), j1, min(j1 + context, j2))]
        group = [("equal", max(i2 - context, i1), i2, max(j2 - context, j1), j2)]
    if group[1:] or (group and group[0][0] != "equal"):
        yield group


def _blocks(old: list[bytes], new: list[bytes]) -> Iterator[Block]:
    # difflib looks at every pair of lines that are alike: what the texts share at both ends is spared it.
    head, least = 0, min(len(old), len(new))
    while head < least and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < least - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    middle, end = len(old) - tail, len(new) - tail
    if head:
        yield "equal", 0, head, 0, head
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old[head:middle], new[head:end], False).get_opcodes():
        yield tag, i1 + head, i2 + head, j1 + head, j2 + head
    if tail:
        yield "equal", middle, len(old), end, len(new)


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

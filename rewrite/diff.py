"""Unified diffs that `git apply` and `patch -p1` take."""

from __future__ import annotations

import difflib

_NO_END = "\\ No newline at end of file\n"


def unified(name: str, before: str, after: str, context: int = 3) -> str:
    """The diff from one text to another, under the name a/`name` and b/`name`; empty when they are the same.

    Line ends are those of the texts; a last line without one is marked as git marks it.
    """
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    lines = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", n=context)
    return "".join(line if line.endswith(("\n", "\r")) else f"{line}\n{_NO_END}" for line in lines)

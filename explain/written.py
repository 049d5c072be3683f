"""Pages of docs/ that are made from the code: written, and noticed when one on disk is stale."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path


def stale(folder: Path, wanted: Mapping[str, str], below: str) -> list[str]:
    """The pages that are missing in `folder` or differ from those wanted (path below it: text), and those in its
    subfolder `below` that nothing wants any more.
    """
    wrong = [
        name
        for name, text in wanted.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]
    left = [f"{below}/{path.name}" for path in (folder / below).glob("*.md")]
    return sorted([*wrong, *(name for name in left if name not in wanted)])


def write(folder: Path, wanted: Mapping[str, str], below: str) -> None:
    """Write all pages, and take away those that nothing wants any more."""
    for name in stale(folder, wanted, below):
        (folder / name).unlink(missing_ok=True)
    for name, text in wanted.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def main(arguments: Iterable[str], usage: str, pages: Callable[[], Mapping[str, str]], below: str) -> int:
    """Write or check the pages in the folder that is named; the exit code."""
    words = list(arguments)
    check = "--check" in words
    folders = [word for word in words if word != "--check"]
    if len(folders) != 1:
        print(usage, file=sys.stderr)
        return 2
    if not check:
        write(Path(folders[0]), pages(), below)
        return 0
    wrong = stale(Path(folders[0]), pages(), below)
    if wrong:
        print(f"stale: {', '.join(wrong)}; write them anew with: make docs", file=sys.stderr)
    return 1 if wrong else 0

"""The edits of a rewrite that g2 fix has proved, where the text is still what it was proved with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from g2.cli.exchange.hunks import Replacement, replacements
from g2.cli.views import Cure


@dataclass(frozen=True, slots=True)
class FileEdits:
    """Replacements in one file, whose lines were compared."""

    path: str
    replacements: tuple[Replacement, ...]


def edits(cure: Cure, folder: str, lines: Callable[[str], Sequence[str] | None]) -> tuple[FileEdits, ...]:
    """What a cure changes; none when one of its files has other lines than those that were proved.

    folder: what relative paths start from. lines: the lines of a file by its absolute path, without their ends.
    """
    found = []
    for name, diff in cure.diffs:
        path = str(Path(folder) / name)
        text = lines(path)
        if text is None or not _fits(diff, text):
            return ()
        found.append(FileEdits(path, replacements(diff)))
    return tuple(found)


def _fits(diff: str, lines: Sequence[str]) -> bool:
    try:
        hunks = [hunk for file in PatchSet(diff) for hunk in file]
    except UnidiffParseError:
        return False
    for hunk in hunks:
        old = [line.value.rstrip("\r\n") for line in hunk if line.is_context or line.is_removed]
        first = hunk.source_start - 1 if hunk.source_length else hunk.source_start
        if list(lines[first : first + len(old)]) != old:
            return False
    return bool(hunks)

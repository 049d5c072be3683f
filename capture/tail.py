"""Parent side: how far a running script is, from the journals it is writing."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

_COUNTED = re.compile(rb'^\{"e":"(break|recompile|graph|stats)"')
_ROOTS = re.compile(rb'"roots":(\{[^}]*\})')


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known while the script runs; `phase` is "running", "looking behind breaks" or "folding"."""

    calls: int
    graphs: int
    breaks: int
    recompiles: int
    seconds: float
    phase: str


def appended(path: Path, at: int) -> tuple[list[bytes], int]:
    """The whole lines of a journal behind offset `at`, and the offset behind them; none when it cannot be read."""
    try:
        with path.open("rb") as journal:
            journal.seek(at)
            data = journal.read()
    except OSError:
        return [], at
    whole = data.rfind(b"\n") + 1
    return data[:whole].splitlines(), at + whole


class Tail:
    """Reads what was appended to a record folder's journals since the last look; never parses a line twice."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        self._calls: dict[Path, dict[str, int]] = {}  # of each root; a snapshot holds those that changed
        self._counts = {b"break": 0, b"recompile": 0, b"graph": 0}

    def progress(self, seconds: float, phase: str) -> Progress:
        for path in self._folder.glob("journal-*.jsonl"):
            self._more(path)
        counts = self._counts
        return Progress(
            sum(sum(roots.values()) for roots in self._calls.values()),
            counts[b"graph"],
            counts[b"break"],
            counts[b"recompile"],
            seconds,
            phase,
        )

    def _more(self, path: Path) -> None:
        lines, self._read[path] = appended(path, self._read.get(path, 0))
        for line in lines:
            match = _COUNTED.match(line)
            if match is None:
                continue
            if match[1] != b"stats":
                self._counts[match[1]] += 1
            elif roots := _ROOTS.search(line):
                with contextlib.suppress(ValueError):
                    self._calls.setdefault(path, {}).update(json.loads(roots[1]))

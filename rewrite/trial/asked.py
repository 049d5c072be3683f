"""What a trial is asked to prove: trial.json in the record folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "trial.json"


@dataclass(frozen=True, slots=True)
class Asked:
    """All places are in the text before.

    functions: path and first line of those to compare; None for all. known: those among them that were compared in an
    earlier run, as they are now: only what calls them is compared. tests: expressions that must be seen both true and
    false. differs: tags of model.Proposal. seconds: of processors, that all comparisons of the run may take beyond what
    no cure can do without. apart: roots (their ids without the line) whose text before does not do compiled what it
    does in eager, as an earlier run found.
    """

    functions: frozenset[tuple[str, int]] | None = None
    known: frozenset[tuple[str, int]] = frozenset()
    tests: tuple[tuple[str, int, int, int, int], ...] = ()
    differs: frozenset[str] = frozenset()
    seconds: float = 60.0
    apart: frozenset[str] = frozenset()

    @classmethod
    def read(cls, folder: Path) -> Asked:
        """What the folder asks; nothing in particular when there is no such file or it cannot be read."""
        try:
            data = json.loads((folder / NAME).read_text("utf-8"))
            functions = None if data["functions"] is None else _places(data["functions"])
            tests = tuple((str(path), int(a), int(b), int(c), int(d)) for path, a, b, c, d in data["tests"])
            differs = frozenset(map(str, data["differs"]))
            apart = frozenset(map(str, data["apart"]))
            return cls(functions, _places(data["known"]), tests, differs, float(data["seconds"]), apart)
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Raises OSError."""
        data = {
            "functions": None if self.functions is None else sorted(self.functions),
            "known": sorted(self.known),
            "tests": self.tests,
            "differs": sorted(self.differs),
            "seconds": self.seconds,
            "apart": sorted(self.apart),
        }
        (folder / NAME).write_text(json.dumps(data), "utf-8")


def _places(data: Any) -> frozenset[tuple[str, int]]:
    return frozenset((str(path), int(line)) for path, line in data)

"""What a trial is asked to prove: trial.json in the record folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

NAME = "trial.json"


@dataclass(frozen=True, slots=True)
class Asked:
    """functions: path and first line of those that changed; empty for all. tests: places of expressions that must be
    seen both true and false. All in the text before. differs: tags of model.Proposal.
    """

    functions: frozenset[tuple[str, int]] = frozenset()
    tests: tuple[tuple[str, int, int, int, int], ...] = ()
    differs: frozenset[str] = frozenset()

    @classmethod
    def read(cls, folder: Path) -> Asked:
        """What the folder asks; nothing in particular when there is no such file or it cannot be read."""
        try:
            data = json.loads((folder / NAME).read_text("utf-8"))
            functions = frozenset((str(path), int(line)) for path, line in data["functions"])
            tests = tuple((str(path), int(a), int(b), int(c), int(d)) for path, a, b, c, d in data["tests"])
            return cls(functions, tests, frozenset(map(str, data["differs"])))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Raises OSError."""
        data = {"functions": sorted(self.functions), "tests": self.tests, "differs": sorted(self.differs)}
        (folder / NAME).write_text(json.dumps(data), "utf-8")

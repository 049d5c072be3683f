"""What the parent asks of the processes it observes: job.json in the record folder."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "job.json"
OVERLAY = "overlay.json"  # where other text for source files is asked for: overlay.py


@dataclass(frozen=True, slots=True)
class Job:
    """Without a job file (another launcher started the process) the defaults hold."""

    backend: str = "capture"  # "capture" runs graphs as they are; else a name Dynamo knows
    compile: tuple[str, ...] = ()  # "module:function", "Class.method"; ("none",) compiles nothing by itself
    hidden: bool = True  # look behind breaks
    calls: int | None = None  # stop observing after so many calls of each root
    then_stop: bool = False  # and end the script there
    witness: str = ""  # a module that is shown every call of a root: its watch(folder, journal, backend) is called once

    @classmethod
    def read(cls, folder: Path) -> Job:
        """The job in `folder`; the defaults when there is none or it cannot be read."""
        try:
            data = json.loads((folder / NAME).read_text("utf-8"))
        except (OSError, ValueError):
            return cls()
        names = {f.name for f in dataclasses.fields(cls)}
        known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in names}
        return cls(**known)

    def write(self, folder: Path) -> None:
        """Raises OSError when the folder cannot be written."""
        (folder / NAME).write_text(json.dumps(dataclasses.asdict(self)), "utf-8")

"""The command `g2` whole, as a person starts it, in a folder of its own; and plain Python, to compare with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

G2 = str(Path(sys.executable).with_name("g2"))
MARK = "G2_TESTS_PLACE"  # in the environment of every process of a test: how those that stay behind are found
KEPT = {"about.json", "lock", "session.json"}

NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x):
        h = self.linear(x)
        if h.sum() > 1e9:
            h = h * 2
        return h.relu()

torch.manual_seed(0)
net = Net()
"""


@dataclass(frozen=True)
class Done:
    """A process that has ended; `report` is the JSON report, where one was written."""

    code: int
    out: str
    err: str
    report: dict[str, Any] | None = None

    @property
    def lost(self) -> str:
        assert self.report is not None
        return "\n".join(self.report["lost"])

    def places(self) -> list[tuple[str, int, str]]:
        """Path, line and reason of every break in the report."""
        assert self.report is not None
        return sorted((b["span"]["path"], b["span"]["line"], b["reason"]) for b in self.report["breaks"])


class Place:
    """A working folder with a state folder and a temporary folder beside it."""

    def __init__(self, root: Path) -> None:
        self.work = root / "work"
        self.state = root / "state"
        self.temporary = root / "temporary"
        for folder in (self.work, self.state, self.temporary):
            folder.mkdir()
        self.report = root / "report.json"
        self.environ = {
            **os.environ,
            "G2_HOME": str(self.state),
            "TMPDIR": str(self.temporary),
            MARK: str(root),
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TORCHINDUCTOR_CACHE_DIR": str(root / "inductor"),  # torch makes it whoever compiles
        }

    def write(self, name: str, text: str | bytes) -> str:
        """A file in the working folder; returns its name."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return name

    def command(self, *words: str, options: Sequence[str] = ("--once", "-q")) -> list[str]:
        return [G2, "explain", *options, "-o", str(self.report), *words]

    def g2(self, *words: str, options: Sequence[str] = ("--once", "-q"), **more: Any) -> Done:
        """`g2 explain` with its report in a file, so that the streams are the script's alone."""
        self.report.unlink(missing_ok=True)
        return self.run(self.command(*words, options=options), **more)

    def python(self, *words: str, **more: Any) -> Done:
        return self.run([sys.executable, *words], **more)

    def run(
        self,
        command: Sequence[str],
        stdin: str | None = None,
        environ: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Done:
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        done = subprocess.run(
            command,
            cwd=self.work,
            env={**self.environ, **(environ or {})},
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=120,
            **given,
            **more,
        )
        return Done(done.returncode, done.stdout, done.stderr, self.read())

    def read(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self.report.read_text("utf-8"))
        except OSError:
            return None
        return found

    def start(self, *words: str, options: Sequence[str] = ("--once", "-q"), **more: Any) -> subprocess.Popen[str]:
        """`g2 explain` in a process group of its own, running."""
        return subprocess.Popen(
            self.command(*words, options=options),
            cwd=self.work,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **more,
        )

    def end(self, process: subprocess.Popen[str], seconds: float = 60) -> Done:
        out, err = process.communicate(timeout=seconds)
        return Done(process.returncode, out, err, self.read())

    def processes(self) -> list[int]:
        """Processes of this test that are still there (Linux; elsewhere none is seen)."""
        found = []
        needle = f"{MARK}={self.state.parent}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if needle in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def wait_for(self, name: str, seconds: float = 30) -> Path:
        """Until the script has made a file."""
        return until(lambda: (self.work / name).exists() and self.work / name, seconds)

    def check_clean(self) -> None:
        """Nothing stays behind: no process, no temporary file, and of a run only what `g2 show` needs."""
        until(lambda: not self.processes(), 10)
        assert [p.name for p in self.temporary.iterdir()] == []
        for run in (self.state / "runs").glob("*"):
            assert {p.name for p in run.iterdir()} == KEPT, run
        assert list(self.state.glob("fault-*")) == []


def until(condition: Any, seconds: float = 30) -> Any:
    """The first true value of `condition`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
    return value

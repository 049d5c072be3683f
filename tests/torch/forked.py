"""Many small scripts under capture, cheaply: forks of one process that has imported torch (forked_runner.py)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from g2.capture import overlay
from g2.capture.fold.session import fold
from g2.capture.forks import Forks
from g2.capture.launch import Options
from g2.capture.model import Session
from g2.rewrite.runs import Script

RUNNER = Path(__file__).with_name("forked_runner.py")
LONGEST = 300.0  # seconds for one script


@dataclass(frozen=True)
class Ran:
    """What a run left behind, as helpers.Run."""

    session: Session
    stdout: str
    stderr: str


class Server:
    """One process with torch in it that runs one script after the other, each in a fork of its own."""

    def __init__(self, folder: Path) -> None:
        """`folder`: for records; an existing one of ours."""
        self.folder = folder
        self._number = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Server:
        self._errors: IO[str] = (self.folder / "runner.err").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, str(RUNNER)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
        )  # fmt: skip
        self._answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"the runner ended: {self._errors.read()[-3000:]}")
        found: dict[str, Any] = json.loads(line)
        return found

    def start(self, argv: tuple[str, ...], record: Path | None, out: Path, err: Path) -> Callable[[], int]:
        """Ask for one run; what is returned waits for its exit code."""
        assert self._process is not None and self._process.stdin is not None
        asked = {
            "argv": argv, "record": "" if record is None else str(record), "out": str(out), "err": str(err),
            "seconds": LONGEST,
        }  # fmt: skip
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return lambda: int(self._answer()["code"])

    def run(self, script: Path, **options: Any) -> Ran:
        """A script under capture, with Options(**options)."""
        wanted = Options((str(script),), **options)
        record = self.folder / f"record-{self._number}"
        self._number += 1
        record.mkdir()
        session, out, err = self.captured(wanted, record)
        return Ran(session, out.decode(), err.decode())

    def captured(self, options: Options, record: Path) -> tuple[Session, bytes, bytes]:
        """What launch.run does, in a fork."""
        options.job().write(record)
        overlay.write(record, options.overlay)
        out, err = record / "stdout", record / "stderr"
        started = time.time()
        code = self.start(options.target, record, out, err)()
        lost = Forks(record).wait(lambda: None, lambda: False)
        session = fold(record, argv=options.target, exit_code=code, started=started, lost=lost)
        return session, out.read_bytes(), err.read_bytes()


class ForkedScript(Script):
    """The bench of the loop with its runs in forks: the same files are served and proved, by another process."""

    def __init__(self, options: Options, folder: Path, server: Server) -> None:
        Script.__init__(self, options, folder)
        self.server = server

    def _captured(
        self, options: Options, prepare: Callable[[Path], None] = lambda record: None
    ) -> tuple[Session, bytes, bytes]:
        record = self.folder / f"trial-{self.runs}"
        record.mkdir(mode=0o700)
        prepare(record)
        return self.server.captured(options, record)

    def before(self) -> Any:
        self._plain_run()
        return Script.before(self)

    def masked(self) -> frozenset[bytes]:
        if len(self._plain) < 2:
            self._plain_run()
        return Script.masked(self)

    def _plain_run(self) -> None:
        self.runs += 1
        out, err = self.folder / f"plain-{self.runs}.out", self.folder / f"plain-{self.runs}.err"
        code = self.server.start(self.options.target, None, out, err)()
        self._plain.append((out.read_bytes(), err.read_bytes(), code))

    def _start_plain(self) -> Any:
        return None

    def _end_plain(self, plain: Any) -> None:
        return None


def temporary() -> tempfile.TemporaryDirectory[str]:
    """A folder of ours."""
    return tempfile.TemporaryDirectory(prefix="g2-forked-")

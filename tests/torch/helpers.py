"""Runs a script under g2's capture, as `g2 explain` does, and gives what the run left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from g2.capture import launch
from g2.capture.fold.session import fold
from g2.capture.model import Break, Session

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "fixtures" / "scripts"
_LONGEST = 300  # seconds; a test machine may be busy
_MARK = re.compile(r"#\s*BREAK\s+([^#]*)")


@dataclass(frozen=True)
class Run:
    """A session, and what the script itself printed."""

    session: Session
    stdout: str
    stderr: str

    def breaks(self, script: str) -> tuple[Break, ...]:
        """Those in the file of this name, in order of their lines."""
        found = (b for b in self.session.breaks if Path(b.span.path).name == script)
        return tuple(sorted(found, key=lambda b: b.span))

    def only(self, script: str, function: str) -> Break:
        """The one break in this function."""
        (found,) = (b for b in self.breaks(script) if b.function == function)
        return found

    def places(self, script: str) -> set[tuple[int, str]]:
        """Line and id (Dynamo's short name where it has no id) of every break in the script."""
        return {(b.span.line, b.kind or b.title) for b in self.breaks(script)}

    @property
    def lost(self) -> tuple[str, ...]:
        """What was not observed, but for what this torch version does not offer."""
        return tuple(note for note in self.session.lost if "this torch version" not in note)

    def roots(self) -> dict[str, int]:
        """Calls by name."""
        return {root.name: root.calls for root in self.session.roots}


def run(
    target: str | Sequence[str],
    *,
    once: bool = True,
    environ: Mapping[str, str] | None = None,
    **options: object,
) -> Run:
    """Capture a script of fixtures/scripts (or any command line for Python) in a child process."""
    command = (str(SCRIPTS / target),) if isinstance(target, str) else tuple(target)
    with (
        tempfile.TemporaryDirectory() as folder,
        (Path(folder) / "out").open("w+") as out,
        (Path(folder) / "err").open("w+") as err,
    ):
        record = Path(folder) / "record"
        record.mkdir()
        session = launch.run(
            launch.Options(command, once=once, **options),  # type: ignore[arg-type]
            record,
            child_stdout=out.fileno(),
            child_stderr=err.fileno(),
            environ={**os.environ, **(environ or {})},
        )
        out.seek(0)
        err.seek(0)
        return Run(session, out.read(), err.read())


def under(command: Sequence[str], **environ: str) -> Run:
    """Start `python COMMAND...` with nothing but G2_RECORD set, as another launcher does, and fold what it left."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.time()
        child = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, "G2_RECORD": folder, **environ},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            stdout, stderr = child.communicate(timeout=_LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # the launcher's children too
            raise
        session = fold(Path(folder), argv=tuple(command), exit_code=child.returncode, started=started)
        return Run(session, stdout, stderr)


def marked(script: str) -> set[tuple[int, str]]:
    """What a script's own comments say: `# BREAK GB0124` stands on the line where a break begins."""
    lines = (SCRIPTS / script).read_text("utf-8").splitlines()
    found = ((n, _MARK.search(text)) for n, text in enumerate(lines, 1))
    return {(n, word) for n, match in found if match for word in match[1].split()}


def line(script: str, text: str) -> int:
    """The number of the one line that contains `text`."""
    lines = (SCRIPTS / script).read_text("utf-8").splitlines()
    (number,) = (n for n, found in enumerate(lines, 1) if text in found)
    return number

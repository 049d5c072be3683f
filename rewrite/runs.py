"""Runs of the script for the proof: plain ones for what it shows, and trials with cures in place of its text."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from g2.capture import launch
from g2.capture.fold.spans import around
from g2.capture.model import Break, Session
from g2.capture.tail import Progress
from g2.explain.findings import report
from g2.rewrite import judge, writing
from g2.rewrite.judge import Run
from g2.rewrite.plan import absolute, script
from g2.rewrite.proofs import Proofs
from g2.rewrite.prove import Tried
from g2.rewrite.state import Placed, State

WITNESS = "g2.rewrite.trial.witness"


@dataclass(slots=True)
class Script:
    """The script and the folder for its runs. A `session` of an earlier run spares one."""

    options: launch.Options
    folder: Path  # private, empty; left full
    session: Session | None = None
    on_progress: Callable[[Progress], None] | None = None
    runs: int = 0  # of trials and plain runs
    proofs: Proofs = field(default_factory=Proofs)
    _plain: list[tuple[bytes, bytes, int]] = field(default_factory=list[tuple[bytes, bytes, int]])
    _processors: float = 0.0  # seconds of processors that the first plain run took

    @property
    def script(self) -> str:
        """Its absolute path; empty for a module."""
        return script(self.options.target, str(Path.cwd()))

    def before(self) -> Run:
        """The record, and the streams of a plain run beside it. Raises launch.LaunchError, OSError."""
        plain = self._start_plain()
        try:
            if self.session is None:
                self.session, _, _ = self._captured(self.options)
        finally:
            self._end_plain(plain)
        if self._plain[0][2] != self.session.exit_code:
            self._end_plain(self._start_plain())
            self._plain = self._plain[-1:]
        stdout, stderr, _ = self._plain[0]
        return Run(report(self.session), stdout, stderr)

    def masked(self) -> frozenset[bytes]:
        """Lines that differ between two plain runs of the unchanged script, and so also what compiling changes."""
        if len(self._plain) < 2:
            self._end_plain(self._start_plain())
        (out, err, _), (other_out, other_err, _) = self._plain[:2]
        return judge.varying(out, other_out) | judge.varying(err, other_err)

    def trial(self, state: State, suspects: Sequence[Placed]) -> Tried:
        """One run with `state` in place. Raises launch.LaunchError, OSError."""
        self.runs += 1
        texts = state.changed()
        options = replace(
            self.options,
            once=False,
            overlay={path: text.data() for path, text in texts.items()} | writing.pack_without(self.script, texts),
            witness=WITNESS,
        )
        session, stdout, stderr = self._captured(
            options, lambda record: self.proofs.ask(record, state, suspects, self._seconds)
        )
        session = replace(session, breaks=tuple(_with_snippet(one, state, session.cwd) for one in session.breaks))
        record = self.folder / f"trial-{self.runs}"
        return Tried(Run(report(session), stdout, stderr), self.proofs.read(record, state, suspects))

    @property
    def _seconds(self) -> float:
        """What the script takes by itself. On a busy machine it took longer when it was recorded."""
        return min(self.session.seconds, self._processors) if self.session is not None else 0.0

    def _captured(
        self, options: launch.Options, prepare: Callable[[Path], None] = lambda record: None
    ) -> tuple[Session, bytes, bytes]:
        record = self.folder / f"trial-{self.runs}"
        record.mkdir(mode=0o700)
        prepare(record)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            session = launch.run(
                options, record, child_stdout=out.fileno(), child_stderr=err.fileno(), on_progress=self.on_progress
            )
            if launch.interrupted(session, options):
                raise KeyboardInterrupt
            out.seek(0)
            err.seek(0)
            return session, out.read(), err.read()

    def _start_plain(self) -> tuple[subprocess.Popen[bytes], Path, Path]:
        """The first one compiles nothing: that costs much, and a trial computes what eager does."""
        number = len(self._plain)
        env = dict(os.environ) if number else {**os.environ, "TORCHDYNAMO_DISABLE": "1"}  # 2.11 to 2.15
        out, err = self.folder / f"plain-{number}.out", self.folder / f"plain-{number}.err"
        self.runs += 1
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, *self.options.target],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=env,
            )
        return process, out, err

    def _end_plain(self, plain: tuple[subprocess.Popen[bytes], Path, Path]) -> None:
        process, out, err = plain
        spent = sum(os.times()[2:4])  # of children that have ended
        try:
            code = process.wait(self.options.time_limit)
        except BaseException:
            process.kill()
            process.wait()
            raise
        self._processors = self._processors or sum(os.times()[2:4]) - spent
        self._plain.append((out.read_bytes(), err.read_bytes(), code))


def _with_snippet(place: Break, state: State, cwd: str) -> Break:
    """The break with the source that ran, where that is not what is on disk."""
    path = absolute(place.span.path, cwd)
    if path not in state.changed():
        return place
    lines = state.text(path).draw().splitlines()
    return replace(place, snippet=around(lines, place.span.line, place.span.end_line, len(lines)))

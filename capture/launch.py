"""Parent side: start the script with Python itself, watch it, and fold what it wrote.

The script's exit code, streams, signals and traceback are Python's own; see docs/architecture.md.
"""

from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from g2.capture.attach import MARK
from g2.capture.fold.session import fold
from g2.capture.forks import Forks
from g2.capture.job import Job
from g2.capture.model import Session
from g2.capture.tail import Progress, Tail

OLDEST, NEWEST = (2, 11), (2, 15)  # torch versions whose hooks were tried
_TICK = 0.1  # seconds between looks at the child
_GRACE = 3.0  # seconds a child is given to end after a signal


class LaunchError(Exception):
    """The script could not be started or recorded; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Options:
    """What to run and what to observe."""

    target: tuple[str, ...]  # ("script.py", "arg", ...) or ("-m", "module", "arg", ...)
    once: bool = False  # no search for hidden breaks
    backend: str = "capture"
    compile: tuple[str, ...] = ()
    calls: int | None = None
    then_stop: bool = False
    time_limit: float | None = None  # seconds for the script

    def job(self) -> Job:
        return Job(self.backend, self.compile, not self.once, self.calls, self.then_stop)


def run(
    options: Options,
    record: Path,
    *,
    child_stdout: int | None = None,
    child_stderr: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Session:
    """Run the script, writing to `record` (an existing private folder), and return what happened.

    child_stdout, child_stderr: descriptors for the script's streams; None inherits ours. Raises LaunchError when the script could not be
    started or recorded, OSError when `record` cannot be written. Ctrl-C goes to the script (it is in our process group); a second one kills it.
    """
    notes = _check(options.target)
    options.job().write(record)
    started = time.time()
    command = [sys.executable, *options.target]
    env = {**environ, "G2_RECORD": str(record)}
    try:
        child = subprocess.Popen(command, env=env, stdout=child_stdout, stderr=child_stderr)
    except OSError as error:
        raise LaunchError(f"Python could not be started: {error}", "see whether memory and process limits allow it") from None
    watch = _Watch(record, on_progress or (lambda _: None), started)
    exit_code, stopped = _wait(child, options.time_limit, watch)
    if not (record / MARK).exists():
        raise LaunchError(
            "the script ran, but was not recorded: g2's start-up file is missing from this Python",
            f"{sys.executable} -m pip install --force-reinstall --no-deps g2-torch",
        )
    forks = Forks(record)
    try:
        if stopped:
            forks.stop()
        notes += forks.wait(lambda: watch.tick("looking behind breaks"))
    except KeyboardInterrupt:
        forks.stop()
        notes += ("the search for hidden breaks was stopped by Ctrl-C",)
    watch.tick("folding", force=True)
    return fold(record, argv=options.target, exit_code=exit_code, started=started, lost=(*notes, *stopped))


@dataclass(slots=True)
class _Watch:
    record: Path
    on_progress: Callable[[Progress], None]
    started: float
    _tail: Tail | None = None

    def tick(self, phase: str, force: bool = False) -> None:
        if self._tail is None:
            self._tail = Tail(self.record)
        self.on_progress(self._tail.progress(time.time() - self.started, phase))


def _wait(child: subprocess.Popen[bytes], limit: float | None, watch: _Watch) -> tuple[int, tuple[str, ...]]:
    stopped: tuple[str, ...] = ()
    deadline = None if limit is None else time.monotonic() + limit
    while True:
        try:
            return child.wait(_TICK), stopped
        except subprocess.TimeoutExpired:
            watch.tick("running")
        except KeyboardInterrupt:
            if stopped:
                child.kill()
            stopped = ("the run was stopped by Ctrl-C; what came after it is not known",)
        if deadline is not None and time.monotonic() > deadline:
            stopped = (f"the run was stopped after {limit:g} seconds (--time-limit)",)
            child.send_signal(signal.SIGINT)
            try:
                return child.wait(_GRACE), stopped
            except subprocess.TimeoutExpired:
                child.kill()
                deadline = None


def _check(target: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what cannot work, before anything is started; returns notes for the record."""
    if not target:
        raise LaunchError("no script was named", "g2 explain script.py")
    if target[0] == "-m":
        if len(target) < 2:
            raise LaunchError("-m needs the name of a module", "g2 explain -m package.module")
    else:
        path = Path(target[0])
        if not path.exists():
            raise LaunchError(f"there is no file {target[0]}", "give the path of a Python script: g2 explain script.py")
        if path.is_dir() and not (path / "__main__.py").exists():
            raise LaunchError(f"{target[0]} is a folder without a __main__.py", f"g2 explain -m {path.name}, or name a script in it")
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        raise LaunchError("torch is not installed in this Python", f"{sys.executable} -m pip install torch") from None
    found = tuple(int(part) for part in version.split("+")[0].split(".")[:2] if part.isdigit())
    if found < OLDEST:
        raise LaunchError(f"g2 needs torch 2.11 or newer; this environment has {version}", f"{sys.executable} -m pip install -U torch")
    if found > NEWEST:
        return (f"torch {version} is newer than the versions g2 was tried with (2.11 to 2.15); something may be missing",)
    return ()

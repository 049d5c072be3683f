"""Parent side: start the script with Python itself, watch it, and fold what it wrote.

The script's exit code, streams, signals and traceback are Python's own; see docs/architecture.md.
"""

from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from g2.capture import overlay
from g2.capture.attach import MARK
from g2.capture.forks import Forks
from g2.capture.job import Job
from g2.capture.model import Session
from g2.capture.signals import Signals
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
    overlay: Mapping[str, bytes] = field(default_factory=dict[str, bytes])  # files, by absolute path, and other content
    witness: str = ""  # a module that is shown every call of a root (roots.py)

    def job(self) -> Job:
        return Job(self.backend, self.compile, not self.once, self.calls, self.then_stop, self.witness)


def interrupted(session: Session, options: Options) -> bool:
    """Whether a person ended the run: run() keeps signals to g2 for the script alone."""
    if (session.script_error or "").startswith("KeyboardInterrupt") or session.exit_code == -signal.SIGINT:
        return True
    return session.exit_code in (-signal.SIGTERM, -signal.SIGHUP) and options.time_limit is None


def run(
    options: Options,
    record: Path,
    *,
    child_stdout: int | None = None,
    child_stderr: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    environ: Mapping[str, str] = os.environ,
    meanwhile: Callable[[], None] | None = None,
) -> Session:
    """Run the script, writing to `record` (an existing private folder), and return what happened.

    child_stdout, child_stderr: descriptors for the script's streams; None inherits ours. Raises LaunchError when
    the script could not be started or recorded, OSError when `record` cannot be written. What a signal to g2 does
    to the script: signals.py. `meanwhile` is called once when the script has been started: for what takes time and
    can be done beside it.
    """
    notes = _check(options.target)
    options.job().write(record)
    overlay.write(record, options.overlay)
    started = time.time()
    watch = _Watch(record, on_progress, started)
    with Signals() as signals:
        child = _start(options.target, {**environ, "G2_RECORD": str(record)}, child_stdout, child_stderr)
        from g2.capture.fold.session import fold  # loaded while the script starts, as `meanwhile` is done

        if meanwhile is not None:
            meanwhile()
        exit_code, stopped = _wait(child, options.time_limit, watch, signals)
        if not (record / MARK).exists():
            raise LaunchError(
                "the script ran, but was not recorded: g2's start-up file is missing from this Python",
                f"{sys.executable} -m pip install --force-reinstall --no-deps g2-torch",
            )
        forks = Forks(record)
        if stopped:
            forks.stop()
        came = len(signals.came)
        notes += forks.wait(lambda: watch.tick("looking behind breaks"), lambda: len(signals.came) > came)
        watch.tick("folding")
        lost = (*notes, *stopped)
        return fold(record, argv=options.target, exit_code=exit_code, started=started, lost=lost)


def _start(
    target: tuple[str, ...], env: Mapping[str, str], stdout: int | None, stderr: int | None
) -> subprocess.Popen[bytes]:
    # A script whose name begins with a dash is no option of Python's.
    name = f"./{target[0]}" if target[0].startswith("-") and target[0] != "-m" else target[0]
    command = [sys.executable, name, *target[1:]]
    try:
        # Descriptors that g2 was given stay open for the script, as a shell leaves them (3<file, <(...)). Ours are not
        # inheritable.
        return subprocess.Popen(command, env=env, stdout=stdout, stderr=stderr, close_fds=False)
    except (OSError, ValueError) as error:
        raise LaunchError(
            f"Python could not be started: {error}", "see whether memory and process limits allow it"
        ) from None


@dataclass(slots=True)
class _Watch:
    record: Path
    on_progress: Callable[[Progress], None] | None
    started: float
    _tail: Tail | None = None

    def tick(self, phase: str) -> None:
        if self.on_progress is None:
            return
        if self._tail is None:
            self._tail = Tail(self.record)
        self.on_progress(self._tail.progress(time.time() - self.started, phase))


def _wait(
    child: subprocess.Popen[bytes], limit: float | None, watch: _Watch, signals: Signals
) -> tuple[int, tuple[str, ...]]:
    """The script's exit code, and a note when it did not end by itself."""
    deadline = None if limit is None else time.monotonic() + limit
    late: tuple[str, ...] = ()
    # Popen.wait with a time limit polls; a thread that waits without one costs nothing.
    waiter = threading.Thread(target=child.wait, name="g2-wait", daemon=True)
    waiter.start()
    while True:
        waiter.join(_TICK)
        if not waiter.is_alive():
            code = child.returncode
            return code, (signals.note(),) if signals.came and code and not late else late
        watch.tick("running")
        signals.pass_on(child)
        if deadline is None or time.monotonic() < deadline:
            continue
        if late:
            child.kill()
            deadline = None
        else:
            late = (f"the run was stopped after {limit:g} seconds (--time-limit)",)
            child.send_signal(signal.SIGINT)
            deadline = time.monotonic() + _GRACE


def _check(target: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what cannot work, before anything is started; returns notes for the record."""
    if not target:
        raise LaunchError("no script was named", "g2 explain script.py")
    if target[0] == "-m":
        if len(target) < 2:
            raise LaunchError("-m needs the name of a module", "g2 explain -m package.module")
    else:
        path = Path(target[0])
        if target[0] == "-":
            raise LaunchError("a script cannot come from stdin", "write it to a file: g2 explain script.py")
        if not path.exists():
            raise LaunchError(f"there is no file {target[0]}", "give the path of a Python script: g2 explain script.py")
        if path.is_dir() and not (path / "__main__.py").exists():
            raise LaunchError(
                f"{target[0]} is a folder without a __main__.py", f"g2 explain -m {path.name}, or name a script in it"
            )
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        raise LaunchError("torch is not installed in this Python", f"{sys.executable} -m pip install torch") from None
    found = tuple(int(part) for part in version.split("+")[0].split(".")[:2] if part.isdigit())
    if found < OLDEST:
        raise LaunchError(
            f"g2 needs torch 2.11 or newer; this environment has {version}", f"{sys.executable} -m pip install -U torch"
        )
    if found > NEWEST:
        return (
            f"torch {version} is newer than the versions g2 was tried with (2.11 to 2.15); something may be missing",
        )
    return ()

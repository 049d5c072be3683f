"""Parent side: what goes on after the script's end, in other processes: examinations of calls, and stages on their
files.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

from g2.capture.forks import alive, ended
from g2.capture.processors import processors
from g2.capture.tail import appended

_TICK = 0.05
_AT_ONCE = 4  # processes with torch in them, each a few hundred MB
Tell = Callable[[str], None]


class Examinations:
    """The forks that examine calls, as the journals of a record folder name them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        self._known: dict[int, Path] = {}
        self._doing = ""

    def wait(self, tell: Tell, enough: Callable[[], bool] = lambda: False) -> None:
        """Until all have ended or it is `enough`; then those that are left are ended. tell: what is being done."""
        try:
            while running := self._running():
                if enough():
                    break
                for journal in running:
                    self._follow(journal)
                tell(self._doing)
                time.sleep(_TICK)
        finally:
            self.stop()

    def stop(self) -> None:
        """End them, with all that they have started."""
        self._look()
        for pid in self._known:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)

    def _running(self) -> list[Path]:
        self._look()
        return [journal for pid, journal in self._known.items() if alive(pid) and not ended(journal)]

    def _look(self) -> None:
        for event in self._events(self._folder.glob("journal-*.jsonl"), b'{"e":"examined"'):
            if event["journal"].split("-")[1] != str(event["pid"]):  # else the script's own process examined it
                self._known[event["pid"]] = self._folder / event["journal"]

    def _follow(self, journal: Path) -> None:
        for event in self._events([journal], b'{"e":"part"'):
            self._doing = f"{event['name']} of {event['root'].partition('@')[0]}"

    def _events(self, paths: Iterable[Path], begin: bytes) -> Iterator[dict[str, Any]]:
        for path in paths:
            lines, self._read[path] = appended(path, self._read.get(path, 0))
            for line in lines:
                if line.startswith(begin):
                    with contextlib.suppress(ValueError, KeyError):
                        yield json.loads(line)


def side_by_side(jobs: Sequence[Callable[[Event], None]]) -> None:
    """Do them, as many at a time as there are processors, at most four. The event says that they are to stop."""
    stop = Event()
    with ThreadPoolExecutor(min(processors(), _AT_ONCE)) as pool:
        try:
            for done in [pool.submit(job, stop) for job in jobs]:
                done.result()
        finally:
            stop.set()


def stage(module: str, words: Sequence[str], seconds: float, tell: Callable[[], None], stop: Event) -> str:
    """Run a module of ours in a process of its own, its output nowhere; why it failed, empty when it did not.

    Raises OSError when it cannot be started.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if name != "G2_RECORD"},
    )
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                _, errors = process.communicate(timeout=_TICK)
                break
            except subprocess.TimeoutExpired:
                tell()
                if stop.is_set():
                    return "it was stopped"
                if time.monotonic() > deadline:
                    return f"it took longer than {seconds:g} seconds (--part-limit)"
    finally:
        if process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode < 0:
        return f"the process ended with {signal.Signals(-process.returncode).name}"
    said = errors.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
    return said[-1][:300] if process.returncode else ""

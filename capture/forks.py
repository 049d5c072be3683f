"""Parent side: the forks that look for hidden breaks; they may outlive the script."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from g2.capture.tail import appended

_TICK = 0.05
_LIMIT = 120.0  # seconds after the script's end; each fork also has an alarm of its own
_PROVING = 600.0  # where two versions of the code are compared (rewrite/trial)


class Forks:
    """The forks named in a record folder's journals."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        self._known: dict[int, Path] = {}

    def running(self) -> dict[int, Path]:
        """Process ids that have not ended, with their journals."""
        for path in self._folder.glob("journal-*.jsonl"):
            lines, self._read[path] = appended(path, self._read.get(path, 0))
            for line in lines:
                if line.startswith(b'{"e":"fork"'):
                    with contextlib.suppress(ValueError, KeyError):
                        event = json.loads(line)
                        self._known[event["pid"]] = self._folder / event["journal"]
        return {pid: journal for pid, journal in self._known.items() if alive(pid) and not ended(journal)}

    def wait(self, tick: Callable[[], None], enough: Callable[[], bool]) -> tuple[str, ...]:
        """Until all have ended, or the limit, or `enough`; returns a note for those that were stopped."""
        limit = _PROVING if any(self._folder.glob("trial-*.jsonl")) else _LIMIT
        deadline = time.monotonic() + limit
        while self.running():
            if enough():
                self.stop()
                return ("the search for hidden breaks was stopped by a signal",)
            if time.monotonic() > deadline:
                self.stop()
                return (f"the search for hidden breaks was stopped {limit:g} seconds after the script's end",)
            tick()
            time.sleep(_TICK)
        return ()

    def stop(self) -> None:
        for pid in self.running():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether a process is still running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # An orphan that nobody waits for stays in the process table; on Linux its state says that it is over.
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return True


def ended(journal: Path) -> bool:
    """Whether the last event of a journal says that its process came to its own end."""
    try:
        with journal.open("rb") as events:
            events.seek(max(events.seek(0, os.SEEK_END) - 200, 0))
            return b'"e":"end"' in events.read()
    except OSError:
        return False

"""The script's side of a fork that looks behind breaks."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Fork:
    """A running fork. `drop()` ends it: when the call turned out to have no break, nothing can stand behind one."""

    pid: int
    journal: Path
    _descriptor: int = field(default=-1, init=False)

    def __post_init__(self) -> None:
        with suppress(OSError, AttributeError):  # without a pidfd the fork is left to end by itself
            self._descriptor = os.pidfd_open(self.pid)

    def drop(self) -> None:
        """End the fork and forget what it found."""
        if self._descriptor >= 0:
            with suppress(OSError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
            with suppress(OSError):
                self.journal.unlink()
        self.release()

    def release(self) -> None:
        """Let it run to its end."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        with suppress(OSError):
            self.release()

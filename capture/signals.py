"""Parent side: what a signal to g2 means for the script.

Ctrl-C in a terminal goes to the whole process group, so the script has it too; `kill` may send to g2 alone. Nothing
in a signal says which, so the script is given a moment to end by itself before the signal is passed on. A second
Ctrl-C soon after the first kills the script.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any

_SPREAD = 0.5  # seconds after which a script that has the signal too would show it
_TWICE = 3.0  # seconds in which a second Ctrl-C means that the first was not enough
_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class Signals:
    """A context in which SIGINT, SIGTERM and SIGHUP do not end this process, but are noted and passed on.

    Signals that this process was told to ignore stay ignored (nohup). Outside the main thread nothing is changed.
    """

    came: list[int] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)
    _passed: int = 0
    _before: dict[int, Any] = field(default_factory=dict)

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in _NUMBERS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.came.append(number)
        self._times.append(time.monotonic())

    def pass_on(self, child: subprocess.Popen[bytes]) -> None:
        """Send the script what it seems not to have got; called again and again while it runs."""
        for at in range(self._passed, len(self.came)):
            if time.monotonic() - self._times[at] < _SPREAD:
                return
            self._passed = at + 1
            if self._second(at):
                child.kill()
            elif self.came[at] != signal.SIGINT or not _in_foreground():
                child.send_signal(self.came[at])

    def _second(self, at: int) -> bool:
        earlier = [t for t, n in zip(self._times[:at], self.came, strict=False) if n == signal.SIGINT]
        return self.came[at] == signal.SIGINT and bool(earlier) and self._times[at] - earlier[-1] < _TWICE

    def note(self) -> str:
        """A sentence about the last signal."""
        number = self.came[-1]
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        return f"the run was stopped by {name}; what the script would have done after it is not known"


def _in_foreground() -> bool:
    """Whether a terminal is ours, so that its Ctrl-C reaches the script without us."""
    with contextlib.suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False

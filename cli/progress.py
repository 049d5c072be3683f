"""A line of progress below a script's output, which never mixes with it.

When stderr is a terminal, what the script writes to a terminal goes through a pseudo-terminal of
g2's: `isatty` stays true, every byte is copied through as it is, and g2 knows whether the cursor
stands at the start of a line. Only then is the line of progress drawn, and it is taken away before
the script's next byte. stdin stays the real terminal, and the script stays in g2's process group,
so Ctrl-C, Ctrl-Z and questions work as without g2.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from g2.cli.text import plural, seconds

if TYPE_CHECKING:
    from g2.capture.tail import Progress

QUIET = 0.15  # seconds without output before the line is drawn
_ALTERNATE = (b"\x1b[?1049", b"\x1b[?1047", b"\x1b[?47")  # an editor or pager has the whole screen


@dataclass(frozen=True, slots=True)
class Streams:
    """File descriptors for the script, None to inherit g2's own; and where progress is told."""

    stdout: int | None = None
    stderr: int | None = None
    line: Line | None = None

    def show(self, progress: Progress) -> None:
        """Tell how far the run is."""
        if self.line is not None:
            self.line.show(progress)


@contextlib.contextmanager
def streams(report_on_stdout: bool, quiet: bool) -> Iterator[Streams]:
    """The script's streams: away from stdout when the report goes there, and through a
    pseudo-terminal where that helps.
    """
    err = _descriptor(2)
    out = _descriptor(1)
    moved = err if report_on_stdout else None
    if report_on_stdout and moved is None:
        moved = _nowhere()
    if quiet or err is None or not os.isatty(err) or os.environ.get("TERM", "dumb") == "dumb":
        yield Streams(stdout=moved)
        return
    try:
        master, slave = os.openpty()
    except OSError:
        yield Streams(stdout=moved)
        return
    with contextlib.ExitStack() as stack:
        line = Line(err, master)
        stack.callback(line.close, slave)
        _same_settings(err, slave)
        stack.enter_context(_signals(line, err, slave))
        line.start()
        through = moved is not None or (out is not None and _same_terminal(out, err))
        yield Streams(slave if through else None, slave, line)


class Line:
    """Copies what comes out of the pseudo-terminal to the real one, and draws the line of
    progress in between.
    """

    def __init__(self, terminal: int, master: int) -> None:
        self._terminal = terminal
        self._master = master
        self._lock = threading.RLock()
        self._drawn = False
        self._start_of_line = True
        self._alternate = False
        self._last = 0.0
        self._deadline: float | None = None  # when to stop copying, once the run is over
        self._thread = threading.Thread(target=self._copy, name="g2-output", daemon=True)

    def start(self) -> None:
        """Begin to copy."""
        self._thread.start()

    def show(self, progress: Progress) -> None:
        """Draw the line, unless the script is in the middle of one or g2 is in the background."""
        with self._lock:
            if self._deadline or not self._start_of_line or self._alternate:
                return
            if time.monotonic() - self._last < QUIET or not _foreground(self._terminal):
                return
            width = _size(self._terminal)[1] or 80
            # Not the last column: some terminals would wrap there.
            text = describe(progress)[: max(width - 1, 0)]
            self._write(b"\r\x1b[2m" + text.encode("ascii", "replace") + b"\x1b[0m\x1b[K")
            self._drawn = True

    def erase(self) -> None:
        """Take the line away."""
        with self._lock:
            if self._drawn:
                self._write(b"\r\x1b[K")
                self._drawn = False

    def close(self, slave: int) -> None:
        """Copy what is still on its way, then stop. A process that the script left behind may
        hold the other end.
        """
        self._deadline = time.monotonic() + 1
        os.close(slave)
        if self._thread.is_alive():
            self._thread.join(timeout=3)
        self.erase()
        if not self._thread.is_alive():
            os.close(self._master)

    def _copy(self) -> None:
        while True:
            ready, _, _ = select.select([self._master], [], [], 0.1)
            if self._deadline and (not ready or time.monotonic() > self._deadline):
                return
            if not ready:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:  # EIO: the other end is closed everywhere
                data = b""
            if not data:
                return
            with self._lock:
                self.erase()
                self._write(data)
                self._start_of_line = data.endswith(b"\n")
                self._alternate = _alternate(data, self._alternate)
                self._last = time.monotonic()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._terminal, view) :]
            except BlockingIOError:  # the script may have made the terminal non-blocking for everybody
                select.select([], [self._terminal], [], 1)
            except OSError:
                return  # the terminal is gone; the script must not be held up by that


def describe(progress: Progress) -> str:
    """`g2: 12 calls, 4 graphs, 2 breaks, 3.0 s`."""
    parts = [
        plural(progress.calls, "call"),
        plural(progress.graphs, "graph"),
        plural(progress.breaks, "break"),
    ]
    if progress.recompiles:
        parts.append(plural(progress.recompiles, "recompile"))
    parts.append(seconds(progress.seconds) if progress.seconds >= 1 else "0 s")
    phase = "" if progress.phase == "running" else f" ({progress.phase})"
    return f"g2: {', '.join(parts)}{phase}"


def _alternate(data: bytes, before: bool) -> bool:
    last = max((data.rfind(code), code) for code in _ALTERNATE)
    if last[0] < 0:
        return before
    end = last[0] + len(last[1])
    return data[end : end + 1] == b"h"


def _descriptor(number: int) -> int | None:
    """The descriptor of stdout or stderr, None when g2 was started without it."""
    stream = {1: sys.stdout, 2: sys.stderr}[number]
    try:
        return stream.fileno() if stream is not None else None
    except (OSError, ValueError):
        return None


def _nowhere() -> int:
    return os.open(os.devnull, os.O_WRONLY)


def _same_terminal(first: int, second: int) -> bool:
    return os.isatty(first) and os.fstat(first).st_rdev == os.fstat(second).st_rdev


def _same_settings(terminal: int, slave: int) -> None:
    """Give the pseudo-terminal the real one's settings; the bytes themselves are left to the real
    one.
    """
    with contextlib.suppress(termios.error):
        settings = termios.tcgetattr(terminal)
        settings[1] &= ~termios.OPOST
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, settings)
    _copy_size(terminal, slave)


def _size(descriptor: int) -> tuple[int, int, int, int]:
    try:
        rows, columns, x, y = struct.unpack("HHHH", fcntl.ioctl(descriptor, termios.TIOCGWINSZ, b"\0" * 8))
    except OSError:
        return 0, 0, 0, 0
    return rows, columns, x, y


def _copy_size(terminal: int, slave: int) -> bool:
    """Give the pseudo-terminal the real one's size; whether that changed it."""
    size = _size(terminal)
    if size == _size(slave):
        return False
    with contextlib.suppress(OSError):
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size))
    return True


def _foreground(terminal: int) -> bool:
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # not our controlling terminal: nobody can put us into its background
        return True


@contextlib.contextmanager
def _signals(line: Line, terminal: int, slave: int) -> Iterator[None]:
    """Follow the window's size, and leave a clean line behind when the person stops g2 with
    Ctrl-Z.
    """

    def resized(number: int, frame: FrameType | None) -> None:
        # The script got the signal too, maybe before the size was copied: tell it once more.
        if _copy_size(terminal, slave):
            os.killpg(os.getpgrp(), signal.SIGWINCH)

    def stopped(number: int, frame: FrameType | None) -> None:
        line.erase()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, stopped)
        _copy_size(terminal, slave)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number, handler in ((signal.SIGWINCH, resized), (signal.SIGTSTP, stopped)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)

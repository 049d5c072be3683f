"""Child side: one event, one line, one write.

The script may patch `json` and `os`, close every descriptor, fill the disk or die in a kernel. So the functions are
bound before any of its code runs, every event is a single write on an O_APPEND descriptor, and nothing raises into
the script.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_open, _write, _close, _fstat, _getpid, _control = os.open, os.write, os.close, os.fstat, os.getpid, fcntl.fcntl
_now = time.time
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=repr).encode
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)

_STOPPED = (
    ".stopped-"  # and the number of the error: the name of an empty file beside a journal that could not be continued
)


class Journal:
    """The events of one process, in `path` (made with the first event, readable by its owner only)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = os.fspath(path)
        self._fd = -1
        self._inode: tuple[int, int] = (0, 0)
        self._pid = -1
        self._first: Callable[[], Mapping[str, object]] | None = None
        self._missed: str | None = None
        self.failed: str | None = None  # why writing stopped, when it did
        self.written = 0  # events in this file

    def write(self, event: Mapping[str, object]) -> None:
        """Append one event, with the time at which it was told. After a failure (full disk, folder gone) the journal
        stays silent.
        """
        if self.failed is not None:
            return
        if self._first is not None:
            first, self._first = self._first, None
            self.write(first())
        if self._missed is not None:
            missed, self._missed = self._missed, None
            self.write({"e": "lost", "what": f"an event could not be written down: {missed}"})
        try:
            data = _encode(event if "t" in event else {**event, "t": round(_now(), 6)}).encode("ascii") + b"\n"
        except (ValueError, TypeError, RecursionError) as error:
            self._missed = f"{type(error).__name__}: {error}"
            return
        try:
            while data:  # more than one write only where a full disk cut it short, to learn why
                data = data[_write(self._descriptor(), data) :]
        except OSError as error:
            self._fail(error.errno or errno.EIO)
            return
        self.written += 1

    def move(self, path: Path, first: Callable[[], Mapping[str, object]] | None = None) -> None:
        """Go on in another file (after a fork). Before the next event comes the one that `first` gives."""
        self.path, self._name, self._fd = path, os.fspath(path), -1
        self._first, self.written = first, 0

    def _fail(self, number: int) -> None:
        self.failed = os.strerror(number)
        # A full disk has no room for a sentence, but for an empty file that failures() finds.
        with contextlib.suppress(OSError):
            _close(_open(f"{self._name}{_STOPPED}{number}", os.O_WRONLY | os.O_CREAT, 0o600))

    def _descriptor(self) -> int:
        # A script may close every descriptor (daemons do); the number may by now be a file of its own: the inode tells.
        if self._fd >= 0 and self._pid == _getpid():
            try:
                stat = _fstat(self._fd)
                if (stat.st_dev, stat.st_ino) == self._inode:
                    return self._fd
            except OSError:
                pass
        self._fd = _open(self._name, _FLAGS, 0o600)
        if self._fd < 3:  # closed by the script, which may count on getting these numbers itself
            low = self._fd
            try:
                self._fd = _control(low, fcntl.F_DUPFD_CLOEXEC, 3)
            finally:
                _close(low)
        self._pid = _getpid()
        stat = _fstat(self._fd)
        self._inode = (stat.st_dev, stat.st_ino)
        return self._fd


def failures(folder: Path) -> dict[str, str]:
    """The journals in a record folder that could not be written to their end (names without .jsonl), and why."""
    found = {}
    for mark in sorted(folder.glob(f"*{_STOPPED}*")):
        name, _, number = mark.name.rpartition(_STOPPED)
        found[name.removesuffix(".jsonl")] = os.strerror(int(number)) if number.isdigit() else "unknown error"
    return found

"""Child side: one event, one line, one write.

The script may patch `json` and `os`, close every descriptor, fill the disk or die in a kernel. So the functions are bound
before any of its code runs, every event is a single write on an O_APPEND descriptor, and nothing raises into the script.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

_open, _write, _close, _fstat, _getpid = os.open, os.write, os.close, os.fstat, os.getpid
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=repr).encode
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)


class Journal:
    """The events of one process, in `path` (made with the first event, readable by its owner only)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = os.fspath(path)
        self._fd = -1
        self._inode: tuple[int, int] = (0, 0)
        self._pid = -1
        self.failed: str | None = None  # why writing stopped, when it did
        self.written = 0

    def write(self, event: Mapping[str, object]) -> None:
        """Append one event. After a failure (full disk, folder gone) the journal stays silent."""
        if self.failed is not None:
            return
        try:
            data = _encode(event).encode("ascii") + b"\n"
            descriptor = self._descriptor()
            done = _write(descriptor, data)
            self.written += 1
            if done != len(data):
                self.failed = "the disk is full"
        except (OSError, ValueError, TypeError, RecursionError) as error:
            self.failed = f"{type(error).__name__}: {error}"

    def move(self, path: Path) -> None:
        """Go on in another file (after a fork)."""
        self.path, self._name, self._fd = path, os.fspath(path), -1

    def _descriptor(self) -> int:
        # A script may close every descriptor (daemons do) and the number may by now be a file of its own: the inode tells.
        if self._fd >= 0 and self._pid == _getpid():
            try:
                stat = _fstat(self._fd)
                if (stat.st_dev, stat.st_ino) == self._inode:
                    return self._fd
            except OSError:
                pass
        self._fd = _open(self._name, _FLAGS, 0o600)
        self._pid = _getpid()
        stat = _fstat(self._fd)
        self._inode = (stat.st_dev, stat.st_ino)
        return self._fd



"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from g2.rewrite.files import new_mode


def write_private(path: Path, text: str) -> None:
    """Write `text` at once, readable by its owner alone. Raises OSError."""
    _replace(path, text, 0o600)


def write_report(path: Path, text: str) -> None:
    """Write a report at once: a reader sees the old file or the new one, never half. Raises
    OSError.

    An existing file keeps its mode, a link keeps pointing at its file; a device or a pipe is
    written directly.
    """
    path = path.resolve() if path.is_symlink() else path
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return
    _replace(path, text, new_mode() if mode is None else stat.S_IMODE(mode))


def _replace(path: Path, text: str, mode: int) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise

"""Files that are on the disk when a function returns, with what the file they replace had besides its bytes."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path


def new_mode() -> int:
    """The mode that a new file gets by itself."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def write_new(path: Path, data: bytes) -> None:
    """A new file that only its owner can read. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def write_like(path: Path, data: bytes, like: Path, mode: int) -> list[str]:
    """A new file with the owner, the extended attributes and access lists of `like`, where there is one, and `mode`.

    Gives what could not be kept, a clause each. Raises OSError.
    """
    lost: list[str] = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        try:
            status = like.stat()
        except FileNotFoundError:
            status = None
        if status is not None:
            mine = os.fstat(descriptor)
            if (status.st_uid, status.st_gid) != (mine.st_uid, mine.st_gid):
                lost += _owned(descriptor, status)
            _attributes(like, path)
        os.fchmod(descriptor, mode)  # last: a change of owner takes bits away
        os.fsync(descriptor)
    return lost


def _owned(descriptor: int, status: os.stat_result) -> list[str]:
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, status.st_uid, status.st_gid)
        return []
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, -1, status.st_gid)
    kept = os.fstat(descriptor)
    same = kept.st_uid == status.st_uid, kept.st_gid == status.st_gid
    return [f"its {what} is another now" for what, is_same in zip(("owner", "group"), same, strict=True) if not is_same]


def _attributes(like: Path, path: Path) -> None:
    if sys.platform == "linux":  # access lists and labels are extended attributes there; elsewhere Python has no call
        with contextlib.suppress(OSError):
            for name in os.listxattr(like):
                with contextlib.suppress(OSError):
                    os.setxattr(path, name, os.getxattr(like, name))


def sync(folder: Path) -> None:
    """Have the names in a folder on the disk. Raises OSError when it cannot be opened."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot, and need not
            os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""A file that is to become another one, and whether it may: everything is looked at before anything is written."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from g2.capture.mine import is_mine


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one file.

    path: absolute; a link is followed and stays a link. before: SHA-256 (hex) of the bytes for which the change was
    made; None when there is to be no such file yet. after: the new bytes; None when the file goes.
    """

    path: str
    before: str | None
    after: bytes | None


class Refused(Exception):
    """Nothing was written. `files` says of each file why, a clause; str() is a sentence."""

    def __init__(self, files: Iterable[tuple[str, str]], hint: str | None = None) -> None:
        self.files = tuple(files)
        self.hint = hint
        super().__init__("; ".join(f"{path}: {why}" for path, why in self.files))


@dataclass(frozen=True, slots=True)
class Ready:
    """A change that may be made. `real` is the file itself, behind all links."""

    change: Change
    real: Path
    old: bytes | None
    status: os.stat_result | None  # of the file, None when there is none
    makes: tuple[Path, ...] = ()  # folders that have to be made, outermost first


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def content(path: Path) -> bytes | None:
    """What a file holds; None when there is none. Raises OSError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def ready(changes: Iterable[Change]) -> list[Ready]:
    """The changes that are still to be made, after a look at every file. Raises Refused."""
    found: dict[Path, Ready] = {}
    wrong: list[tuple[str, str]] = []
    for change in changes:
        try:
            one = _looked_at(change)
        except _No as error:
            wrong.append((change.path, str(error)))
            continue
        other = found.get(one.real)
        if other is not None and other.change.after != change.after:
            wrong.append((change.path, f"it is the same file as {other.change.path}, and both were to be changed"))
        found.setdefault(one.real, one)
    if wrong:
        raise Refused(wrong)
    return [one for one in found.values() if one.old != one.change.after]


class _No(Exception):
    """Why a file is not changed, a clause."""


def _looked_at(change: Change) -> Ready:
    real = Path(os.path.realpath(change.path))
    # A link can lead into a package, and out of one.
    if not (is_mine(change.path) and is_mine(str(real))):
        raise _No("it belongs to an installed package, and those are not edited")
    try:
        status = real.lstat()
    except (FileNotFoundError, NotADirectoryError):
        status = None
    except OSError as error:
        raise _No(f"it cannot be read ({error.strerror})") from None
    if status is None:
        return _absent(change, real)
    if stat.S_ISDIR(status.st_mode):
        raise _No("it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise _No("it is no ordinary file")
    try:
        old = real.read_bytes()
    except OSError as error:
        raise _No(f"it cannot be read ({error.strerror})") from None
    if old != change.after and digest(old) != change.before:
        raise _No("it has been changed since it was read" if change.before else "a file of this name is there already")
    if old != change.after:
        _writable(real, status)
    return Ready(change, real, old, status)


def _absent(change: Change, real: Path) -> Ready:
    if change.before is not None and change.after is not None:
        raise _No("it is not there any more")
    makes: list[Path] = []
    folder = real.parent
    while change.after is not None and not folder.exists():
        makes.insert(0, folder)
        folder = folder.parent
    if change.after is not None:
        _folder_writable(folder)
    return Ready(change, real, None, None, tuple(makes))


def _writable(real: Path, status: os.stat_result) -> None:
    # The superuser may write anything; a file that nobody may write says that nobody should.
    if not status.st_mode & 0o222 or not os.access(real, os.W_OK):
        raise _No("it is read-only")
    _folder_writable(real.parent)


def _folder_writable(folder: Path) -> None:
    # A file is replaced by renaming another one onto it, which its folder has to allow.
    if not os.access(folder, os.W_OK | os.X_OK) or not folder.stat().st_mode & 0o222:
        raise _No(f"its folder {folder} cannot be written")

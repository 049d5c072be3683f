"""What is known of contents that were scanned before: a cache on disk that may be lost at any time.

One SQLite file of its owner's alone, in the platform's cache folder or $G2_HOME/cache. Several g2 read and write it at
once: SQLite's rollback journal locks whole transactions, also where a write-ahead log cannot be (network folders).
Where it cannot be read or written, nothing is kept and everything works. A damaged file is set aside and made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

LIMIT = 256 * 2**20  # bytes on disk
_SPARED = 0.75  # of the limit, what stays when it is reached
_PATIENCE = 5.0  # seconds to wait for another g2 that writes
_CHUNK = 500  # keys a query; SQLite before 3.32 takes 999
_FORMAT = 1
_DAY = 86400
_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeptFacts:
    """A g2.explain.scan.model.Kept. rules: what the facts were made by; those of other rules are not found."""

    file: Path | None  # None keeps nothing
    rules: str = ""
    limit: int = LIMIT

    @classmethod
    def open(cls, rules: str = "") -> KeptFacts:
        """The cache of this user; without a file when there is no folder that can be written."""
        home = os.environ.get("G2_HOME")
        try:
            if home:
                folder = Path(home).absolute() / "cache"
            else:
                from platformdirs import user_cache_path

                folder = user_cache_path("g2", appauthor=False)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.stat()
            if status.st_uid != os.getuid():
                return cls(None)
            if stat.S_IMODE(status.st_mode) & 0o077:
                folder.chmod(0o700)
            return cls(folder / f"facts-{_FORMAT}.db", rules)
        except (OSError, RuntimeError):  # RuntimeError: no home folder
            return cls(None)

    def get(self, keys: Iterable[str]) -> Mapping[str, bytes]:
        """What is kept under these keys; those of which nothing is kept are missing."""
        names = [self.rules + key for key in keys]
        return self._safely(lambda base: self._get(base, names), {})

    def put(self, facts: Mapping[str, bytes]) -> None:
        """Keep these, or not: a disk may be full, and another g2 may be writing for long."""
        today = int(time.time() // _DAY)
        rows = [(self.rules + key, zlib.crc32(value), today, value) for key, value in facts.items()]
        if rows:
            self._safely(lambda base: self._put(base, rows), None)

    def _get(self, base: sqlite3.Connection, names: list[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        today, old = int(time.time() // _DAY), list[str]()
        for start in range(0, len(names), _CHUNK):
            some = names[start : start + _CHUNK]
            marks = ",".join("?" * len(some))
            for name, check, used, value in base.execute(
                f"SELECT name, sum, used, value FROM facts WHERE name IN ({marks})", some
            ):
                if isinstance(value, bytes) and zlib.crc32(value) == check:
                    found[name[len(self.rules) :]] = value
                    if used != today:
                        old.append(name)
        if old:  # at most once a day, so that a second run only reads
            with contextlib.suppress(sqlite3.OperationalError), base:  # it may be read-only
                base.executemany("UPDATE facts SET used = ? WHERE name = ?", [(today, name) for name in old])
        return found

    def _put(self, base: sqlite3.Connection, rows: list[tuple[str, int, int, bytes]]) -> None:
        with base:
            base.executemany("INSERT OR REPLACE INTO facts (name, sum, used, value) VALUES (?, ?, ?, ?)", rows)
        if self._bytes(base) > self.limit:
            self._prune(base)

    def _bytes(self, base: sqlite3.Connection) -> int:
        (pages,), (size,) = base.execute("PRAGMA page_count").fetchone(), base.execute("PRAGMA page_size").fetchone()
        (free,) = base.execute("PRAGMA freelist_count").fetchone()
        return int((pages - free) * size)

    def _prune(self, base: sqlite3.Connection) -> None:
        """Drop what was not used for longest, until the rest takes three quarters of the limit."""
        room, dropped = self.limit * _SPARED, list[tuple[int]]()
        for row, size in base.execute("SELECT rowid, length(value) + 200 FROM facts ORDER BY used DESC, rowid DESC"):
            room -= size
            if room < 0:
                dropped.append((row,))
        with base:
            base.executemany("DELETE FROM facts WHERE rowid = ?", dropped)
        base.execute("PRAGMA incremental_vacuum").fetchall()

    def _safely(self, use: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """What `use` gives; a damaged file is replaced and asked once more."""
        if self.file is None:
            return otherwise
        for _ in range(2):
            try:
                with contextlib.closing(_open(self.file)) as base:
                    return use(base)
            except OSError:
                return otherwise
            except sqlite3.Error as error:
                if _passing(error):
                    return otherwise
                _set_aside(self.file)
        return otherwise


def _open(file: Path) -> sqlite3.Connection:
    """The database, made when it is not there. Raises sqlite3.Error and OSError."""
    if not file.exists():
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    base = sqlite3.connect(file, timeout=_PATIENCE)
    try:
        # The cache may lose what was written last before a power failure, and is checked when it is read.
        base.execute("PRAGMA synchronous=OFF")
        (version,) = base.execute("PRAGMA user_version").fetchone()
        if version != _FORMAT:
            base.execute("PRAGMA auto_vacuum=INCREMENTAL")
            with base:
                base.execute("BEGIN IMMEDIATE")
                base.execute(
                    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, sum INTEGER, used INTEGER, value BLOB)"
                )
                base.execute(f"PRAGMA user_version={_FORMAT}")
        return base
    except BaseException:
        base.close()
        raise


def _set_aside(file: Path) -> None:
    """Move a damaged database away, unless another g2 has just done so. One is kept, to be looked at."""
    with contextlib.suppress(OSError), _alone(file.with_suffix(".lock")):
        if _damaged(file):
            file.with_name(file.name + "-journal").unlink(missing_ok=True)
            file.replace(file.with_suffix(".damaged"))


def _damaged(file: Path) -> bool:
    try:
        with contextlib.closing(_open(file)) as base:
            base.execute("SELECT name, sum, used, value FROM facts LIMIT 1").fetchone()
            return bool(base.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
    except sqlite3.Error as error:
        return not _passing(error)


def _passing(error: sqlite3.Error) -> bool:
    """Whether it says nothing of the file: locked for long, read-only, a full disk."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return code in _PASSING


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)

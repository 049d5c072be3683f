"""What was applied, so that it can be undone: one private folder for each time.

    <state>/20260131-141503-123456-4711/   journal.json (which files, what they were and become),
    0, 1, ... (their old bytes), done (an empty file, once all are in place)

The journal is whole on the disk before the first file changes, and a file is whole old or whole new at any moment. So
the journal alone is enough to bring everything back, wherever a process was cut off.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from g2.rewrite.change import Ready, Refused, digest
from g2.rewrite.files import new_mode, sync, write_new

FORMAT = 1
KEPT = 20  # how often one can go back
WAIT = 10.0  # seconds for another g2 to end what it writes
_JOURNAL, _DONE, _LOCK = "journal.json", "done", "lock"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a journal. `before` and `after` are SHA-256; None where there was, or is to be, no file."""

    path: str  # as it was named
    real: str
    before: str | None
    after: str | None
    mode: int
    kept: str | None  # the file in the journal's folder that holds the old bytes
    temporary: str  # the new file until it is renamed, or the old one while it is brought back


@dataclass(frozen=True, slots=True)
class Journal:
    """What was applied at one time, from one working directory."""

    folder: Path
    cwd: str
    made: tuple[str, ...]  # folders, outermost first
    entries: tuple[Entry, ...]

    @property
    def done(self) -> bool:
        """Whether every file got into its place."""
        return (self.folder / _DONE).exists()

    def old(self, entry: Entry) -> bytes | None:
        """The old bytes of a file. Raises OSError; ValueError when they are not those that were kept."""
        if entry.kept is None:
            return None
        data = (self.folder / entry.kept).read_bytes()
        if digest(data) != entry.before:
            raise ValueError(f"the copy of {entry.path} in {self.folder} is damaged")
        return data

    def finish(self) -> None:
        """Note that all is in place."""
        write_new(self.folder / _DONE, b"")
        sync(self.folder)

    def discard(self) -> None:
        """Forget it, at once: nobody reads half of it."""
        gone = self.folder.with_name(f".{self.folder.name}")
        self.folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def sweep(self) -> None:
        """Take away temporary files that a killed process left."""
        for entry in self.entries:
            with contextlib.suppress(OSError):
                Path(entry.temporary).unlink()


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """No other g2 writes while the context lasts. Raises Refused when one does for long, OSError."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(state / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + WAIT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Refused([(str(state), "another g2 is writing")], "try again when it has ended") from None
                time.sleep(0.05)
            except OSError:  # a file system without locks
                break
            else:
                break
        yield
    finally:
        os.close(lock)


def begin(state: Path, cwd: str, changes: Sequence[Ready]) -> Journal:
    """Write the journal of what is about to be applied. Raises OSError; then nothing of it is left."""
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    name = f"{stamp}-{int(now * 1e6) % 1_000_000:06d}-{os.getpid()}"
    folder = state / name
    folder.mkdir(mode=0o700)
    try:
        entries = []
        for number, one in enumerate(changes):
            kept = None
            if one.old is not None:
                kept = str(number)
                write_new(folder / kept, one.old)
            entries.append(
                Entry(
                    path=one.change.path,
                    real=str(one.real),
                    before=None if one.old is None else digest(one.old),
                    after=None if one.change.after is None else digest(one.change.after),
                    mode=new_mode() if one.status is None else one.status.st_mode & 0o7777,
                    kept=kept,
                    temporary=str(one.real.with_name(f".g2-{name}-{number}")),
                )
            )
        made = dict.fromkeys(str(path) for one in changes for path in one.makes)
        journal = Journal(folder, cwd, tuple(made), tuple(entries))
        about = {"format": FORMAT, "cwd": cwd, "made": list(made), "entries": [asdict(entry) for entry in entries]}
        # A folder without a journal.json was never begun; nothing is applied before it is there.
        write_new(folder / f"{_JOURNAL}.new", json.dumps(about).encode())
        (folder / f"{_JOURNAL}.new").replace(folder / _JOURNAL)
        sync(folder)
        sync(state)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return journal


def journals(state: Path) -> list[Journal]:
    """All journals, newest first; what is damaged or was never begun is left out."""
    found = []
    for folder in sorted(_folders(state), key=lambda folder: folder.name, reverse=True):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            about = json.loads((folder / _JOURNAL).read_text("utf-8"))
            if about["format"] != FORMAT:
                continue
            entries = tuple(Entry(**entry) for entry in about["entries"])
            found.append(Journal(folder, str(about["cwd"]), tuple(about["made"]), entries))
    return found


def tidy(state: Path) -> None:
    """Take away what killed processes left behind, and the oldest journals. To be called with the lock held."""
    for journal in journals(state):
        if not journal.done:
            journal.sweep()
    begun = [folder for folder in _folders(state) if (folder / _JOURNAL).exists()]
    keep = sorted(begun, reverse=True)[:KEPT]
    for folder in [*_folders(state), *(half for half in state.glob(".*") if half.is_dir())]:
        if folder not in keep:
            shutil.rmtree(folder, ignore_errors=True)


def _folders(state: Path) -> list[Path]:
    try:
        return [entry for entry in state.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []

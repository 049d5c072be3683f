"""Where records are kept: one private folder a run, the newest twenty, found again by working
directory.

    <state>/runs/20260131-141503-123456-4711/   about.json (who and where), lock (held while the
    run goes on), session.json (the folded record), and what capture writes meanwhile

No index and no shared file, so several g2 at once cannot spoil each other's records, and a damaged
record hides no other.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from g2.capture.codec import RecordError, dump, load
from g2.capture.model import Session
from g2.cli.errors import Refusal
from g2.cli.files import write_private
from g2.cli.foreign import folded, is_raw
from g2.cli.text import inline

KEPT = 20
LAST = 100
SESSION = "session.json"
ABOUT = "about.json"
LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Kept:
    """A record in the store, or a run that is going on or was cut off (then not `complete`)."""

    folder: Path
    cwd: str
    argv: tuple[str, ...]
    started: float  # seconds since the epoch
    complete: bool
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])  # of the run, those that are not the usual ones

    @property
    def name(self) -> str:
        """The folder's name, which `g2 show` takes."""
        return self.folder.name


@dataclass(frozen=True, slots=True)
class Store:
    """The folder of all records. `note` is a sentence for the person when it is not the usual
    one.
    """

    root: Path
    note: str | None = None

    @classmethod
    def open(cls) -> Store:
        """The store at $G2_HOME or the platform's state folder; in the temporary folder when that
        cannot be written.

        Raises Refusal when there is nowhere to write.
        """
        wanted = Path(os.environ["G2_HOME"]).absolute() if os.environ.get("G2_HOME") else None
        root = wanted or user_state_path("g2", appauthor=False)
        try:
            _make(root)
            _make_private(root / "runs")
            return cls(root)
        except OSError as error:
            first = error
        fallback = Path(tempfile.tempdir or "the temporary folder") / f"g2-{os.getuid()}"
        why = first.strerror or str(first)
        try:
            fallback = Path(tempfile.gettempdir()) / fallback.name
            _make_private(fallback)
            _make_private(fallback / "runs")
        except OSError as error:
            raise Refusal(
                f"no folder for the record can be written: {root} ({why}), {fallback} ({error.strerror or error})",
                "set G2_HOME to a folder that can be written",
            ) from None
        return cls(fallback, f"the record is kept in {fallback}: {root} cannot be written ({why})")

    @contextlib.contextmanager
    def new_run(self, argv: Sequence[str], options: Mapping[str, Any] | None = None) -> Iterator[Path]:
        """An empty private folder for one run, safe from other g2 while the context lasts.

        A run that leaves no session behind is removed at the end. options: what a later run needs to be the same one.
        Raises Refusal when the folder cannot be made.
        """
        now = time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
        folder = self._runs / f"{stamp}-{int(now * 1e6) % 1_000_000:06d}-{os.getpid()}"
        lock = -1
        try:
            folder.mkdir(mode=0o700)
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            os.set_inheritable(lock, False)
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            about = {"cwd": str(Path.cwd()), "argv": list(argv), "started": now, "options": dict(options or {})}
            write_private(folder / ABOUT, json.dumps(about))
        except OSError as error:
            if lock >= 0:
                os.close(lock)
            shutil.rmtree(folder, ignore_errors=True)
            raise Refusal(
                f"the record cannot be written in {self.root}: {error.strerror or error}",
                "free some space there, or set G2_HOME to another folder",
            ) from None
        try:
            self._prune()
            yield folder
        finally:
            os.close(lock)
            if not (folder / SESSION).exists():
                shutil.rmtree(folder, ignore_errors=True)

    def save(self, folder: Path, session: Session, spared: Collection[str] = ()) -> None:
        """Write the session into its run's folder and drop what it was folded from, but what is `spared`. Raises
        OSError on a full disk.
        """
        write_private(folder / SESSION, dump(session))
        for entry in folder.iterdir():
            if entry.name in (SESSION, ABOUT, LOCK, *spared):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)

    def kept(self) -> list[Kept]:
        """All runs, newest first; what is damaged is left out."""
        found = []
        for folder in self._folders():
            try:
                about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
                found.append(
                    Kept(
                        folder,
                        str(about["cwd"]),
                        tuple(str(word) for word in about["argv"]),
                        float(about["started"]),
                        (folder / SESSION).is_file(),
                        dict(about.get("options", {})),
                    )
                )
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return found

    def find(self, name: str | None, cwd: str) -> Path:
        """The session file of a record: by its name in the store, by path, or the last one of
        `cwd`. A folder of journals that another launcher left is given back itself.

        Raises Refusal when there is none.
        """
        if name is None:
            return self._last(cwd)
        path = Path(name)
        for candidate in (self._runs / name / SESSION, path / SESSION, path):
            if candidate.is_file():
                return candidate
        if is_raw(path):
            return path
        if path.is_dir():
            raise Refusal(f"{name} holds no finished record", "g2 show --list")
        raise Refusal(f"there is no record {name!r}", "g2 show --list")

    def _last(self, cwd: str) -> Path:
        complete = [run for run in self.kept() if run.complete]
        here = next((run for run in complete if run.cwd == cwd), None)
        if here is None:
            hint = "g2 show --list shows the records of other folders" if complete else "g2 explain SCRIPT makes one"
            raise Refusal("no record was made in this folder yet", hint)
        return here.folder / SESSION

    @property
    def _runs(self) -> Path:
        return self.root / "runs"

    def _folders(self) -> list[Path]:
        try:
            entries = [e for e in self._runs.iterdir() if e.is_dir() and not e.name.startswith(".")]
        except OSError:
            return []
        return sorted(entries, key=lambda entry: entry.name, reverse=True)

    def _prune(self) -> None:
        """Remove the oldest runs beyond KEPT, but none that another g2 is writing, nor the last one of a working
        directory (up to LAST of these); and what a killed g2 half removed.
        """
        for half in self._runs.glob(".*"):
            shutil.rmtree(half, ignore_errors=True)
        for fault in sorted(self.root.glob("fault-*.txt"))[:-KEPT]:
            fault.unlink(missing_ok=True)
        last: dict[str, Path] = {}
        for run in self.kept():
            if run.complete:
                last.setdefault(run.cwd, run.folder)
        spared = set(list(last.values())[:LAST])
        for folder in self._folders()[KEPT:]:
            if folder in spared:
                continue
            with contextlib.suppress(OSError):
                lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    gone = folder.with_name(f".{folder.name}.{os.getpid()}")
                    folder.rename(gone)  # at once, so that nobody reads half of it
                    shutil.rmtree(gone, ignore_errors=True)
                finally:
                    os.close(lock)


def read(path: Path) -> Session:
    """The session in a file, or the one that a folder of journals tells of.

    Raises Refusal when it cannot be read, is damaged or of a newer format.
    """
    try:
        if path.is_dir():
            return folded(path)
        return load(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror or error}") from None
    except (RecordError, UnicodeError, RecursionError) as error:
        newer = getattr(error, "newer", None) is not None
        hint = "pip install --upgrade g2-torch" if newer else "g2 explain SCRIPT makes a new record"
        raise Refusal(f"{path}: {inline(str(error))}", hint) from None


def _make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter. Raises OSError when it is someone else's or
    cannot be written.
    """
    _make(folder)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(13, "it is not a folder of this user", str(folder))
    if stat.S_IMODE(status.st_mode) & 0o077:
        folder.chmod(0o700)


def _make(folder: Path) -> None:
    """Make a folder, or see that one can be written. What is there already keeps its mode. Raises
    OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(13, "Permission denied", str(folder))

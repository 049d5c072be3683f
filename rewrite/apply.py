"""Write changes to several files: all of them or none, each whole old or whole new at any moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from g2.rewrite.applied import Journal, begin, locked, tidy
from g2.rewrite.change import Change, Ready, Refused, ready
from g2.rewrite.files import sync, write_like
from g2.rewrite.undo import bring_back


@dataclass(frozen=True, slots=True)
class Applied:
    """What was written and what removed, as it was named. `notes`: what else a person must know, a sentence each."""

    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def apply(changes: Iterable[Change], state: Path, cwd: str) -> Applied:
    """Make all the changes, and keep in the folder `state` what `undo` needs to go back.

    A change whose result is there already is none. Raises Refused when a file may not be changed or could not be: then
    every file is as it was. Should bringing them back fail too, the sentence says so, and `undo` is for that.
    """
    changes = tuple(changes)
    if not ready(changes):
        return Applied()
    try:
        with locked(state):
            tidy(state)
            todo = ready(changes)  # once more: no other g2 writes now
            if not todo:
                return Applied()
            journal = begin(state, cwd, todo)
            return _applied(journal, todo)
    except OSError as error:
        why = f"what is needed to undo cannot be kept ({error.strerror or error})"
        raise Refused([(str(state), why)], "free some space there, or set G2_HOME to another folder") from None


def _applied(journal: Journal, todo: list[Ready]) -> Applied:
    at = ""  # the path of what is being written
    notes: list[str] = []
    pairs = list(zip(todo, journal.entries, strict=True))
    try:
        for at in journal.made:
            Path(at).mkdir()
            sync(Path(at).parent)
        for one, entry in pairs:
            at = entry.path
            if one.change.after is not None:
                lost = write_like(Path(entry.temporary), one.change.after, one.real, entry.mode)
                notes += [f"{at}: {what}." for what in lost]
        for one, entry in pairs:
            at = entry.path
            _still(one)
            if one.change.after is None:
                one.real.unlink()
            else:
                Path(entry.temporary).replace(one.real)
            sync(one.real.parent)
            if one.status is not None and one.status.st_nlink > 1:
                notes.append(f"{at}: it has another name (a hard link), under which the old text stays.")
        at = str(journal.folder)
        journal.finish()
    except BaseException as error:
        rest = _undone(journal)
        if not isinstance(error, (OSError, Refused)):
            raise
        why = [(at, f"it cannot be written ({error.strerror or error})")] if isinstance(error, OSError) else error.files
        hint = "g2 fix --undo brings the old text back" if rest else None
        raise Refused([*why, *rest], hint) from None
    written = tuple(one.change.path for one in todo if one.change.after is not None)
    removed = tuple(one.change.path for one in todo if one.change.after is None)
    return Applied(written, removed, tuple(notes))


def _still(one: Ready) -> None:
    """Refuse a file that somebody else has written since it was looked at."""
    try:
        now = one.real.lstat()
    except FileNotFoundError:
        now = None
    before = one.status
    if (now is None) != (before is None):
        raise Refused([(one.change.path, "it has just been changed by somebody else")])
    if now is not None and before is not None:
        same = (now.st_ino, now.st_dev, now.st_size, now.st_mtime_ns)
        if same != (before.st_ino, before.st_dev, before.st_size, before.st_mtime_ns):
            raise Refused([(one.change.path, "it has just been changed by somebody else")])


def _undone(journal: Journal) -> list[tuple[str, str]]:
    """Take back what was written so far; what could not be, and why."""
    try:
        undone = bring_back(journal)
    except OSError as error:
        return [(str(journal.folder), f"the old text could not be brought back ({error.strerror or error})")]
    return list(undone.left)

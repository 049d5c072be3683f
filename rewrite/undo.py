"""Bring back what an apply changed, also one that was killed half way."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from g2.rewrite.applied import Entry, Journal, journals, locked
from g2.rewrite.change import Refused, content, digest
from g2.rewrite.files import sync, write_like


@dataclass(frozen=True, slots=True)
class Undone:
    """Files as they were named: brought back, taken away again, and `left` with why."""

    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    whole: bool = True  # False: the apply itself had been cut off


def undo(state: Path, cwd: str) -> Undone:
    """Take back the last apply that was made in the folder `cwd`.

    A file that was changed since stays as it is, and so does the journal: undo can be asked again. Raises Refused when
    there is nothing to take back, or another g2 is writing, or the kept text cannot be read.
    """
    try:
        with locked(state):
            known = journals(state)
            here = next((journal for journal in known if journal.cwd == cwd), None)
            if here is None:
                other = next((journal.cwd for journal in known), None)
                hint = f"cd {other}" if other else "g2 fix --apply applies what is proved"
                raise Refused([(cwd, "nothing was applied here that could be undone")], hint)
            return bring_back(here)
    except OSError as error:
        raise Refused([(str(state), f"it cannot be read or written ({error.strerror or error})")]) from None


def bring_back(journal: Journal) -> Undone:
    """Take back one journal; it is forgotten when nothing was left. Raises OSError. With the lock held."""
    whole = journal.done
    restored: list[str] = []
    removed: list[str] = []
    left: list[tuple[str, str]] = []
    for entry in reversed(journal.entries):
        try:
            if _entry(journal, entry):
                (removed if entry.before is None else restored).append(entry.path)
        except OSError as error:
            left.append((entry.path, f"it cannot be written ({error.strerror or error})"))
        except ValueError as error:
            left.append((entry.path, str(error)))
    for folder in reversed(journal.made):
        with contextlib.suppress(OSError):  # something else is in it
            Path(folder).rmdir()
    if not left:
        journal.discard()
    return Undone(tuple(reversed(restored)), tuple(reversed(removed)), tuple(reversed(left)), whole)


def _entry(journal: Journal, entry: Entry) -> bool:
    """Bring one file back; whether that was needed. Raises OSError; ValueError with a clause that says why not."""
    real, temporary = Path(entry.real), Path(entry.temporary)
    temporary.unlink(missing_ok=True)
    now = content(real)
    found = None if now is None else digest(now)
    if found == entry.before:
        return False
    if found != entry.after:
        raise ValueError("it has been changed since it was applied" if now is not None else "it is not there any more")
    old = journal.old(entry)
    if old is None:
        real.unlink()
    else:
        real.parent.mkdir(exist_ok=True)  # it may have been the last of its folder
        mode = entry.mode if now is None else real.stat().st_mode & 0o7777
        write_like(temporary, old, real, mode)
        temporary.replace(real)
    sync(real.parent)
    return True

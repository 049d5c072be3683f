"""Write changes, or take them back, and say why it cannot be done."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from g2.cli.errors import Refusal
from g2.cli.store import Store
from g2.cli.text import relative
from g2.rewrite.apply import Applied, apply
from g2.rewrite.change import Change, Refused
from g2.rewrite.undo import Undone, undo


def write(changes: Iterable[Change]) -> Applied:
    """Make the changes, all or none. Raises Refusal."""
    try:
        return apply(changes, _state(), str(Path.cwd()))
    except Refused as error:
        raise refusal(error) from None


def take_back() -> Undone:
    """Take back what was written last from this folder. Raises Refusal."""
    try:
        return undo(_state(), str(Path.cwd()))
    except Refused as error:
        raise refusal(error) from None


def refusal(error: Refused) -> Refusal:
    """What a person reads of it."""
    cwd = str(Path.cwd())
    said = [f"{relative(path, cwd)}: {why}" if path != cwd else why for path, why in error.files]
    return Refusal("; ".join(said), error.hint or _hint([why for _, why in error.files]))


def _hint(why: list[str]) -> str | None:
    if any("changed since" in one for one in why):
        return "g2 fix looks at the files as they are now"
    if any("read-only" in one or "cannot be written" in one for one in why):
        return "g2 fix --diff shows the changes; git apply puts them into a copy of yours"
    return None


def _state() -> Path:
    return Store.open().root / "applied"

"""What was looked at, what was found, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"  # something that g2 or torch.compile can do is not to be had
    WRONG = "wrong"  # g2 cannot run scripts so


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    name: str
    state: State
    found: str  # a clause
    mend: str = ""  # a command or a sentence; empty where all is well


@dataclass(frozen=True, slots=True)
class Asked:
    """What a child process said of torch, step by step; `ended` says how it went away when it was not by itself."""

    steps: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    ended: str = ""
    last: str = ""  # the step that it was at then


def ok(name: str, found: str) -> Line:
    return Line(name, State.OK, found)


def warning(name: str, found: str, mend: str) -> Line:
    return Line(name, State.WARNING, found, mend)


def wrong(name: str, found: str, mend: str) -> Line:
    return Line(name, State.WRONG, found, mend)

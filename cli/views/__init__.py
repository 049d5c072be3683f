"""The forms a report can take, one file each. The file's name is the format's.

A view is a module with `render(report, output) -> str` and `SUFFIXES`, the endings of file names
that ask for it. Modules whose name starts with an underscore are parts shared by views.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

from g2.capture.model import Span
from g2.explain.report import Report

if TYPE_CHECKING:
    from g2.check.model import Check


@dataclass(frozen=True, slots=True)
class Cure:
    """What `g2 fix` has for a place: an offer that it has tried, with its diffs, or a rule that answers the reason."""

    rule: str
    safety: str  # "safe", "ask" or "show"; of a rule that was not tried yet, the most that it may reach
    summary: str = ""  # what is done, a clause
    diffs: tuple[tuple[str, str], ...] = ()  # (path, unified diff); none where it was not tried

    @property
    def tried(self) -> bool:
        return bool(self.diffs)


@dataclass(frozen=True, slots=True)
class Output:
    """Where a report goes, as far as its look depends on it."""

    width: int = 80  # columns
    colour: bool = False
    links: bool = False  # the terminal understands OSC 8 hyperlinks
    unicode: bool = True
    limit: int | None = None  # findings to show, 0 for all, None for what suits the view
    verbose: bool = False
    left_out: int = 0  # findings that the person asked not to see
    workspace: str | None = None  # the root that a CI service names files from
    check: Check | None = None  # of the same record
    cures: Mapping[Span, tuple[Cure, ...]] = field(default_factory=dict)  # of breaks that are no after-effects


class View(Protocol):
    """What a module of this folder offers."""

    SUFFIXES: tuple[str, ...]

    def render(self, report: Report, output: Output) -> str:
        """The whole text of the report, ending with a newline (or empty)."""
        ...


def formats() -> list[str]:
    """The names of all views."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def view(name: str) -> View:
    """The view called `name`, one of `formats()`."""
    return cast(View, importlib.import_module(f"g2.cli.views.{name}"))


def format_for(path: str) -> str | None:
    """The format that the ending of a file's name asks for; of several, that with the longest ending."""
    endings = [(len(end), n) for n in formats() for end in view(n).SUFFIXES if path.lower().endswith(end)]
    return max(endings)[1] if endings else None

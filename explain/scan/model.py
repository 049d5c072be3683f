"""The nouns of the static scan: what is read, and what was sighted in it.

Standard library only, frozen. Paths are relative to the root of what is scanned, with forward slashes. Lines count
from 1, columns from 0, as in capture.model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from g2.capture.model import Frame, Span


class Sureness(StrEnum):
    """How far a sighting may be trusted."""

    SURE = "sure"  # each time the function runs compiled, Dynamo meets this; only these fail a commit
    LIKELY = "likely"  # the values are what it takes, but the line need not run, or a root is guessed
    POSSIBLE = "possible"  # a value's kind is guessed


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to scan. `key` names its content (git's blob id, or a hash), so that what is known of it can be kept.

    `read` gives the bytes, and is only called when nothing is kept under the key. It may raise OSError.
    """

    path: str
    key: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A place at which Dynamo would end a graph or compile again, found without running.

    code is the expression or statement as `ast.unparse` writes it, so that reformatting does not change it; number
    counts from 0 among places of one function with the same reason and code, in the order of the file.
    """

    span: Span
    reason: str  # the slug of explain/reasons or explain/recompiles
    headline: str  # one line, specific: "`if` on a tensor's value: x.sum() > 0"
    function: str  # qualified within its module: "Block.forward"
    code: str
    sureness: Sureness
    number: int = 0
    because: tuple[str, ...] = ()  # what the scan knows, a clause each: "x is a tensor: a parameter of Net.forward"
    path_in: tuple[Frame, ...] = ()  # call path from what is compiled to this function, outermost first, without it


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that was left out, and why, as a clause: "does not parse in Python 3.11: line 3: invalid syntax"."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class UnusedIgnore:
    """A comment `# g2: ignore[...]` on whose line nothing of that reason was sighted."""

    span: Span
    reason: str  # "" for one without brackets


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project wants of the scan ([tool.g2] of its pyproject.toml).

    ignore: reasons left out everywhere; per_path: reasons left out where the pattern (one of gitignore's) matches, "*"
    for all of them.
    """

    ignore: frozenset[str] = frozenset()
    per_path: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])


class Kept(Protocol):
    """Somewhere to keep what is known of a file's content. Both may forget anything, and never raise."""

    def get(self, keys: Iterable[str]) -> Mapping[str, bytes]:
        """What is kept under these keys; those of which nothing is kept are missing."""
        ...

    def put(self, facts: Mapping[str, bytes]) -> None:
        """Keep these."""
        ...


@dataclass(frozen=True, slots=True)
class Scan:
    """Everything a scan found, in the order of path and line."""

    sightings: tuple[Sighting, ...]
    unread: tuple[Unread, ...] = ()
    unused_ignores: tuple[UnusedIgnore, ...] = ()
    ignored: int = 0  # sightings left out by comments or settings
    files: int = 0
    lines: int = 0  # of files that had to be read, none of those that were kept
    reached: int = 0  # functions that can be inside a compiled region

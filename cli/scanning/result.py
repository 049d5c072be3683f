"""What a scan is to a person: which of its sightings are shown, which of them fail, what else there is to say."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from g2.capture.model import Snippet
from g2.cli.scanning.newer import LEVELS, News, at_least
from g2.cli.scanning.sources import Sources
from g2.explain.scan.model import Scan, Sighting, Sureness, Unread, UnusedIgnore


@dataclass(frozen=True, slots=True)
class Result:
    """Everything a form draws. Paths of sightings are relative to `sources.root`."""

    scan: Scan
    sources: Sources
    cwd: str
    shown: tuple[Sighting, ...]
    failing: frozenset[Sighting]  # of the shown ones
    unsure: tuple[Sighting, ...]  # like the shown ones, but less sure than was asked for
    known: int  # sightings that a base knows
    news: News | None = None  # None when nothing was compared

    @classmethod
    def of(
        cls,
        scan: Scan,
        sources: Sources,
        cwd: str,
        news: News | None,
        *,
        only: tuple[str, ...] = (),
        show: Sureness = Sureness.SURE,
        fail_on: Sureness = Sureness.SURE,
    ) -> Result:
        """Choose from a scan. only: reasons that are asked for, all when empty."""
        found = scan.sightings if news is None else news.new
        asked = [s for s in found if sources.wanted(s.span.path) and (not only or s.reason in only)]
        shown = tuple(s for s in asked if at_least(s, show))
        failing = frozenset(s for s in shown if at_least(s, fail_on))
        unsure = tuple(s for s in asked if not at_least(s, show))
        new = frozenset(found)
        known = sum(s not in new and sources.wanted(s.span.path) for s in scan.sightings)
        return cls(scan, sources, cwd, shown, failing, unsure, known, news)

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What was not scanned; of a comparison, only what came or changed since."""
        return tuple(one for one in self.scan.unread if self._since(one.path))

    @property
    def unused_ignores(self) -> tuple[UnusedIgnore, ...]:
        """Comments that ignore nothing; of a comparison, only those in files that came or changed since."""
        return tuple(one for one in self.scan.unused_ignores if self._since(one.span.path))

    @property
    def refused(self) -> bool:
        """Whether a path that the person named could not be scanned."""
        return any(one.path in self.sources.only for one in self.scan.unread)

    def _since(self, path: str) -> bool:
        return self.news is None or path in self.news.changed or not any(f.path == path for f in self.sources.files)

    def snippets(self) -> Callable[[str], Snippet | None]:
        """What gives the source of a file that was scanned, as it was then."""
        files = {file.path: file for file in self.sources.files}

        @cache
        def lines(path: str) -> Snippet | None:
            try:
                return Snippet(1, tuple(_decoded(files[path].read()).splitlines()))
            except (OSError, KeyError):
                return None

        return lines


def fixes(reason: str) -> tuple[tuple[str, str, str], ...]:
    """The rules of g2 fix for a reason: slug, title and the most that each may reach."""
    from g2.rewrite.listed import answering

    return tuple((rule.slug, rule.title, rule.safety.value) for rule in answering(reason) if not rule.general)


def counts(sightings: Iterable[Sighting]) -> dict[Sureness, int]:
    """How many there are of each sureness, the surest first; none that has none."""
    found = list(sightings)
    numbers = {level: sum(s.sureness is level for s in found) for level in reversed(LEVELS)}
    return {level: number for level, number in numbers.items() if number}


def _decoded(content: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding, "replace")
    except (SyntaxError, LookupError):
        return content.decode("utf-8", "replace")

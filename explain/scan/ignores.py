"""What is left out: by comments `# g2: ignore[reason]` and by settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from g2.capture.model import Span
from g2.explain.scan.model import Settings, Sighting, UnusedIgnore
from g2.explain.scan.project import Project


@dataclass(slots=True)
class Sifted:
    """What is told, and what is not."""

    sightings: tuple[Sighting, ...]
    unused: tuple[UnusedIgnore, ...]
    ignored: int


def sift(found: Iterable[tuple[int, Sighting]], project: Project, settings: Settings) -> Sifted:
    """Sightings in order without those that are to be left out."""
    patterns = _Patterns(settings)
    told: list[Sighting] = []
    ignored = 0
    used: set[tuple[int, int]] = set()
    for number, sighting in found:
        hit = False
        for index, (first, _, _, last, reason) in enumerate(project.files[number].facts.ignores):
            if first <= sighting.span.line <= last and reason in {"", sighting.reason}:
                used.add((number, index))
                hit = True
        if hit or sighting.reason in settings.ignore or patterns.match(sighting.span.path, sighting.reason):
            ignored += 1
        else:
            told.append(sighting)
    unused: list[UnusedIgnore] = []
    for number, file in enumerate(project.files):
        for index, (line, column, end, _, reason) in enumerate(file.facts.ignores):
            if (number, index) not in used:
                unused.append(UnusedIgnore(Span(file.path, line, column, line, end), reason))
    told.sort(key=lambda each: (each.span, each.reason))
    unused.sort(key=lambda each: (each.span, each.reason))
    return Sifted(tuple(told), tuple(unused), ignored)


class _Patterns:
    """The settings for paths; pathspec is loaded only when there are any."""

    def __init__(self, settings: Settings) -> None:
        self.specs = []
        if settings.per_path:
            from pathspec import GitIgnoreSpec

            self.specs = [
                (GitIgnoreSpec.from_lines([pattern]), reasons) for pattern, reasons in settings.per_path.items()
            ]

    def match(self, path: str, reason: str) -> bool:
        return any(("*" in reasons or reason in reasons) and spec.match_file(path) for spec, reasons in self.specs)

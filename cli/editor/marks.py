"""Places in files that an editor marks: from the last record of a folder, and from a static scan of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from g2.capture.model import Break, Recompile, Snippet
from g2.cli.cures import cures
from g2.cli.errors import Refusal
from g2.cli.exchange.notice import Notice, Notices, of_report
from g2.cli.git import Git, blob_id
from g2.cli.kept import KeptFacts
from g2.cli.scanning import sources
from g2.cli.scanning.notices import of_scan
from g2.cli.scanning.project import Project
from g2.cli.scanning.result import Result
from g2.cli.scanning.scanned import rules, scanned
from g2.cli.store import Kept, Store, read
from g2.cli.views import Output
from g2.explain.findings import report
from g2.explain.scan.model import SourceFile, Sureness

_FAR = 200  # lines that a place may have moved since it was recorded


@dataclass(frozen=True, slots=True)
class Mark:
    """A notice in a file, by its absolute path; run: a run met it, which is sure."""

    path: str
    notice: Notice
    run: bool


def marks(folder: Path, texts: Mapping[str, str]) -> tuple[Mark, ...]:
    """All places in the files of a folder. texts: of the files that are open in the editor, by absolute path.

    A place that a run met is not told a second time by the scan. Raises Refusal when the folder cannot be scanned.
    """
    met = _recorded(folder, texts)
    told = {(mark.path, mark.notice.span.line, mark.notice.rule) for mark in met}
    sighted = [m for m in _scanned(folder, texts) if (m.path, m.notice.span.line, m.notice.rule) not in told]
    return (*met, *sighted)


def _scanned(folder: Path, texts: Mapping[str, str]) -> list[Mark]:
    found = sources.on_disk(Git.find(folder), (str(folder),))
    files = tuple(_as_open(file, texts.get(str(found.root / file.path))) for file in found.files)
    found = replace(found, files=files)
    project = Project.read(found.pyproject)
    scan = scanned(found, project.settings(), KeptFacts.open(rules()), jobs=1)
    result = Result.of(scan, found, str(folder), None, show=Sureness.LIKELY, fail_on=Sureness.SURE)
    return _in_files(of_scan(result, Output()), run=False)


def _as_open(file: SourceFile, text: str | None) -> SourceFile:
    if text is None:
        return file
    content = text.encode("utf-8", "surrogatepass")
    return SourceFile(file.path, blob_id(content), partial(bytes, content))


def _recorded(folder: Path, texts: Mapping[str, str]) -> list[Mark]:
    kept = _last(folder)
    if kept is None:
        return []
    try:
        told = report(read(kept.folder / "session.json"))
    except Refusal:  # damaged, or of a newer g2: as good as none
        return []
    places: list[Break | Recompile] = [*(f.place for f in told.findings), *(f.recompile for f in told.recompiles)]
    notices = of_report(told, Output(cures=cures(told, kept.folder)), "")
    found = []
    for mark, place in zip(_in_files(notices, run=True), places, strict=True):
        if (moved := _moved(mark, place, texts.get(mark.path), kept.started)) is not None:
            found.append(moved)
    return found


def _last(folder: Path) -> Kept | None:
    """The newest record that was made in this folder or below it."""
    try:
        runs = Store.open().kept()
    except Refusal:
        return None
    return next((run for run in runs if run.complete and Path(run.cwd).is_relative_to(folder)), None)


def _in_files(notices: Notices, run: bool) -> list[Mark]:
    return [Mark(os.path.normpath(Path(notices.root) / one.span.path), one, run) for one in notices.items]


def _moved(mark: Mark, place: Break | Recompile, text: str | None, started: float) -> Mark | None:
    """The mark where its line stands now; None when the line is gone, or nobody knows whether it is."""
    span = mark.notice.span
    try:
        lines = (Path(mark.path).read_text("utf-8") if text is None else text).splitlines()
        recorded = _line(place.snippet, span.line) if mark.notice.at is None and isinstance(place, Break) else None
        if recorded is None:
            same = Path(mark.path).stat().st_mtime <= started and span.line <= len(lines)
            return mark if same else None
    except (OSError, ValueError):
        return None
    wanted = recorded.strip()
    near = sorted((abs(n - span.line), n) for n, line in enumerate(lines, 1) if line.strip() == wanted)
    if not near or near[0][0] > _FAR:
        return None
    line = near[0][1]
    shift = _indent(lines[line - 1]) - _indent(recorded)
    down = line - span.line
    moved = replace(
        span,
        line=line,
        column=span.column + shift if span.column >= 0 else -1,
        end_line=span.end_line + down if span.end_line > 0 else -1,
        end_column=span.end_column + shift if span.end_column >= 0 else -1,
    )
    return replace(mark, notice=replace(mark.notice, span=moved))


def _line(snippet: Snippet | None, number: int) -> str | None:
    if snippet is None or not 0 <= number - snippet.first < len(snippet.lines):
        return None
    return snippet.lines[number - snippet.first]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())



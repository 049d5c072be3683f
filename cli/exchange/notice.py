"""A finding as other programs take it, and the findings of a run as such."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from g2.capture.model import Break, Frame, Snippet, Span
from g2.cli.summary import failure
from g2.cli.text import clean, inline, own, place, plural, relative
from g2.cli.views import Cure, Output
from g2.explain.catalog import everything
from g2.explain.known import Known, of_breaks, of_recompiles
from g2.explain.reason import Reason
from g2.explain.report import Finding, RecompileFinding, Report


@dataclass(frozen=True, slots=True)
class Notice:
    """A finding, its place in a file of the repository where there is one. All texts are cleaned."""

    rule: str  # the slug of its reason
    level: str  # "error", "warning" or "note", as SARIF calls them
    headline: str  # one line
    text: str  # paragraphs: why, what to do
    span: Span  # path relative to the root, or absolute outside of it; columns count characters, -1 where unknown
    function: str
    fingerprint: str  # the same after lines were moved, and after files were renamed where nothing else is alike
    path_in: tuple[Frame, ...] = ()
    at: Span | None = None  # the place itself, when it is in a library and `span` is what called it
    cures: tuple[Cure, ...] = ()


@dataclass(frozen=True, slots=True)
class Notices:
    """All that a document holds. root: the absolute folder that relative paths start from."""

    items: tuple[Notice, ...]
    root: str
    summary: str
    argv: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()  # what could not be looked at, a sentence each
    failed: str = ""  # how the script ended, when it failed

    @property
    def rules(self) -> tuple[Reason, ...]:
        """The reasons of all notices, by slug."""
        used = {item.rule for item in self.items}
        return tuple(reason for slug, reason in sorted(everything().items()) if slug in used)


def of_report(report: Report, output: Output, summary: str) -> Notices:
    """The findings of a run, the dearest first, breaks before recompiles."""
    session = report.session
    root = output.workspace or session.cwd
    marks = fingerprints([*of_breaks(report, root), *of_recompiles(report, root)])
    breaks = [
        _of_break(finding, session.cwd, root, mark, output)
        for finding, mark in zip(report.findings, marks, strict=False)
    ]
    recompiles = [
        _of_recompile(finding, session.cwd, root, mark)
        for finding, mark in zip(report.recompiles, marks[len(breaks) :], strict=True)
    ]
    limit = output.limit or None
    items = (*breaks[:limit], *recompiles[:limit])
    return Notices(items, root, summary, session.argv, session.lost, failure(session) or "")


def fingerprints(findings: Sequence[Known]) -> list[str]:
    """A name for each finding that says nothing of lines; equal findings are numbered in their order."""
    seen: Counter[Known] = Counter()
    marks = []
    for known in findings:
        one = Known(known.path, known.function, known.reason, known.code)
        parts = (one.path, one.function, one.reason, one.code, str(seen[one]))
        seen[one] += 1
        marks.append(hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32])
    return marks


def nearest_own(site: Break, cwd: str) -> Span:
    """Where to hang a notice: services show one only on a file of the repository."""
    if site.owner.mine:
        return site.span
    spans = (frame.span for frame in reversed(site.stack))
    return next((span for span in spans if own(span.path, cwd)), site.span)


def in_characters(span: Span, snippet: Snippet | None) -> Span:
    """The span with columns in characters; those of code objects count bytes of UTF-8. Without the line, none."""
    first, last = _line(snippet, span.line), _line(snippet, max(span.end_line, span.line))
    if first is None or last is None or span.column < 0 or span.end_column < 0:
        return Span(span.path, span.line, -1, max(span.end_line, span.line), -1)
    return Span(
        span.path, span.line, _count(first, span.column), max(span.end_line, span.line), _count(last, span.end_column)
    )


def _line(snippet: Snippet | None, number: int) -> str | None:
    if snippet is None or not 0 <= number - snippet.first < len(snippet.lines):
        return None
    return snippet.lines[number - snippet.first]


def _count(line: str, column: int) -> int:
    return len(line.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "replace"))


def _rooted(span: Span, cwd: str, root: str) -> Span:
    path = relative(str(Path(cwd) / span.path), root)
    return Span(path, span.line, span.column, span.end_line, span.end_column)


def _of_break(finding: Finding, cwd: str, root: str, mark: str, output: Output) -> Notice:
    site = finding.place
    span = nearest_own(site, cwd)
    elsewhere = span != site.span
    shown = in_characters(span, None if elsewhere else site.snippet)
    parts = [f"The break is in {place(site.span, cwd)}, called from here."] if elsewhere else []
    parts += [finding.reason.why, *finding.advice]
    if finding.after_effects:
        parts.append(f"{plural(len(finding.after_effects), 'more break goes', 'more breaks go')} away with it.")
    return Notice(
        rule=finding.reason.slug,
        level="warning",
        headline=inline(finding.headline),
        text="\n\n".join(clean(part) for part in parts),
        span=_rooted(shown, cwd, root),
        function=inline(site.function),
        fingerprint=mark,
        path_in=tuple(Frame(_rooted(f.span, cwd, root), inline(f.function)) for f in site.stack),
        at=_rooted(in_characters(site.span, site.snippet), cwd, root) if elsewhere else None,
        cures=output.cures.get(site.span, ()),
    )


def _of_recompile(finding: RecompileFinding, cwd: str, root: str, mark: str) -> Notice:
    recompile = finding.recompile
    site = recompile.call_site
    elsewhere = not recompile.owner.mine and site is not None
    span = site if elsewhere and site is not None else recompile.span
    shown = in_characters(span, recompile.snippet if elsewhere else None)
    limit = "The recompile limit was hit; after that it ran in eager." if recompile.limit_hit else ""
    parts = [
        f"{inline(recompile.function)} was compiled again {plural(finding.count, 'time')}.",
        limit,
        *finding.advice,
    ]
    return Notice(
        rule=finding.reason,
        level="error" if recompile.limit_hit else "warning",
        headline=inline(finding.headline),
        text="\n\n".join(clean(part) for part in parts if part),
        span=_rooted(shown, cwd, root),
        function=inline(recompile.function),
        fingerprint=mark,
        path_in=tuple(Frame(_rooted(f.span, cwd, root), inline(f.function)) for f in recompile.stack),
        at=_rooted(recompile.span, cwd, root) if elsewhere else None,
    )

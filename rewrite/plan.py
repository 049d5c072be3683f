"""Which cures there are for the findings of a report, in the order in which they are to be tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from g2.capture.model import Span
from g2.explain.report import Finding, RecompileFinding, Report
from g2.rewrite.catalog import rules_for
from g2.rewrite.model import Left, Proposal, Target
from g2.rewrite.site import Site
from g2.rewrite.source import Source, Unreadable

_CELL = re.compile(r"[/\\]ipykernel_\d+[/\\]|<ipython-input-")  # what IPython calls the code of a cell
_OWN = "torch"  # its files are not rewritten: what stands there is torch's to mend


@dataclass(frozen=True, slots=True)
class Candidates:
    """A place and what the rules say of it; proposals the best first. `advice` is the report's own."""

    target: Target
    proposals: tuple[Proposal, ...]
    left: tuple[Left, ...]
    advice: tuple[str, ...]
    stack: tuple[Span, ...] = ()  # the calls that led there, as the report has them


def candidates(report: Report, read: Callable[[str], Source] = Source.read) -> Iterator[Candidates]:
    """What the rules propose for every finding of a report, dearest finding first.

    `read` gives a file as it is now (an absolute path); it raises Unreadable.
    """
    found: tuple[Finding | RecompileFinding, ...] = (*report.findings, *report.recompiles)
    for finding in found:
        target = _target(finding)
        span = replace(target.span, path=absolute(target.span.path, report.session.cwd))
        if target.package == _OWN:
            caller = _caller(finding, report.session.cwd)
            if caller is None:
                yield Candidates(target, (), (Left("it stands in a file of torch"),), finding.advice)
                continue
            span = caller
        if _CELL.search(span.path):  # its debugger writes a copy of the cell there: not what the person edits
            yield Candidates(target, (), (Left("it is a cell of a notebook, which is changed there"),), finding.advice)
            continue
        try:
            source = read(span.path)
            piece = source.piece(span.line)
            node = piece.find(span) or piece.function  # a recompile is at its function, and that at a decorator
        except Unreadable as error:
            yield Candidates(target, (), (Left(_unopened(span.path, error)),), finding.advice)
            continue
        if node is None:
            yield Candidates(target, (), (Left("its source was not found"),), finding.advice)
            continue
        broken = isinstance(finding, Finding)
        site = Site(
            target=target,
            place=finding.place if isinstance(finding, Finding) else None,
            recompile=None if isinstance(finding, Finding) else finding.recompile,
            session=report.session,
            piece=piece,
            node=node,
            span=span,
            script=script(report.session.argv, report.session.cwd),
            read=read,
        )
        proposals, reasons = _asked(site)
        if not reasons and not proposals:
            what = "break" if broken else "recompile"
            reasons = (Left(f"no rule answers this kind of {what} ({target.reason})"),)
        frames = finding.place.stack if isinstance(finding, Finding) else finding.recompile.stack
        stack = tuple(frame.span for frame in frames)
        yield Candidates(target, proposals, reasons, finding.advice, stack)


def _unopened(path: str, error: Unreadable) -> str:
    """Why a place's file could not be read, a clause."""
    name = f"`{Path(path).name}`"
    if Path(path).exists():
        return f"{name} was not opened: {error}"
    if Path(path).name.startswith("<") or not Path(path).suffix:
        return "its code is in no file: it was made while the script ran"
    if archive := next((above for above in Path(path).parents if above.is_file()), None):
        return f"it is inside the archive `{archive.name}`"
    return f"there is no {name}: the module was loaded without its source"


def _caller(finding: Finding | RecompileFinding, cwd: str) -> Span | None:
    """The innermost place outside torch that led to a break in a file of torch."""
    if not isinstance(finding, Finding):
        return None
    root = finding.place.span.path.partition(f"{_OWN}/")[0] + f"{_OWN}/"
    for frame in reversed(finding.place.stack):
        if not frame.span.path.startswith(root):
            return replace(frame.span, path=absolute(frame.span.path, cwd))
    return None


def _asked(site: Site) -> tuple[tuple[Proposal, ...], tuple[Left, ...]]:
    proposals: dict[tuple[object, ...], Proposal] = {}
    left: list[Left] = []
    for rule in rules_for(site.target.reason):
        try:
            said = list(rule.propose(site))
        except Exception as error:  # one rule that fails on one text must not cost the others
            left.append(Left(f"the rule itself failed: {type(error).__name__}: {error}", rule.slug))
            continue
        for one in said:
            if isinstance(one, Left):
                left.append(replace(one, rule=rule.slug))
            else:
                proposals.setdefault((one.files, one.advice), replace(one, rule=rule.slug))
    return tuple(proposals.values()), tuple(left)


def _target(finding: Finding | RecompileFinding) -> Target:
    if isinstance(finding, Finding):
        place = finding.place
        return Target(
            finding.reason.slug, place.span, place.function, finding.headline, place.owner.mine, place.owner.package
        )
    change = finding.recompile
    return Target(
        finding.reason, change.span, change.function, finding.headline, change.owner.mine, change.owner.package,
        "recompile",
    )  # fmt: skip


def absolute(path: str, cwd: str) -> str:
    """A span's path as the file system has it."""
    return path if Path(path).is_absolute() else str(Path(cwd) / path)


def script(argv: tuple[str, ...], cwd: str) -> str:
    """The script's absolute path; empty when the run was started with -m."""
    return "" if not argv or argv[0] == "-m" else absolute(argv[0], cwd)

"""Annotations for a pull request: GitHub Actions workflow commands, one a finding.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from pathlib import Path

from g2.capture.model import Break, Span
from g2.cli.summary import failure, summary
from g2.cli.text import clean, inline, own, place, plural, relative
from g2.cli.views import Output
from g2.explain.report import Finding, RecompileFinding, Report

SUFFIXES: tuple[str, ...] = ()


def render(report: Report, output: Output) -> str:
    """One warning a finding, the dearest first, and a notice with the summary.

    GitHub shows ten warnings of a step at most; the notice is there when they are cut off.
    """
    return annotated(report, output, "warning", notice("g2", summary(report, output.left_out)))


def annotated(report: Report, output: Output, level: str, head: str) -> str:
    """The command `head`, and one of `level` a finding, the dearest first."""
    cwd = report.session.cwd
    folders = cwd, output.workspace or cwd
    limit = output.limit or None
    lines = [head]
    if ended := failure(report.session):
        lines.append(command("warning", None, folders, "g2: the script failed", ended))
    for finding in report.findings[:limit]:
        span, message = _break(finding, cwd)
        lines.append(command(level, span, folders, f"graph break: {finding.reason.slug}", message))
    for change in report.recompiles[:limit]:
        span, message = _recompile(change, cwd)
        lines.append(command(level, span, folders, f"recompile: {change.reason}", message))
    lines += [command("warning", None, folders, "g2: not observed", lost) for lost in report.session.lost]
    return "\n".join(lines) + "\n"


def _break(finding: Finding, cwd: str) -> tuple[Span, str]:
    site = finding.place
    parts = [clean(finding.headline)]
    span = _nearest_own(site, cwd)
    if span != site.span:
        parts.append(f"The break is in {place(site.span, cwd)}, called from here.")
    parts.append(clean(finding.reason.why))
    parts += [clean(step) for step in finding.advice]
    if finding.after_effects:
        many = plural(len(finding.after_effects), "more break goes", "more breaks go")
        parts.append(f"{many} away with it.")
    return span, "\n".join(parts)


def _nearest_own(site: Break, cwd: str) -> Span:
    """Where to hang the annotation: GitHub can only show one on a file of the repository."""
    if site.owner.mine:
        return site.span
    spans = (frame.span for frame in reversed(site.stack))
    return next((s for s in spans if own(s.path, cwd)), site.span)


def _recompile(finding: RecompileFinding, cwd: str) -> tuple[Span, str]:
    recompile = finding.recompile
    times = "once" if recompile.count == 1 else plural(recompile.count, "time")
    parts = [
        clean(finding.headline),
        f"{inline(recompile.function)} was compiled again {times}.",
    ]
    if recompile.limit_hit:
        parts.append(f"The recompile limit was hit; after that {plural(recompile.eager_calls, 'call')} ran in eager.")
    parts += [clean(step) for step in finding.advice]
    site = recompile.call_site
    own_file = recompile.owner.mine or site is None
    return recompile.span if own_file or site is None else site, "\n".join(parts)


def notice(title: str, message: str) -> str:
    """A notice that belongs to no file."""
    return f"::notice title={_property(title)}::{_data(message)}"


def command(level: str, span: Span | None, folders: tuple[str, str], title: str, message: str) -> str:
    """One workflow command. folders: the working directory, and the root that GitHub names files from."""
    properties = {} if span is None else _location(span, *folders)
    properties["title"] = title
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{level} {listed}::{_data(message)}"


def _location(span: Span, cwd: str, root: str) -> dict[str, str]:
    """File and place as GitHub counts: lines and columns from 1; columns only within one line."""
    path = relative(str(Path(cwd) / span.path), root)
    location = {"file": path, "line": str(span.line)}
    end = max(span.end_line, span.line)
    if end == span.line and span.column >= 0:
        location["col"] = str(span.column + 1)
    location["endLine"] = str(end)
    if end == span.line and span.column >= 0 and span.end_column >= 0:
        location["endColumn"] = str(span.end_column + 1)
    return location


def _data(text: str) -> str:
    return clean(text).strip().replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(inline(text)).replace(":", "%3A").replace(",", "%2C")

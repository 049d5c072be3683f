"""Annotations for a pull request: an error for each place that fails, a warning for each other one."""

from __future__ import annotations

from g2.cli.scanning.result import Result
from g2.cli.scanning.words import in_root, not_scanned, notes, summary, unused
from g2.cli.views import Output
from g2.cli.views.github import command, notice
from g2.explain.catalog import everything


def render(result: Result, output: Output) -> str:
    """What fails first: GitHub shows ten annotations of a kind and step at most."""
    folders = result.cwd, output.workspace or result.cwd
    lines = [notice("g2 scan", " ".join([summary(result), *notes(result)]))]
    for sighting in sorted(result.shown, key=lambda s: s not in result.failing):
        level = "error" if sighting in result.failing else "warning"
        reason = everything().get(sighting.reason)
        parts = [sighting.headline, *sighting.because]
        parts += [reason.why, *(reason.steps[:1] or [f"g2 why {sighting.reason}"])] if reason else []
        lines.append(command(level, in_root(result, sighting.span), folders, sighting.reason, "\n".join(parts)))
    for one in result.unused_ignores:
        lines.append(command("warning", in_root(result, one.span), folders, "g2: unused ignore", unused(one.reason)))
    for span, why in map(not_scanned, result.unread):
        lines.append(command("warning", in_root(result, span), folders, "g2: not scanned", why))
    return "\n".join(lines) + "\n"

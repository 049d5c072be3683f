"""What is said of a run that was judged, and how to go on from there."""

from __future__ import annotations

import shlex
from pathlib import Path

from g2.cli.gating.judged import Judged, sentences
from g2.cli.gating.unknown import accepting
from g2.cli.text import inline
from g2.cli.views import Output, view
from g2.rewrite.listed import answering


def verdict_of(target: tuple[str, ...], judged: Judged, path: Path, *, writing: bool) -> str:
    """The outcome and what changed, in sentences."""
    verdict = "changes" if writing else "fails" if judged.fails else "passes"
    return f"{inline(shlex.join(target))} {verdict} against {path.name}: {' '.join(sentences(judged))}"


def drawn(form: str, judged: Judged, look: Output, verdict: str, writing: bool) -> str:
    """What is new in a form of `g2 explain`. Annotations of GitHub are errors where the gate fails."""
    if form != "github":
        return view(form).render(judged.report, look)
    from g2.cli.views.github import annotated, command, notice

    if not judged.fails or writing:
        return annotated(judged.report, look, "warning", notice("g2 gate", verdict))
    cwd = judged.report.session.cwd
    head = command("error", None, (cwd, look.workspace or cwd), "g2 gate", verdict)
    return annotated(judged.report, look, "error", head)


def ways_on(target: tuple[str, ...], judged: Judged, options: tuple[str, ...]) -> str:
    """The commands that a person may want after a gate that fails. options: those of `words_of`."""
    slugs = [finding.reason.slug for finding in judged.report.findings]
    slugs += [finding.reason for finding in judged.report.recompiles]
    tries = any(not rule.general for slug in slugs for rule in answering(slug))
    cure = f"`{shlex.join(['g2', 'fix', *target])}` tries rewrites for it; " if tries else ""
    return f"{cure}`{accepting(target, options)}` accepts it"

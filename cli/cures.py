"""What `g2 fix` has for the findings of a report: said in its last line, and in the JSON view."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from g2.capture.model import Span
from g2.cli.text import plural
from g2.cli.views import Cure
from g2.explain.report import Report
from g2.rewrite.listed import answering

RESULT = "fix.json"  # what g2 fix found out, beside the record

Cures = Mapping[Span, tuple[Cure, ...]]


def with_next_step(report: Report) -> Report:
    """The report, whose last line names `g2 fix` where a rule answers one of its findings."""
    slugs = [finding.reason.slug for finding in report.findings] + [finding.reason for finding in report.recompiles]
    answered = sum(any(not rule.general for rule in answering(slug)) for slug in slugs)
    if not answered or report.session.exit_code:
        return report
    places = "this place" if len(slugs) == 1 else f"{answered} of these {plural(len(slugs), 'place')}"
    if answered == len(slugs) > 1:
        places = f"these {plural(answered, 'place')}"
    return replace(report, next_step=f"`g2 fix` tries rewrites for {places}; `g2 why {slugs[0]}` explains the first.")


def cures(report: Report, record: Path | None) -> Cures:
    """For each break that is no after-effect: what g2 fix offers for it, where it has looked at this record; else the
    rules that answer its reason, with the most that each may reach.
    """
    offered = _offered(record / RESULT) if record is not None else None
    if offered is not None:
        return offered
    return {
        finding.place.span: tuple(
            Cure(one.slug, one.safety.value) for one in answering(finding.reason.slug) if not one.general
        )
        for finding in report.findings
    }


def _offered(file: Path) -> Cures | None:
    """None when g2 fix has not looked at the record, or what it found cannot be used."""
    try:
        data = json.loads(file.read_text("utf-8"))
        if data["format"] != 1:
            return None
        found: dict[Span, tuple[Cure, ...]] = {}
        for span, cure in offered(data["fixing"]):
            found[span] = (*found.get(span, ()), cure)
        return found
    except (OSError, ValueError, KeyError, TypeError):
        return None


def offered(fixing: Mapping[str, Any]) -> Iterator[tuple[Span, Cure]]:
    """Each place that an offer of a kept fix is for, with the offer. Raises KeyError, TypeError or ValueError when
    something else was kept.
    """
    for offer in fixing["offers"]:
        proposal = offer["proposal"]
        diffs = tuple((str(path), str(diff)) for path, diff in offer["diffs"])
        cure = Cure(str(proposal["rule"]), str(offer["safety"]), str(proposal["summary"]), diffs)
        for target in offer["targets"]:
            yield Span(**target["span"]), cure

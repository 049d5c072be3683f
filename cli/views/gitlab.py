"""GitLab's code quality report."""

from __future__ import annotations

from g2.cli.exchange import gitlab
from g2.cli.exchange.notice import of_report
from g2.cli.summary import summary
from g2.cli.views import Output
from g2.explain.report import Report

SUFFIXES = (".gl-code-quality.json",)


def render(report: Report, output: Output) -> str:
    """All findings, as many of each kind as a limit allows."""
    return gitlab.render(of_report(report, output, summary(report, output.left_out)))

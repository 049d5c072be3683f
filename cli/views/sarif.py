"""SARIF 2.1.0, for code scanning on GitHub and elsewhere."""

from __future__ import annotations

from g2.cli.exchange import sarif
from g2.cli.exchange.notice import of_report
from g2.cli.summary import summary
from g2.cli.views import Output
from g2.explain.report import Report

SUFFIXES = (".sarif", ".sarif.json")


def render(report: Report, output: Output) -> str:
    """All findings, as many of each kind as a limit allows."""
    return sarif.render(of_report(report, output, summary(report, output.left_out)))

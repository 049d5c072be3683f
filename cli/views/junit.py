"""JUnit's XML, for the test reports of CI services."""

from __future__ import annotations

from g2.cli.exchange import junit
from g2.cli.exchange.notice import of_report
from g2.cli.summary import summary
from g2.cli.views import Output
from g2.explain.report import Report

SUFFIXES = (".junit.xml", ".xml")


def render(report: Report, output: Output) -> str:
    """All findings, as many of each kind as a limit allows."""
    return junit.render(of_report(report, output, summary(report, output.left_out)))

"""JUnit's XML, for the test reports of CI services."""

from __future__ import annotations

from g2.cli.exchange import junit
from g2.cli.scanning.notices import of_scan
from g2.cli.scanning.result import Result
from g2.cli.views import Output


def render(result: Result, output: Output) -> str:
    """The places that are shown."""
    return junit.render(of_scan(result, output))

"""SARIF 2.1.0, for code scanning on GitHub and elsewhere."""

from __future__ import annotations

from g2.cli.exchange import sarif
from g2.cli.scanning.notices import of_scan
from g2.cli.scanning.result import Result
from g2.cli.views import Output


def render(result: Result, output: Output) -> str:
    """The places that are shown."""
    return sarif.render(of_scan(result, output))

"""A report as the output of a cell."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable
from typing import Any

from g2.capture.model import Span
from g2.cli.views import Output
from g2.explain.report import Report

_PLACE, _REST, _MOST = 420, 330, 900  # pixels: of a place, of what is around them, and of all
# What is shown comes from a run: in its frame the page may run its own script, and has no origin, forms or popups.
_FRAME = (
    '<iframe title="g2 report" sandbox="allow-scripts" srcdoc="{page}" '
    'style="width: 100%; height: {height}px; border: 1px solid rgba(128, 128, 128, 0.4); border-radius: 6px"></iframe>'
)
_NOUNS = ("g2.capture.model", "g2.explain.report")  # the modules of what a report is made of
_NOTHING = "Nothing was compiled: the cell called no nn.Module, and nothing that torch.compile returned."


class Shown:
    """Draws itself as a page where one can be shown, else as text. name: what a person calls a file."""

    def __init__(self, report: Report, *, verbose: bool, name: Callable[[str], str]) -> None:
        self.report: Report = _renamed(report, name)
        self._verbose = verbose

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        if not self.report.clean:
            from g2.cli.views.html import render

            many = len(self.report.findings) + len(self.report.recompiles)
            page = render(self.report, Output(verbose=self._verbose))
            bundle["text/html"] = _FRAME.format(page=html.escape(page), height=min(_REST + _PLACE * many, _MOST))
        return bundle

    def __repr__(self) -> str:
        from g2.cli.views.terminal import render

        if not (self.report.session.graphs or self.report.findings):
            return _NOTHING
        return render(self.report, Output(width=100, verbose=self._verbose)).rstrip("\n")


def _renamed(value: Any, name: Callable[[str], str]) -> Any:
    """The same with other paths in its spans."""
    if isinstance(value, Span):
        return dataclasses.replace(value, path=name(value.path))
    if isinstance(value, tuple):
        return tuple(_renamed(item, name) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and type(value).__module__ in _NOUNS:
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **{key: _renamed(item, name) for key, item in fields.items()})
    return value

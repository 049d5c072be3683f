"""`pytest --g2`: what was seen in each test, and the section of the terminal's summary that tells it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from g2.cli.testing.seen import Limits, Seen
from g2.cli.text import inline, place, plural

_FAILS = {"breaks": "max_breaks", "recompiles": "max_recompiles"}
_TESTS = 4  # names of tests told for one place
_seen: pytest.StashKey[Seen] = pytest.StashKey()


class Suite:
    """A plugin of its own, registered where --g2 is given. What a worker of xdist sees travels with its reports."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._tests: dict[str, dict[str, Any]] = {}
        self._why = ""

    @classmethod
    def of(cls, config: pytest.Config) -> Suite:
        """As the options and the ini-file say. Raises pytest.UsageError for what is not known."""
        fails: list[str] = list(_FAILS) if config.getoption("--g2-fail") else config.getini("g2_fail")
        for word in fails:
            if word not in _FAILS:
                raise pytest.UsageError(f"g2_fail takes {' and '.join(_FAILS)}, and not {word!r}")
        return cls(Limits(**{_FAILS[word]: 0 for word in fails}))

    def watching(self, item: pytest.Item, seen: Seen) -> None:
        """What will be known of a test when it has run."""
        item.stash[_seen] = seen

    def unseen(self, why: str) -> None:
        """Tests cannot be watched."""
        self._why = why

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, pytest.TestReport]:
        report: pytest.TestReport = yield
        if call.when == "call" and (seen := item.stash.get(_seen, None)) is not None:
            report.g2 = _told(seen)  # type: ignore[attr-defined]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told: dict[str, Any] | None = getattr(report, "g2", None)
        if told is not None:
            self._tests[report.nodeid] = told

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        out = terminalreporter
        out.section("graph breaks and recompiles")
        if self._why:
            out.line(f"Nothing was watched: {self._why}.")
            return
        compiled = {name: told for name, told in self._tests.items() if told["graphs"] or told["places"]}
        places: dict[tuple[str, str, str], list[str]] = {}
        for name, told in compiled.items():
            for where, slug, headline in told["places"]:
                places.setdefault((where, slug, headline), []).append(name)
        hit = {name for names in places.values() for name in names}
        out.line(_summary(len(places), len(hit), len(compiled)))
        for (where, slug, headline), names in places.items():
            out.line("")
            out.line(f"{where}: {slug}: {headline}")
            for name in names[:_TESTS]:
                out.line(f"    {name}")
            if len(names) > _TESTS:
                out.line(f"    and {plural(len(names) - _TESTS, 'more test')}")
        for what in dict.fromkeys(what for told in self._tests.values() for what in told["lost"]):
            out.line(f"Not observed: {what}")
        if places:
            out.line("")
            out.line(f"`g2 why {next(iter(places))[1]}` explains the first.")


def _summary(places: int, hit: int, compiled: int) -> str:
    if not compiled:
        return "No test compiled anything: none called an nn.Module or what torch.compile returns."
    if not places:
        return f"None in {plural(compiled, 'test')} that compiled something."
    noun = "place that breaks a graph or recompiles", "places that break graphs or recompile"
    return f"{plural(places, *noun)}, in {hit} of {plural(compiled, 'test')} that compiled something"


def _told(seen: Seen) -> dict[str, Any]:
    """Plain enough to be sent from one process to another."""
    report = seen.report
    cwd = report.session.cwd
    found = [(place(f.place.span, cwd), f.reason.slug, inline(f.headline)) for f in seen.breaks]
    found += [(place(f.recompile.span, cwd), f.reason, inline(f.headline)) for f in seen.recompiles]
    return {"places": [list(one) for one in found], "graphs": len(seen.graphs), "lost": list(report.session.lost)}

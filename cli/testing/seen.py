"""What Dynamo made of some code, and the limits that it is held against."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from g2.capture.inside import Recording
from g2.capture.inside import recording as recorded
from g2.capture.mine import is_mine
from g2.capture.model import Break, Frame, Graph, Session
from g2.cli.text import plural
from g2.explain.report import Finding, RecompileFinding, Report

_CLI = Path(__file__).parents[1]
_OURS = (_CLI, _CLI.with_name("capture"))
# What calls the code that a person wrote.
_RUNNERS = ("/IPython/core/interactiveshell.py", "/_pytest/python.py", "/unittest/case.py")
_WIDTH = 100  # columns of a failure's text


class Seen:
    """A report of what was compiled; empty until the code has run. Its text is what g2 explain would show."""

    def __init__(self) -> None:
        self._report: Report | None = None
        self.result: Any = None  # what the function returned that was called

    def _take(self, session: Session) -> None:
        from g2.explain.findings import report

        breaks = tuple(replace(found, stack=_led(found.stack, session.cwd)) for found in session.breaks)
        recompiles = tuple(replace(found, stack=_led(found.stack, session.cwd)) for found in session.recompiles)
        self._report = report(replace(session, breaks=breaks, recompiles=recompiles))

    @property
    def report(self) -> Report:
        """All of it. Raises RuntimeError before the code has run."""
        if self._report is None:
            raise RuntimeError("nothing is known before the code that is watched has run")
        return self._report

    @property
    def breaks(self) -> tuple[Finding, ...]:
        """One for each place that breaks a graph, dearest first."""
        return self.report.findings

    @property
    def recompiles(self) -> tuple[RecompileFinding, ...]:
        """One for each change that made Dynamo compile again."""
        return self.report.recompiles

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """All graphs that the backend was given, versions of one piece of code each by itself."""
        return self.report.session.graphs

    @property
    def counts(self) -> dict[str, int]:
        """Places that break, recompiles, and pieces: graphs of which versions are not counted."""
        return {
            "breaks": len(self.breaks),
            "recompiles": sum(finding.count for finding in self.recompiles),
            "graphs": len({graph.id.split("/")[0] + "#" + graph.id.partition("#")[2] for graph in self.graphs}),
        }

    def __str__(self) -> str:
        from g2.cli.views import Output
        from g2.cli.views.terminal import render

        return render(_uncosted(self.report), Output(width=_WIDTH)).rstrip("\n")


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is allowed of each; None is any number."""

    max_breaks: int | None = None
    max_recompiles: int | None = None
    max_graphs: int | None = None

    def broken(self, seen: Seen) -> list[str]:
        """What is more than allowed, in a few words each."""
        nouns = {"breaks": "place that breaks a graph", "recompiles": "recompile", "graphs": "graph"}
        many = {"breaks": "places that break a graph"}
        said = []
        for name, count in seen.counts.items():
            most: int | None = getattr(self, f"max_{name}")
            if most is not None and count > most:
                said.append(f"{plural(count, nouns[name], many.get(name))}, where max_{name} is {most}")
        return said

    def complaint(self, seen: Seen) -> str:
        """The text of a failure: what is more than allowed, and the report; empty when nothing is."""
        broken = self.broken(seen)
        if not broken:
            return ""
        said = "g2: " + "; ".join(broken)
        return said if seen.report.clean else f"{said}\n\n{seen}"


def _uncosted(report: Report) -> Report:
    """The report without what breaks cost a call: in a test graphs are run as they are, mostly once, so that says
    nothing of the program.
    """

    def place(found: Break) -> Break:
        return replace(found, cost=replace(found.cost, per_call_ms=None, samples=0, basis=""))

    findings = tuple(replace(finding, place=place(finding.place)) for finding in report.findings)
    session = replace(report.session, breaks=tuple(map(place, report.session.breaks)))
    return replace(report, findings=findings, session=session)


def _led(stack: tuple[Frame, ...], cwd: str) -> tuple[Frame, ...]:
    """A call path from the person's first line on: neither what runs tests or cells led to the place, nor g2."""
    steps = [(step, Path(cwd) / step.span.path) for step in stack]
    steps = [(step, path) for step, path in steps if not any(path.is_relative_to(folder) for folder in _OURS)]
    run = max((number for number, (_, path) in enumerate(steps) if str(path).endswith(_RUNNERS)), default=-1) + 1
    first = next((number for number, (_, path) in enumerate(steps) if number >= run and is_mine(str(path))), run)
    return tuple(step for step, _ in steps[first:])


@contextmanager
def seeing(what: str, *, modules: bool, hidden: bool = False) -> Iterator[tuple[Seen, Recording]]:
    """Watch what this process compiles while the context lasts; `what` is said to have been run.

    Raises NotHere when it cannot be watched.
    """
    seen = Seen()
    recording: Recording | None = None
    try:
        with recorded((what,), modules=modules, hidden=hidden) as recording, _untraced():
            yield seen, recording
    finally:
        if recording is not None and recording.session is not None:
            seen._take(recording.session)


@contextmanager
def _untraced() -> Iterator[None]:
    """Keep torch's structured trace out of the log that pytest shows of a test that fails: hundreds of lines without a
    word for people. Where TORCH_TRACE asks for it, it is written as ever.
    """
    logger = logging.getLogger("torch.__trace")
    level = logger.level
    if "TORCH_TRACE" not in os.environ:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def called(function: Callable[..., Any], calls: tuple[tuple[tuple[Any, ...], Mapping[str, Any]], ...]) -> Seen:
    """What Dynamo makes of calling a function or module so, one after the other. Raises what the function raises."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    with seeing(name, modules=False) as (seen, recording):
        for args, kwargs in calls:
            seen.result = recording.call(function, args, kwargs)
    return seen

"""What rules make of a generated script, and whether it still does the same: without the proof, and through it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from types import TracebackType
from typing import Any

from forked import ForkedScript, Server

from g2.capture.launch import Options
from g2.explain.findings import report
from g2.rewrite.edit import Overlap
from g2.rewrite.fix import fix
from g2.rewrite.model import Proposal, Safety
from g2.rewrite.plan import absolute, candidates
from g2.rewrite.source import Unreadable
from g2.rewrite.state import State

JUDGE = Path(__file__).with_name("fuzz_judge.py")
# Told, and not counted as wrong. What a call returns may be a tensor of its own where it was one of the inputs (the
# proof has the same rule); rules rest on the dtypes that the run had.
TOLD = frozenset({"aliasing", "other-dtype"})


@dataclass(frozen=True)
class Verdict:
    """One text that was proposed or offered, and how it differs."""

    rules: tuple[str, ...]
    safety: Safety
    caveat: str
    found: tuple[tuple[str, str, str], ...]  # tag, inputs, difference
    diff: str

    @property
    def wrong(self) -> tuple[tuple[str, str, str], ...]:
        """Differences that nobody named."""
        return tuple(one for one in self.found if one[0] not in TOLD and not self._named(*one))

    def _named(self, tag: str, _: str, what: str) -> bool:
        gradient = "gradient of" in what and "gradient" in self.caveat
        tensor = tag == "a tensor" and "is a tensor" in self.caveat
        return self.safety is Safety.ASK and (gradient or tensor)

    def __str__(self) -> str:
        lines = [f"{', '.join(self.rules)} ({self.safety}; {self.caveat or 'no caveat'})"]
        lines += [f"  with {inputs}: {what}" for _, inputs, what in self.wrong]
        return "\n".join([*lines, self.diff])


class Judge:
    """The process that runs both texts: fuzz_judge.py."""

    def __enter__(self) -> Judge:
        self._process = subprocess.Popen(
            [sys.executable, str(JUDGE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)

    def __call__(self, before: str, after: str, differs: frozenset[str]) -> tuple[tuple[str, str, str], ...]:
        """The differences, less those of the tags in `differs`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps({"before": before, "after": after}), file=self._process.stdin, flush=True)
        found: list[Any] = json.loads(self._process.stdout.readline())
        return tuple((tag, inputs, what) for tag, inputs, what in found if tag not in differs)


def body(text: str) -> str:
    """The module alone: what stands around it is not judged in eager."""
    return text.partition("class Net")[2].partition("def show")[0]


def proposed(script: str, server: Server, judge: Judge, folder: Path) -> Iterator[Verdict]:
    """Every proposal for the script, judged alone, as the rules make it: nothing was proved."""
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    session = server.run(path, once=True).session
    for place in candidates(report(session)):
        home = (absolute(place.target.span.path, session.cwd), place.target.span.line)
        for proposal in place.proposals:
            if proposal.safety is Safety.SHOW:
                continue
            try:
                state = State()
                after = state.plus(state.place(place.target, home, proposal)).changed()[str(path)].draw()
            except (Overlap, Unreadable):
                continue
            if body(after) != body(script):
                yield _verdict(script, after, (proposal,), proposal.safety, judge)


def offered(script: str, server: Server, judge: Judge, folder: Path) -> Iterator[Verdict]:
    """Every offer for the script alone, and all of them together, after the proof."""
    path, runs = folder / "script.py", folder / "runs"
    path.write_text(script, encoding="utf-8")
    runs.mkdir()
    result = fix(ForkedScript(Options((str(path),)), runs, server=server))
    offers = [one for one in result.fixing.offers if one.safety is not Safety.SHOW]
    together = [tuple(one.number for one in offers)] if len(offers) > 1 else []
    for numbers in [*((one.number, *one.needs) for one in offers), *together]:
        state = result.chosen(numbers)
        if str(path) not in state.changed():
            continue
        after = state.changed()[str(path)].draw()
        those = [one for one in offers if one.number in numbers]
        if body(after) != body(script):
            safety = max((one.safety for one in those), key=list(Safety).index)
            yield _verdict(script, after, tuple(one.proposal for one in those), safety, judge)


def _verdict(before: str, after: str, proposals: tuple[Proposal, ...], safety: Safety, judge: Judge) -> Verdict:
    differs = frozenset(tag for one in proposals for tag in one.differs)
    return Verdict(
        tuple(one.rule for one in proposals),
        safety,
        " ".join(one.caveat for one in proposals if one.caveat),
        judge(before, after, differs),
        "".join(unified_diff(before.splitlines(True), after.splitlines(True), "before", "after", n=2)),
    )

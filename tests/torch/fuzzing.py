"""What rules make of a generated script, and whether it still does the same: without the proof, and through it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from types import TracebackType
from typing import Any

from forked import ForkedScript, Server

from g2.capture.launch import Options
from g2.explain.findings import report
from g2.rewrite.edit import Overlap
from g2.rewrite.fix import Result, fix
from g2.rewrite.model import Alone, Offer, Proposal, Safety
from g2.rewrite.plan import absolute, candidates
from g2.rewrite.prove import Tried
from g2.rewrite.source import Unreadable
from g2.rewrite.state import Placed, State

JUDGE = Path(__file__).with_name("fuzz_judge.py")
# Told, and not counted as wrong. What a call returns may be a tensor of its own where it was one of the inputs (the
# proof has the same rule). Rules rest on the dtypes that the run had.
TOLD = frozenset({"aliasing", "other-dtype"})


@dataclass(frozen=True)
class Verdict:
    """One text that was proposed or offered, and how it differs."""

    name: str  # of the module
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
        tensor = tag == "a tensor" and "a tensor" in self.caveat
        return self.safety is Safety.ASK and (gradient or tensor)

    def __str__(self) -> str:
        lines = [f"{self.name}: {', '.join(self.rules)} ({self.safety}; {self.caveat or 'no caveat'})"]
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

    def __call__(
        self, before: str, after: str, differs: frozenset[str], name: str = "Net"
    ) -> tuple[tuple[str, str, str], ...]:
        """The differences of a class between two texts, less those of the tags in `differs`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        asked = {"before": before, "after": after, "name": name}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        found: list[Any] = json.loads(self._process.stdout.readline())
        named = differs | ({"more-requires-grad"} if "requires-grad" in differs else set())
        return tuple((tag, inputs, what) for tag, inputs, what in found if tag not in named)


def modules(text: str) -> dict[str, str]:
    """The modules of a script, by name: what stands around them is not judged in eager."""
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    lines = text.splitlines()
    return {node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in classes}


def changed(before: str, after: str) -> list[str]:
    """The names of the modules that are other than they were."""
    now = modules(after)
    return [name for name, text in modules(before).items() if now.get(name) != text]


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
            for name in changed(script, after):
                yield _verdict(script, after, (proposal,), proposal.safety, judge, name)


class _Counted(ForkedScript):
    """Remembers what was tried."""

    def __init__(self, options: Options, folder: Path, server: Server) -> None:
        ForkedScript.__init__(self, options, folder, server)
        self.keys: set[str] = set()

    @property
    def _seconds(self) -> float:
        """Not what the script took: on a busy machine that is much, and so many comparisons would be made."""
        return 0.0

    def trial(self, state: State, suspects: Sequence[Placed]) -> Tried:
        self.keys |= {one.key for one in suspects}
        return ForkedScript.trial(self, state, suspects)


@dataclass(frozen=True)
class Offered:
    """What the whole loop made of a script. tried: how many proposals were; verdicts: of the offers, of each module
    that one changes, and of what several change there together.
    """

    tried: int
    offers: tuple[Offer, ...]
    alone: tuple[Alone, ...]
    verdicts: tuple[Verdict, ...]
    comments_lost: tuple[str, ...]


def offered(script: str, server: Server, judge: Judge, folder: Path) -> Offered:
    """The script through the loop and its proof, and what came of it judged."""
    path, runs = folder / "script.py", folder / "runs"
    path.write_text(script, encoding="utf-8")
    runs.mkdir()
    bench = _Counted(Options((str(path),)), runs, server)
    result = fix(bench)
    verdicts = tuple(_verdicts(script, str(path), result, judge))
    text = result.state.changed()[str(path)].draw() if str(path) in result.state.changed() else script
    lost = tuple(one for one in _comments(script) if one not in _comments(text))
    return Offered(len(bench.keys), result.fixing.offers, result.fixing.alone, verdicts, lost)


def _verdicts(script: str, path: str, result: Result, judge: Judge) -> Iterator[Verdict]:
    offers = [one for one in result.fixing.offers if one.safety is not Safety.SHOW]
    safe = [one for one in offers if one.safety is Safety.SAFE]
    by_number = {one.number: one for one in offers}
    parts: dict[str, list[Offer]] = {}  # of each module, the offers that change it
    seen: set[tuple[str, str]] = set()
    for several in [*([one] for one in offers), safe, offers]:
        numbers = {number for one in several for number in (one.number, *one.needs)}
        texts = result.chosen(sorted(numbers)).changed() if numbers else {}
        if path not in texts:
            continue
        after = texts[path].draw()
        for name in changed(script, after):
            if len(several) == 1:
                parts.setdefault(name, []).extend(several)
            if (name, modules(after)[name]) in seen:
                continue
            seen.add((name, modules(after)[name]))
            those = [by_number[number] for number in sorted(numbers)] if len(several) == 1 else parts[name]
            those = [one for one in those if one.number in numbers]
            safety = max((one.safety for one in those), key=list(Safety).index)
            yield _verdict(script, after, [one.proposal for one in those], safety, judge, name)


def _comments(text: str) -> list[str]:
    return re.findall(r"# note .*", text)


def _verdict(
    before: str, after: str, proposals: Sequence[Proposal], safety: Safety, judge: Judge, name: str
) -> Verdict:
    differs = frozenset(tag for one in proposals for tag in one.differs)
    return Verdict(
        name,
        tuple(one.rule for one in proposals),
        safety,
        " ".join(one.caveat for one in proposals if one.caveat),
        judge(before, after, differs, name),
        "".join(unified_diff(before.splitlines(True), after.splitlines(True), "before", "after", n=2)),
    )

"""What a trial is asked, what is read from it, and what of it is remembered for the next."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from g2.capture.model import Span
from g2.rewrite.judge import changes_functions
from g2.rewrite.model import Edit, FileEdits, Proof, Proposal, Safety, Target
from g2.rewrite.proofs import Proofs
from g2.rewrite.state import Placed, State
from g2.rewrite.trial.asked import Asked

TEXT = "".join(f"def f{n}(x):\n    return x + {n}\n\n\n" for n in range(3))  # f0 at line 1, f1 at 5, f2 at 9


class Bench:
    """Plays trials: what each is asked, what it answers."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "script.py"
        self.path.write_text(TEXT)
        self.state = State()
        self.proofs = Proofs()
        self._folder = folder
        self._numbers = itertools.count()

    def cure(self, number: int, text: str = "x", differs: tuple[str, ...] = ()) -> Placed:
        at = TEXT.index(f"x + {number}")
        line = TEXT[:at].count("\n") + 1
        span = Span(str(self.path), line, 11, line, 16)
        files = (FileEdits(str(self.path), (Edit(at, at + 5, text),)),)
        proposal = Proposal("rule", "what", Safety.SAFE, files, tests=(span,), differs=frozenset(differs))
        target = Target("host-value", span, f"f{number}", "headline", True)
        return self.state.place(target, (str(self.path), line), proposal)

    def trial(self, *suspects: Placed, outcome: str = "same", side: bool = True) -> tuple[Asked, dict[str, Proof]]:
        """A run with these in place that compares what it is asked to; sides: one way of each test, and a note."""
        record = self._folder / f"record-{next(self._numbers)}"
        record.mkdir()
        state = self.state
        for one in suspects:
            state = state.plus(one)
        self.proofs.ask(record, state, suspects, 1.0)
        asked = Asked.read(record)
        assert asked.functions is not None
        events: list[dict[str, Any]] = [
            {"e": "trial", "what": f"at {line}", "path": path, "line": line, "inputs": "as recorded",
             "outcome": outcome, "detail": ""}
            for path, line in sorted(asked.functions - asked.known)
        ]  # fmt: skip
        events += [{"e": "trial", "what": "root", "path": "", "line": 0, "inputs": "compiled", "outcome": "same"}]
        names = ("path", "line", "column", "end_line", "end_column")
        events += [
            {"e": "side", **dict(zip(names, test, strict=True)), "true": side, "false": not side}
            for test in asked.tests
            if not any(test[0] == path and line <= test[1] <= line + 1 for path, line in asked.known)
        ]
        (record / "trial-1-0.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
        return asked, self.proofs.read(record, state, suspects)

    def lines(self, places: frozenset[tuple[str, int]] | None) -> set[int]:
        assert places is not None
        return {line for _, line in places}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_was_compared_is_not_asked_for_again(bench: Bench) -> None:
    one, two = bench.cure(0), bench.cure(1)
    first, before = bench.trial(one, two)
    assert (bench.lines(first.functions), first.known) == ({1, 5}, frozenset())
    again, after = bench.trial(two)
    assert (bench.lines(again.functions), bench.lines(again.known)) == ({5}, {5})
    assert after[two.key] == before[two.key]
    assert [trial.what for trial in after[two.key].trials] == ["at 5", "root"]
    assert after[two.key].sides == ((one_side(two), True, False),)


def one_side(one: Placed) -> Span:
    return one.tests[0]


def test_another_text_is_compared_anew(bench: Bench) -> None:
    bench.trial(bench.cure(0))
    asked, proofs = bench.trial(bench.cure(0, "x * 1"), side=False)
    assert asked.known == frozenset()
    (proof,) = proofs.values()
    assert proof.sides[0][1:] == (False, True)


def test_another_way_of_comparing_is_a_comparison_of_its_own(bench: Bench) -> None:
    bench.trial(bench.cure(0, differs=("random",)))
    assert bench.trial(bench.cure(0))[0].known == frozenset()


def test_what_was_compared_strictly_is_known_where_more_is_allowed(bench: Bench) -> None:
    one = bench.cure(0)
    bench.trial(one)
    bench.state = bench.state.plus(bench.cure(1, differs=("random",)))
    assert bench.lines(bench.trial(one)[0].known) == {1}


def test_what_only_dynamo_is_told_is_not_compared(bench: Bench) -> None:
    bench.path.write_text(f"import torch\n{TEXT}")
    source = bench.state.original(str(bench.path))
    at = source.text.index("    return x + 0")
    mark = FileEdits(str(bench.path), (Edit(at, at, "    torch._dynamo.mark_dynamic(x, 0)\n"),))
    target = Target("changing-size", Span(str(bench.path), 2), "f0", "headline", True, kind="recompile")
    asked, proofs = bench.trial(
        bench.state.place(target, (str(bench.path), 2), Proposal("rule", "what", Safety.SAFE, (mark,)))
    )
    assert bench.lines(asked.functions) == bench.lines(asked.known) == {2}
    assert [trial.what for proof in proofs.values() for trial in proof.trials] == ["root"]


def test_nothing_is_remembered_of_a_run_in_which_something_differs(bench: Bench) -> None:
    one = bench.cure(0)
    _, proofs = bench.trial(one, outcome="differs")
    assert proofs[one.key].wrong
    asked, proofs = bench.trial(one)
    assert asked.known == frozenset()
    assert not proofs[one.key].wrong


def test_without_suspects_the_whole_is_in_question(bench: Bench) -> None:
    bench.state = bench.state.plus(bench.cure(0)).plus(bench.cure(2))
    asked, proofs = bench.trial()
    assert bench.lines(asked.functions) == bench.lines(asked.known) == {1, 9}
    assert proofs == {}


@pytest.mark.parametrize(("took", "may"), [(0.5, 4.0), (30.0, 30.0)])
def test_comparing_takes_no_longer_than_the_script(bench: Bench, tmp_path: Path, took: float, may: float) -> None:
    one = bench.cure(0)
    bench.proofs.ask(tmp_path, bench.state.plus(one), [one], took)
    assert Asked.read(tmp_path).seconds == may


LOADED = "import torch as th\n\n\ndef f(x, g):\n    y = x + 1\n    return y * 2\n"
TOLD = (
    ("    y = x", "    th._dynamo.maybe_mark_dynamic(x, 0)\n    y = x", False),
    ("    y = x", "    th._dynamo.config.allow_rnn = True\n    y = x", False),
    ("def f", "@th.compiler.disable\ndef f", False),
    ("x + 1", "x  +  1  # one", False),
    ("x + 1", "th.compile(g)(x) + 1", True),
    ("x + 1", "th._dynamo.nonstrict_trace(g)(x) + 1", True),
    ("    y = x", "    th.manual_seed(0)\n    y = x", True),
)


@pytest.mark.parametrize(("old", "new", "changes"), TOLD)
def test_what_dynamo_is_told_changes_no_function(tmp_path: Path, old: str, new: str, changes: bool) -> None:
    path = tmp_path / "told.py"
    path.write_text(LOADED)
    at = LOADED.index(old)
    files = (FileEdits(str(path), (Edit(at, at + len(old), new),)),)
    target = Target("host-value", Span(str(path), 5), "f", "headline", True)
    state = State()
    one = state.place(target, (str(path), 5), Proposal("rule", "what", Safety.SAFE, files))
    assert changes_functions(one, state) is changes

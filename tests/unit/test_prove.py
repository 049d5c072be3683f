"""The loop of trials, on a bench that stands for the script: which cures are tried together, dropped, separated.

The bench plays a script whose file holds lines such as `item(3)`: each is a break until it is rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from g2.capture.model import Break, Effect, Owner, Root, Session, Span
from g2.explain.findings import report
from g2.rewrite import fix as fix_module
from g2.rewrite import judge, plan
from g2.rewrite.cases import Case, Cases
from g2.rewrite.fix import fix, why
from g2.rewrite.judge import Run
from g2.rewrite.model import FileEdits, Left, Proof, Proposal, Safety, Trial
from g2.rewrite.prove import Loop, Tried
from g2.rewrite.rule import Rule
from g2.rewrite.site import Site
from g2.rewrite.state import Placed, State

SCRIPT = "import torch\n" + "".join(f"\n\ndef f{n}(x):\n    return item({n})\n" for n in range(8))


def propose(*texts: str) -> Callable[[Site], Iterator[Proposal | Left]]:
    def made(site: Site) -> Iterator[Proposal | Left]:
        number = site.piece.code(site.node)[5:-1]
        for text in texts:
            edit = site.piece.replace(site.node, text.format(n=number))
            yield Proposal("", text, Safety.SAFE, (FileEdits(site.source.path, (edit,)),))

    return made


def rule(*texts: str) -> Rule:
    return Rule("t", ("host-value",), "l", Safety.SAFE, propose(*texts), (), slug="rule")


@dataclass
class Play:
    """Plays the script: `item(n)` breaks, `bad` makes it fail, `other` prints something else, `new(n)` breaks too."""

    path: str
    hidden: frozenset[str] = frozenset()  # lines met only when no `item(` stands before them
    wrong: str = ""  # text that the proof speaks against
    raises: str = ""  # text with which Dynamo itself raises, elsewhere in the file
    unless: str = ""  # text beside which it does not
    fails_hidden: bool = False  # that failure stands behind a break, and the unchanged script has it
    proof: Callable[[Placed], Proof] | None = None  # instead of one comparison that agrees
    together: Callable[[Sequence[Placed]], Proof] | None = None  # the same of all suspects of a run
    trials: list[str] = field(default_factory=list)
    runs: int = 0

    def run(self, text: str) -> Run:
        breaks = []
        for number, line in enumerate(text.splitlines(), start=1):
            for found in re.finditer(r"(item|new)\((\d+)\)", line):
                if line.strip() in self.hidden and breaks:
                    continue
                span = Span(self.path, number, found.start(), number, found.end())
                breaks.append(
                    Break(span, "GB0124", "Unsupported Tensor.item() call with capture_scalar_outputs=False", "", "f",
                          None, (), 1, 1, Owner(True), Effect.SPLIT)
                )  # fmt: skip
        before = self.fails_hidden and text == Path(self.path).read_text()
        if before or (self.raises and self.raises in text and not (self.unless and self.unless in text)):
            breaks.append(
                Break(Span(self.path, 2), None, "AssertionError", "", "g", None, (), 1, 1, Owner(True), Effect.RAISED,
                      hidden=before)
            )  # fmt: skip
        failed = "bad" in text
        session = Session("0", (self.path,), str(Path(self.path).parent), int(failed), "3.11.0", "2.13.0", "cpu", 0.0,
                          1.0, (Root("f", Span(self.path, 1), 1, "script"),), tuple(breaks),
                          script_error="ValueError: bad" if failed else None)  # fmt: skip
        return Run(report(session), b"other\n" if "other" in text else b"fine\n")

    def before(self) -> Run:
        return self.run(Path(self.path).read_text())

    def masked(self) -> frozenset[bytes]:
        return frozenset()

    def trial(self, state: State, suspects: Sequence[Placed]) -> Tried:
        text = state.text(self.path).draw()
        self.trials.append(text)
        wrong = Trial("f", "x negated", "differs", "output 0 differs")
        right = Trial("f", "as recorded", "same")
        proofs = {
            one.key: Proof((wrong if self.wrong and self.wrong in str(one.files) else right,)) for one in suspects
        }
        if self.proof is not None:
            proofs = {one.key: self.proof(one) for one in suspects}
        if self.together is not None:
            proofs = {one.key: self.together(suspects) for one in suspects}
        return Tried(self.run(text), proofs)


@pytest.fixture
def turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Loop, Play]]:
    path = tmp_path / "script.py"

    def turned(rules: Iterable[Rule], script: str = SCRIPT, **play: object) -> tuple[Loop, Play]:
        path.write_text(script)
        monkeypatch.setattr(plan, "rules_for", lambda reason: tuple(rules) if reason == "host-value" else ())
        bench = replace(Play(str(path)), **play)  # type: ignore[arg-type]
        loop = Loop(bench, Cases())
        loop.turn()
        return loop, bench

    return turned


def kept(loop: Loop) -> str:
    path = next(iter(loop.state.changed()), None)
    return loop.state.text(path).draw() if path else SCRIPT


def refusals(loop: Loop) -> list[str]:
    return [left.why for case in loop.cases.met.values() for left in case.left]


def test_cures_that_hold_cost_one_run_however_many(turn: Callable[..., tuple[Loop, Play]]) -> None:
    loop, bench = turn([rule("tensor({n})")])
    assert kept(loop) == SCRIPT.replace("item", "tensor")
    assert len(bench.trials) == 1


def test_what_still_breaks_is_replaced_by_the_next_proposal(turn: Callable[..., tuple[Loop, Play]]) -> None:
    loop, bench = turn([rule("item({n}) + 0", "tensor({n})")])
    assert kept(loop) == SCRIPT.replace("item", "tensor")
    assert len(bench.trials) == 2
    assert any(why.startswith("the graph still breaks there") for why in refusals(loop))


def test_another_break_in_the_same_function_is_no_gain(turn: Callable[..., tuple[Loop, Play]]) -> None:
    loop, _ = turn([rule("tensor({n}); new(1)")])
    assert kept(loop) == SCRIPT


def test_one_that_fails_is_separated_from_those_that_hold(turn: Callable[..., tuple[Loop, Play]]) -> None:
    odd = Rule("t", ("host-value",), "l", Safety.SAFE, _bad_at_5, (), slug="rule")
    loop, bench = turn([odd])
    assert kept(loop) == SCRIPT.replace("item", "tensor").replace("tensor(5)", "item(5)")
    assert len(bench.trials) <= 2 * 3 + 2  # eight suspects: three halvings, and those that confirm
    assert any("ends with exit code 1 (ValueError: bad)" in why for why in refusals(loop))


def test_another_output_refuses(turn: Callable[..., tuple[Loop, Play]]) -> None:
    loop, _ = turn([rule("tensor({n}) + other")])
    assert kept(loop) == SCRIPT
    assert any("stdout is 'other', not 'fine'" in why for why in refusals(loop))


def test_a_cure_with_which_dynamo_itself_raises_is_refused(turn: Callable[..., tuple[Loop, Play]]) -> None:
    loop, _ = turn([rule("tensor({n})")], raises="tensor(3)")
    assert kept(loop) == SCRIPT.replace("item", "tensor").replace("tensor(3)", "item(3)")
    assert any(why.startswith("Dynamo itself raises then, at line ") for why in refusals(loop))


def test_dynamo_that_failed_behind_a_break_may_not_fail_in_the_run_itself(
    turn: Callable[..., tuple[Loop, Play]],
) -> None:
    loop, _ = turn([rule("tensor({n})")], raises="tensor(3)", fails_hidden=True)
    assert kept(loop) == SCRIPT.replace("item", "tensor").replace("tensor(3)", "item(3)")


def test_a_cure_that_makes_dynamo_raise_has_another_turn_beside_a_later_one_of_its_function(
    turn: Callable[..., tuple[Loop, Play]],
) -> None:
    def late(site: Site) -> Iterator[Proposal | Left]:
        for made in propose("tensor({n})")(site):
            if isinstance(made, Proposal) and "(0)" in made.summary.format(n=site.piece.code(site.node)[5:-1]):
                made = replace(made, differs=frozenset({"zero-gradient"}))  # those that name a difference come later
            yield made

    both = "import torch\n\n\ndef f(x):\n    x = item(0)\n    return item(1)\n"
    script = both + "\n\ndef g(x):\n    return item(2)\n"
    rules = [Rule("t", ("host-value",), "l", Safety.SAFE, late, (), slug="rule")]
    loop, bench = turn(rules, script, raises="tensor(1)", unless="tensor(0)")
    assert kept(loop) == script.replace("item", "tensor")
    loop, bench = turn(rules, script, raises="tensor(1)")  # the second time is the last
    assert kept(loop) == script.replace("item", "tensor").replace("tensor(1)", "item(1)")
    assert len(bench.trials) <= 6
    loop, bench = turn(rules, script, raises="tensor(2)")  # nothing came to its function
    assert kept(loop) == script.replace("item", "tensor").replace("tensor(2)", "item(2)")
    assert sum("tensor(2)" in text for text in bench.trials) == 2


def test_what_the_proof_speaks_against_is_dropped_alone(turn: Callable[..., tuple[Loop, Play]]) -> None:
    loop, bench = turn([rule("tensor({n})")], wrong="tensor(3)")
    assert kept(loop) == SCRIPT.replace("item", "tensor").replace("tensor(3)", "item(3)")
    assert len(bench.trials) == 2
    assert "f with x negated: output 0 differs" in refusals(loop)


def test_of_two_in_one_function_only_the_one_to_blame_goes(turn: Callable[..., tuple[Loop, Play]]) -> None:
    both = "import torch\n\n\ndef f(x):\n    x = item(0)\n    return item(1)\n"
    wrong = Trial("f", "x negated", "differs", "output 0 differs")

    def trusted(site: Site) -> Iterator[Proposal | Left]:
        for one in propose("tensor({n})")(site):
            asks = isinstance(one, Proposal) and site.piece.code(site.node) == "item(0)"
            yield replace(one, safety=Safety.ASK) if asks else one  # type: ignore[type-var]

    def proof(placed: Sequence[Placed]) -> Proof:
        return Proof((wrong if any("tensor(0)" in str(one.files) for one in placed) else AGREES,))

    asking = Rule("t", ("host-value",), "l", Safety.SAFE, trusted, (), slug="rule")
    loop, bench = turn([asking], script=both, together=proof)
    assert kept(loop) == both.replace("item(1)", "tensor(1)")
    assert len(bench.trials) == 2


def test_a_cure_that_needs_both_ways_seen_is_refused_without(turn: Callable[..., tuple[Loop, Play]]) -> None:
    def made(site: Site) -> Iterator[Proposal | Left]:
        for one in propose("tensor({n})")(site):
            assert isinstance(one, Proposal)
            yield replace(one, tests=(site.span,), both=True)

    both = Rule("t", ("host-value",), "l", Safety.SAFE, made, (), slug="rule")
    for seen, text in ((True, SCRIPT.replace("item", "tensor")), (False, SCRIPT)):

        def proof(one: Placed, seen: bool = seen) -> Proof:
            return Proof((Trial("f", "as recorded", "same"),), ((one.proposal.tests[0], True, seen),))

        loop, _ = turn([both], proof=proof)
        assert kept(loop) == text
        assert seen or all("seen only one way" in said for said in refusals(loop))


def test_a_place_with_no_rewrite_is_asked_again_once_another_is_cured(
    turn: Callable[..., tuple[Loop, Play]],
) -> None:
    def made(site: Site) -> Iterator[Proposal | Left]:
        if site.piece.code(site.node) == "item(1)" and "item(0)" in site.source.text:
            yield Left("item(0) stands in the way")
        else:
            yield from propose("tensor({n})")(site)

    loop, bench = turn([Rule("t", ("host-value",), "l", Safety.SAFE, made, (), slug="rule")])
    assert kept(loop) == SCRIPT.replace("item", "tensor")
    assert len(bench.trials) == 2
    assert refusals(loop) == []


def test_what_appears_behind_feeds_the_next_round(turn: Callable[..., tuple[Loop, Play]]) -> None:
    loop, bench = turn([rule("tensor({n})")], hidden=frozenset({"return item(7)"}))
    assert kept(loop) == SCRIPT.replace("item", "tensor")
    assert len(bench.trials) == 2
    assert loop.rounds == 2


def test_two_breaks_on_one_line_are_two_places(turn: Callable[..., tuple[Loop, Play]]) -> None:
    two = SCRIPT.replace("item(3)", "item(3) + item(9)")
    loop, bench = turn([rule("tensor({n})")], script=two)
    assert kept(loop) == two.replace("item", "tensor")
    assert len(bench.trials) == 1


MOVED = "import torch\n\n\ndef f(x):\n    x = item(0)\n    return item(7)\n"


def test_a_break_that_comes_instead_may_be_cured_by_the_next_round(turn: Callable[..., tuple[Loop, Play]]) -> None:
    loop, _ = turn([rule("tensor({n})")], script=MOVED, hidden=frozenset({"return item(7)"}))
    assert kept(loop) == MOVED.replace("item", "tensor")


def test_a_cure_that_only_moves_a_break_is_taken_back(turn: Callable[..., tuple[Loop, Play]]) -> None:
    def first_only(site: Site) -> Iterator[Proposal | Left]:
        if site.piece.code(site.node) == "item(0)":
            yield from propose("tensor({n})")(site)

    only = Rule("t", ("host-value",), "l", Safety.SAFE, first_only, (), slug="rule")
    loop, _ = turn([only], script=MOVED, hidden=frozenset({"return item(7)"}))
    assert kept(loop) == SCRIPT
    assert any(why.startswith("another break comes instead, at line 6") for why in refusals(loop))


AGREES = Trial("f", "as recorded", "same")


@pytest.mark.parametrize(
    ("proof", "safety"),
    [
        (Proof((AGREES,)), Safety.SAFE),
        (Proof(), Safety.ASK),
        (Proof((replace(AGREES, root=True),)), Safety.ASK),
        (Proof((replace(AGREES, outcome="refused"),)), Safety.ASK),
        (Proof((AGREES,), ((Span("x.py", 1), True, False),)), Safety.ASK),
        (Proof((AGREES,), ((Span("x.py", 1), True, True),)), Safety.SAFE),
        (Proof((AGREES,), notes=("Generators were not compared.",)), Safety.ASK),
    ],
    ids=["compared", "not reached", "only a whole call", "only refusals", "one side", "both sides", "a note"],
)
def test_what_is_safe_is_what_was_compared(
    turn: Callable[..., tuple[Loop, Play]], proof: Proof, safety: Safety
) -> None:
    _, bench = turn([rule("tensor({n})")], proof=lambda one: proof)
    result = fix(replace(bench, trials=[]))
    assert {offer.safety for offer in result.fixing.offers} == {safety}
    assert (result.fixing.before.breaks, result.fixing.after.breaks) == (8, 0)


def test_an_offer_needs_what_stood_before_its_place(turn: Callable[..., tuple[Loop, Play]]) -> None:
    _, bench = turn([rule("tensor({n})")], script=MOVED, hidden=frozenset({"return item(7)"}))
    result = fix(replace(bench, trials=[]))
    assert [offer.needs for offer in result.fixing.offers] == [(), (1,)]
    alone = result.chosen([1]).text(bench.path).draw()
    assert alone == MOVED.replace("item(0)", "tensor(0)")


def test_nothing_to_propose_runs_nothing(turn: Callable[..., tuple[Loop, Play]]) -> None:
    loop, bench = turn([])
    assert not bench.trials
    assert "no rule answers this kind of break (host-value)" in refusals(loop)


def _bad_at_5(site: Site) -> Iterator[Proposal | Left]:
    number = site.piece.code(site.node)[5:-1]
    text = f"tensor({number})" + (" + bad" if number == "5" else "")
    edit = site.piece.replace(site.node, text)
    yield Proposal("", text, Safety.SAFE, (FileEdits(site.source.path, (edit,)),))


@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("item({n}) + 0",),
        ("tensor({n}); new(1)",),
        ("tensor({n}) + other",),
        tuple(f"item({{n}}) + {m}" for m in range(40)),
    ],
    ids=["no proposal", "still breaks", "another break", "another output", "more than are tried"],
)
@pytest.mark.parametrize("only", [(), ("another-rule",)])
def test_every_place_that_is_left_alone_has_a_reason(
    turn: Callable[..., tuple[Loop, Play]], texts: tuple[str, ...], only: tuple[str, ...]
) -> None:
    _, bench = turn([rule(*texts)])
    alone = fix(Play(bench.path), only).fixing.alone
    assert len(alone) == SCRIPT.count("item")
    assert all(one.why and all(why.strip() for why in one.why) for one in alone)


def test_a_case_of_which_nothing_is_known_has_a_reason_too(turn: Callable[..., tuple[Loop, Play]]) -> None:
    loop, _ = turn([rule("tensor({n})")])
    met = next(iter(loop.cases.met.values()))
    for case in (Case(met.target, met.home, ()), Case(met.target, met.home, (), tried=["1"]), met):
        assert all(why(case, loop)) and why(case, loop)


def test_a_place_that_breaks_for_another_reason_now_is_told_once(turn: Callable[..., tuple[Loop, Play]]) -> None:
    loop, _ = turn([])
    first = next(iter(loop.cases.met.values()))
    path, line, column, _ = first.home
    gone = (path, line, column + 1, "another-reason")
    loop.cases.met[gone] = Case(replace(first.target, reason="another-reason"), gone, ())
    assert [one.target.reason for one in fix_module._alone(loop, ()) if one.target.span.line == line] == ["host-value"]


def test_a_warning_may_stand_at_another_line() -> None:
    before = b'run.py:33: UserWarning: careful\n  warnings.warn("careful")\nlost: x\n'
    assert not judge.missing(before, b"torch said\nrun.py:35: UserWarning: careful\n  _warn()\nlost: x\n")
    assert "UserWarning: other" in judge.missing(before.replace(b"careful", b"other"), before)
    assert "'lost: x'" in judge.missing(before, before.replace(b"lost", b"found"))


def test_what_the_compiler_warns_of_goes_with_its_cause() -> None:
    warned = b"/a/torch/_dynamo/variables/functions.py:24: UserWarning: it cannot\nwrap it\n  warn_once(it)\n"
    assert not judge.missing(b"one\n" + warned + b"two\n", b"one\ntwo\n")
    assert "'two'" in judge.missing(b"one\n" + warned + b"two\n", b"one\n")
    assert "'wrap it'" in judge.missing(warned[: warned.index(b"  warn")] + b"two\n", b"one\n")
    assert "UserWarning" in judge.missing(warned.replace(b"torch/_dynamo", b"torch/nn"), b"one\n")

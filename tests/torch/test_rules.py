"""Every rule's examples, judged by real captures.

`before` breaks (or is compiled again) for a reason that the rule answers; what the rule proposes there gives `after`,
byte for byte; `after` captures clean and prints the same. Negatives: the rule is asked, and proposes nothing. Some
examples also go through the whole loop with its proof, all of them in the slow tests.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from forked import ForkedScript, Ran, Server

from g2.capture.launch import Options
from g2.explain.findings import report
from g2.rewrite import judge, plan
from g2.rewrite.catalog import rules
from g2.rewrite.edit import Overlap
from g2.rewrite.fix import fix
from g2.rewrite.model import Safety
from g2.rewrite.plan import Candidates, absolute, candidates
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.state import State

pytestmark = pytest.mark.torch

PROVED = frozenset(
    {
        "answer-as-tensor",
        "branch-to-where",
        "draw-in-operator",
        "early-return-to-where",
        "item-kept-as-tensor",
        "message-in-operator",
        "size-marked-dynamic",
    }
)  # rules whose first example goes through the whole loop in `make test`

# Negatives where another reason is told, or none: what is shown is that the rule has no part in it.
NOT_ASKED = frozenset(
    {
        "compiled-dynamic: a dtype changed",
        "context-skipped-in-graphs: a context of the script's own",
        "context-skipped-in-graphs: the random state is kept by it",
        "guard-to-async-assert: the values at the place are no truth of one tensor",
        "option-allow-rnn: a cell is captured anyway",
        "option-allow-rnn: the module runs outside of what is compiled",
        "option-trace-autograd-ops: the gradient is taken outside of what is compiled",
        "option-trace-autograd-ops: torch.func.grad is captured anyway",
        "size-marked-dynamic: the size is marked already",
        "size-marked-unbacked: sizes that are neither 0 nor 1",
    }
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("rules")) as started:
        yield started


@pytest.fixture
def alone(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other rule is asked."""
    monkeypatch.setattr(plan, "rules_for", lambda reason: (rule,) if reason in rule.answers else ())


def ran(server: Server, path: Path, text: str) -> Ran:
    path.write_text(text, encoding="utf-8")
    found = server.run(path)
    assert found.session.roots, f"nothing was captured: {found.stderr[-2000:]}"
    assert not found.session.lost, found.session.lost
    return found


def told(found: Ran) -> str:
    """The findings, for a message of a test."""
    said = report(found.session)
    lines = [f"line {one.place.span.line}: {one.reason.slug}, {one.headline}" for one in said.findings]
    return "; ".join([*lines, *(f"recompile: {one.reason}, {one.headline}" for one in said.recompiles)])


def written(found: Ran, asked: list[Candidates]) -> str:
    """The script with the best proposal for every place, as far as they fit together."""
    state = State()
    for one in asked:
        home = (absolute(one.target.span.path, found.session.cwd), one.target.span.line)
        for proposal in one.proposals[:1]:
            try:
                state = state.plus(State().place(one.target, home, proposal))
            except Overlap:
                continue
    path = found.session.argv[0]
    return state.changed()[path].draw() if path in state.changed() else ""


def unplaced(stderr: str) -> bytes:
    """Without the places that warnings name, and the lines of source that they show: these are what changed."""
    lines = (re.sub(r"^\S*example\.py:\d+: ", "", line) for line in stderr.splitlines())
    return "\n".join(line for line in lines if not line.startswith("  ")).encode()


def counted(found: Ran, rule: Rule) -> int:
    """How often the situations that the rule answers are met."""
    said = report(found.session)
    breaks = sum(one.reason.slug in rule.answers for one in said.findings)
    return breaks + sum(one.recompile.count for one in said.recompiles if one.reason in rule.answers)


EXAMPLES = [pytest.param(rule, one, id=f"{rule.slug}: {one.name}") for rule in rules() for one in rule.examples]
NEGATIVES = [pytest.param(rule, one, id=f"{rule.slug}: {one.name}") for rule in rules() for one in rule.negatives]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
@pytest.mark.usefixtures("alone")
def test_example(rule: Rule, example: Example, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "example.py"
    before = ran(server, path, example.before)
    assert before.session.exit_code == 0, before.stderr[-2000:]
    assert counted(before, rule), f"nothing that the rule answers: {told(before)}"
    asked = list(candidates(report(before.session)))
    got = written(before, asked)
    if got != example.after:
        left = [one.why for place in asked for one in place.left]
        gap = difflib.unified_diff(example.after.splitlines(), got.splitlines(), "the example", "the rule", lineterm="")
        pytest.fail("\n".join([f"left: {left}", *gap]))

    after = ran(server, path, example.after)
    assert after.session.exit_code == 0, after.stderr[-2000:]
    said = report(after.session)
    assert not said.findings, told(after)
    assert not counted(after, rule), told(after)
    assert after.stdout == before.stdout
    assert judge.missing(unplaced(before.stderr), unplaced(after.stderr)) == ""


@pytest.mark.parametrize(("rule", "negative"), NEGATIVES)
@pytest.mark.usefixtures("alone")
def test_negative(rule: Rule, negative: Negative, server: Server, tmp_path: Path) -> None:
    found = ran(server, tmp_path / "negative.py", negative.script)
    if f"{rule.slug}: {negative.name}" not in NOT_ASKED:
        assert counted(found, rule), f"the rule is not asked at all: {told(found)}; {found.stderr[-2000:]}"
    else:
        assert not counted(found, rule), "it is asked: take it out of NOT_ASKED"
    asked = list(candidates(report(found.session)))
    if rule.safety is not Safety.SHOW:
        assert [one.summary for place in asked for one in place.proposals] == []
    for place in asked:
        for one in place.left:
            assert one.why.strip() and not one.why.endswith("."), "a clause that follows `left alone: `"


def whole() -> Iterator[ParameterSet]:
    for rule in rules():
        for number, one in enumerate(rule.examples):
            marks = [] if number == 0 and rule.slug in PROVED else [pytest.mark.slow]
            yield pytest.param(rule, one, id=f"{rule.slug}: {one.name}", marks=marks)


@pytest.mark.parametrize(("rule", "example"), list(whole()))
def test_proved(rule: Rule, example: Example, server: Server, tmp_path: Path) -> None:
    """The whole loop with this rule alone offers the example, and finds nothing against it."""
    path, folder = tmp_path / "example.py", tmp_path / "runs"
    path.write_text(example.before, encoding="utf-8")
    folder.mkdir()
    bench = ForkedScript(Options((str(path),)), folder, server=server)
    result = fix(bench, (rule.slug,))
    why = [f"{one.target.headline}: {', '.join(one.why)}" for one in result.fixing.alone]
    assert result.fixing.offers, why
    assert {one.proposal.rule for one in result.fixing.offers} == {rule.slug}
    assert result.state.changed()[str(path)].draw() == example.after, why
    for one in result.fixing.offers:
        assert not one.proof.wrong
        if one.safety is Safety.ASK:
            assert one.proposal.caveat or one.proof.one_sided or one.proof.notes or not one.proof.trials

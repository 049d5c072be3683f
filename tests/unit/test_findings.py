"""From a session to a report: the order of findings, what is folded, and recompiles that are one incident."""

from __future__ import annotations

from dataclasses import replace

import samples

from g2.capture.model import Cost, Effect, Frame, Guard, Recompile, Root, Span
from g2.cli.summary import summary
from g2.explain.findings import report

ROOT = Root("Net.forward", Span("net.py", 5), 4, "auto")
DEAR = replace(samples.BRANCH_BREAK, span=Span("net.py", 9, 4, 9, 9), function="helper", cost=Cost(1, 0.1, 50.0, 4))
WHOLE = replace(
    samples.BRANCH_BREAK,
    span=Span("net.py", 30, 4, 30, 9),
    function="Net.forward",
    effect=Effect.FRAME_LOST,
    cost=Cost(),
)
SITE = Span("train.py", 40, 11, 40, 20)


def recompile(line: int, depth: int, *guards: Guard, site: Span | None = SITE) -> Recompile:
    stack = tuple(Frame(Span("net.py", n + 1), "f") for n in range(depth))
    return replace(
        samples.SIZE,
        span=Span("net.py", line),
        function=f"f{line}",
        count=1,
        guards=guards,
        call_site=site,
        stack=stack,
    )


def size(source: str, old: int, new: int) -> Guard:
    return Guard(source, "size", str(old), str(new), 0, (str(old), str(new)))


def test_what_costs_a_root_all_its_graphs_comes_first() -> None:
    found = report(samples.session(roots=(ROOT,), breaks=(DEAR, WHOLE), recompiles=())).findings
    assert [f.place.span.line for f in found] == [30, 9]
    other = replace(WHOLE, function="another")
    found = report(samples.session(roots=(ROOT,), breaks=(DEAR, other), recompiles=())).findings
    assert [f.place.span.line for f in found] == [9, 30], "a helper that is given up costs what was measured"


def test_what_is_hidden_comes_last() -> None:
    hidden = replace(DEAR, hidden=True, span=Span("net.py", 50, 1, 50, 2))
    found = report(samples.session(roots=(ROOT,), breaks=(hidden, WHOLE), recompiles=())).findings
    assert [f.place.hidden for f in found] == [False, True]


def test_after_effects_stand_under_their_cause() -> None:
    effect = replace(samples.AFTER, after_effect_of=WHOLE.span)
    (found,) = report(samples.session(roots=(ROOT,), breaks=(WHOLE, effect), recompiles=())).findings
    assert found.after_effects == (effect,)


def test_one_size_that_changed_is_one_incident_about_the_outermost_function() -> None:
    inner = recompile(70, 3, size("h", 98, 118))
    outer = recompile(12, 1, size("x", 2000, 2400))
    (found,) = report(samples.session(breaks=(), recompiles=(inner, outer))).recompiles
    assert found.recompile == outer
    assert [other.recompile for other in found.others] == [inner]
    assert found.count == 2


def test_what_another_line_brought_is_another_incident() -> None:
    here, there = recompile(12, 1, size("x", 2, 3)), recompile(12, 1, size("x", 3, 4), site=Span("train.py", 80))
    assert len(report(samples.session(breaks=(), recompiles=(here, there))).recompiles) == 2


def test_numbers_that_changed_differently_are_not_one_incident() -> None:
    step = recompile(12, 1, Guard("self.step", "value", "0", "1", values=("0", "1")))
    rate = recompile(30, 2, Guard("self.rate", "value", "0.1", "0.2", values=("0.1", "0.2")))
    assert len(report(samples.session(breaks=(), recompiles=(step, rate))).recompiles) == 2


def test_a_function_that_several_objects_share_says_so() -> None:
    shared = recompile(12, 2, Guard("self", "type", "Encoder", "Decoder", values=("Encoder", "Decoder")))
    (found,) = report(samples.session(breaks=(WHOLE,), recompiles=(shared,))).recompiles
    assert found.reason == "shared-function"


def test_a_parameter_of_another_size_is_another_module_and_no_size_to_mark() -> None:
    code = "check_tensor(L['self']._modules['fc']._parameters['weight'], Parameter, size=[8, 4])"
    wider = Guard("self.fc.weight", "size", "4", "8", 1, ("4", "8"), code)
    (found,) = report(
        samples.session(breaks=(WHOLE,), recompiles=(recompile(12, 2, size("x", 4, 8), wider),))
    ).recompiles
    assert found.reason == "shared-function"
    assert found.headline.startswith("self.fc.weight.size(1) changed: 4, 8, and 1 other value with it")
    assert "self.fc.weight.size(1): 4, 8" in found.advice[0]
    assert not any("mark_dynamic" in step for step in found.advice)


def test_a_value_without_a_name_never_leads() -> None:
    unnamed = Guard("(a value computed before line 23)", "value", "1.5", "2.5", values=("1.5", "2.5"))
    named = Guard("self.rate", "value", "1.0", "0.9", values=("1.0", "0.9"))
    (found,) = report(samples.session(breaks=(), recompiles=(recompile(23, 1, unnamed, named),))).recompiles
    assert found.headline.startswith("self.rate changed: 1.0, 0.9")


def test_what_was_left_out_is_never_called_clean() -> None:
    clean = samples.clean()
    assert "No graph breaks" in summary(clean)
    assert summary(clean, 3) == "Nothing of what was asked for; 3 other findings."

"""Where a break is, how one gets there, what it costs, and what is none."""

from __future__ import annotations

import pytest
from helpers import Run, line, marked, run

from g2.capture.model import Effect

pytestmark = pytest.mark.torch
PLACES = "break_places.py"


@pytest.fixture(scope="module")
def places() -> Run:
    return run(PLACES)


def test_lines_behind_calls_over_several_lines(places: Run) -> None:
    assert places.session.exit_code == 0, places.stderr
    assert places.places(PLACES) == marked(PLACES)


def test_spans_have_columns(places: Run) -> None:
    spans = {
        (b.span.line, b.span.column, b.span.end_line - b.span.line, b.span.end_column) for b in places.breaks(PLACES)
    }
    first = line(PLACES, "z = noop(")
    assert (first, 8, 4, 5) in spans  # the call alone, from its name to its closing bracket
    assert (line(PLACES, "noop(z)"), 8, 0, 15) in spans
    both = line(PLACES, "(y.sum().item(), noop(y))")
    assert {(b.span.column, b.span.end_column) for b in places.breaks(PLACES) if b.span.line == both} == {
        (12, 26),
        (28, 35),
    }


def test_stacks_are_whole_across_resume_functions(places: Run) -> None:
    def stack(text: str) -> list[tuple[str, int]]:
        (found,) = (b for b in places.breaks(PLACES) if b.span.line == line(PLACES, text))
        return [(frame.function, frame.span.line) for frame in found.stack]

    top = [("<module>", line(PLACES, "main()  # the script")), ("main", line(PLACES, "    encoder(torch.randn"))]
    assert stack("y.sum() > 1e9") == [
        *top,
        ("Encoder.forward", line(PLACES, "x = helper(x)")),
        ("helper", line(PLACES, "return deeper(x)")),
        ("deeper", line(PLACES, "y.sum() > 1e9")),
    ]
    assert stack('print(end="")  # in a layer') == [
        *top,
        ("Encoder.forward", line(PLACES, "return self.layers[1](x)")),
        ("Layer.forward", line(PLACES, "return self.attn(")),
        ("Leaf.forward", line(PLACES, 'print(end="")  # in a layer')),
    ]
    main = ("main", line(PLACES, "    behind_methods(torch.randn"))
    assert stack("noop(z)") == [top[0], main, ("behind_methods", line(PLACES, "noop(z)"))]


def test_module_paths_and_owners(places: Run) -> None:
    modules = {b.function: b.module for b in places.breaks(PLACES)}
    assert modules["Leaf.forward"] == "layers.1.attn"
    assert modules["Encoder.forward"] == ""
    assert all(b.owner.mine for b in places.breaks(PLACES))


def test_one_place_met_by_several_frames_is_one_break(places: Run) -> None:
    (found,) = (b for b in places.breaks(PLACES) if b.function == "deeper")
    assert found.count == 3  # inlined into Encoder.forward, inlined into helper, by itself
    assert found.calls == 1


def test_cost_is_what_a_crossing_takes() -> None:
    found = run("break_cost.py")
    assert found.places("break_cost.py") == marked("break_cost.py")
    slow, plain = found.breaks("break_cost.py")
    assert slow.calls == plain.calls == 20
    assert slow.cost.per_call_ms is not None and plain.cost.per_call_ms is not None
    assert 10 <= slow.cost.per_call_ms < 20, "the break sleeps for ten milliseconds"
    assert plain.cost.per_call_ms < 2
    assert (slow.cost.graphs, slow.cost.samples) == (1, 19)
    assert slow.cost.compile_s > 0 and "19 crossings" in slow.cost.basis


def test_dynamo_raises_where_eager_works() -> None:
    found = run("break_raises.py")
    assert found.session.exit_code == 0, found.stderr
    assert found.stdout.splitlines()[-1] == "done"
    (raised,) = found.breaks("break_raises.py")  # and nothing for the models that raise by themselves
    assert raised.effect is Effect.RAISED
    assert raised.span.line == line("break_raises.py", "# Dynamo raises here")
    assert raised.after_effect_of is None
    assert "no shapes here" in raised.title + raised.context or "fake tensor" in raised.title


def test_after_effects_are_folded_under_their_cause() -> None:
    script = "break_after.py"
    found = run(script)
    assert (found.session.exit_code, found.stdout) == (0, "done\n")
    causes = {b.span.line: b for b in found.breaks(script) if b.after_effect_of is None}
    assert {(b.span.line, b.kind) for b in causes.values()} == marked(script)
    after = [b for b in found.session.breaks if b.after_effect_of is not None]
    assert after, "giving a frame up lets Dynamo meet its generators"
    assert {b.after_effect_of.line for b in after if b.after_effect_of} <= set(causes)
    assert {b.effect for b in causes.values()} == {Effect.FRAME_LOST}

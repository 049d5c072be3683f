"""Every reason's examples, captured for real: `bad` gives exactly that reason, `good` one graph and no break.

A process with torch takes seconds to start, so each test runs a share of the examples in one process.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import helpers
import pytest

from g2.capture.model import Break
from g2.explain.catalog import evidence, reason_for, reasons
from g2.explain.reason import Reason

RUNNER = Path(__file__).with_name("reasons_runner.py")
SHARES = 4
WITH_EXAMPLE = [reason for reason in reasons().values() if reason.example]


def files(folder: Path, share: list[Reason]) -> list[Path]:
    """The scripts of these reasons: NAME.bad.py, NAME.good.py and, with an option, NAME.option.py."""
    written: list[Path] = []
    for reason in share:
        assert reason.example is not None
        texts = {"bad": reason.example.bad, "good": reason.example.good}
        if reason.example.option:
            texts["option"] = reason.example.option + reason.example.bad
        for what, text in texts.items():
            path = folder / f"{reason.slug}.{what}.py"
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def example_of(place: Break, folder: Path) -> str:
    """The example that led to a place, which itself may be in torch or in the standard library."""
    for span in (*(frame.span for frame in place.stack), place.span):
        if Path(span.path).parent.name == folder.name:
            return Path(span.path).name
    return f"{place.span}: {place.title}"


@pytest.mark.parametrize("number", range(SHARES))
def test_examples(number: int, tmp_path: Path) -> None:
    folder = tmp_path / "examples_of_reasons"
    folder.mkdir()
    scripts = files(folder, WITH_EXAMPLE[number::SHARES])
    run = helpers.run([str(RUNNER), *(str(path) for path in scripts)])
    assert run.session.script_error is None, run.stderr[-3000:]
    assert run.session.exit_code == 0
    assert run.session.lost == ()

    found: dict[str, set[str]] = defaultdict(set)
    for place in run.session.breaks:
        if place.after_effect_of is None:
            found[example_of(place, folder)].add(reason_for(evidence(place)).slug)
    graphs: dict[str, int] = defaultdict(int)
    for graph in run.session.graphs:
        graphs[Path(graph.span.path).name] += 1

    wrong: list[str] = []
    for name in sorted({path.name for path in scripts} | set(found)):
        slug, _, what = name.removesuffix(".py").partition(".")
        if what == "bad" and found[name] != {slug}:
            wrong.append(f"{name}: {sorted(found[name])}")
        if what != "bad" and (found[name] or graphs[name] != 1):
            wrong.append(f"{name}: {sorted(found[name])}, {graphs[name]} graphs")
    assert wrong == []


def test_the_judge_sees_a_wrong_example(tmp_path: Path) -> None:
    """What the test above rests on: a break in a script that calls itself good is seen, and so is a second graph."""
    folder = tmp_path / "examples_of_reasons"
    folder.mkdir()
    example = reasons()["tensor-branch"].example
    assert example is not None
    script = folder / "tensor-branch.good.py"
    script.write_text(example.bad, encoding="utf-8")
    run = helpers.run([str(RUNNER), str(script)])
    assert [example_of(place, folder) for place in run.session.breaks] == ["tensor-branch.good.py"]
    assert len([g for g in run.session.graphs if Path(g.span.path).name == script.name]) == 2

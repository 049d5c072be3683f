"""What a person and a program see of a check. Nothing is run here."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import check_samples
import jsonschema
import pytest

from g2.capture.codec import build, plain
from g2.capture.model import Session
from g2.check import model, roofline
from g2.check.model import Check, Interval
from g2.cli.app import main
from g2.cli.checking import amounts, kept, sentences
from g2.cli.checking.json import render as as_json
from g2.cli.checking.outcome import exit_code, remarks
from g2.cli.checking.terminal import render
from g2.cli.views import Output
from g2.cli.views.html import render as page
from g2.explain.findings import report

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "check.schema.json").read_text("utf-8"))
PLAIN = Output(width=80, unicode=False)


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("words", ["x: float32[8, 16]", check_samples.EVIL])
def test_the_json_is_what_its_schema_says(wrong: bool, words: str) -> None:
    document = json.loads(as_json(check_samples.check(wrong, words)))
    jsonschema.validate(document, SCHEMA, jsonschema.Draft202012Validator)
    assert document["wrong"] is wrong


def test_the_schema_has_every_field_of_the_model() -> None:
    definitions = {"Check": SCHEMA, **SCHEMA["$defs"]}
    extra = {"Check": {"format", "wrong"}, "Call": {"here", "limits"}}
    for name, definition in definitions.items():
        cls: Any = getattr(model, name, None) or getattr(roofline, name)
        fields = {one.name for one in dataclasses.fields(cls)} | extra.get(name, set())
        assert fields == set(definition["properties"]) == set(definition["required"]), name


def test_a_check_survives_being_kept(tmp_path: Path) -> None:
    check = check_samples.check(True)
    assert build(Check, json.loads(json.dumps(plain(check)))) == check
    kept.keep(tmp_path, check)
    assert kept.kept(tmp_path) == check
    (tmp_path / kept.FILE).write_text("{")
    assert kept.kept(tmp_path) is None


def test_the_terminal_fits_eighty_columns_without_colour() -> None:
    text = render(check_samples.check(True), PLAIN)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert text.isascii()
    assert "\x1b" not in text


def test_words_of_a_run_are_no_instructions() -> None:
    check = check_samples.check(True, check_samples.EVIL)
    for text in (render(check, replace(PLAIN, colour=True)), render(check, PLAIN)):
        assert "\x1b[31m[red]" not in text
        assert "[red]x[/]" in text  # shown as it is
    session = Session("1", ("net.py",), "/home/me", 0, "3.11", "2.13", "cpu", 0.0, 1.0)
    html = page(report(session), replace(PLAIN, check=check))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_the_page_shows_kernels_and_a_picture_of_limits() -> None:
    session = Session("1", ("net.py",), "/home/me", 0, "3.11", "2.13", "cpu", 0.0, 1.0)
    html = page(report(session), replace(PLAIN, check=check_samples.check()))
    for word in ("triton_poi_fused_gelu_0", "net.py:12", "acme/layers.py:7", "32 registers", "75% occupancy"):
        assert word in html
    assert html.count('src="data:image/svg+xml;base64,') == 2
    assert "Fused result" not in page(report(session), PLAIN)


def test_what_is_wrong_comes_first_and_says_where() -> None:
    text = " ".join(render(check_samples.check(True), PLAIN).split())
    assert text.startswith("WRONG: compiled, 1 call of 1 does not compute what eager does.")
    assert "op aten.relu.default" in text
    assert "the output[3, 4]: eager 1, compiled 2, in float64 1.0000001" in text
    assert "python r/repro.py shows it without g2." in text


def test_what_the_cpu_itself_could_do_is_held_against_the_compiled_call() -> None:
    machine = model.Machine("CPU", 1, bandwidth=1e9, cache=1000, rates=(("float32", 1e12),))
    before = check_samples.check()
    (call,) = before.calls
    assert call.speed is not None
    check = replace(before, calls=(replace(call, speed=replace(call.speed, machine=machine)),))
    text = " ".join(render(check, PLAIN).split())
    # 500 kB at 1 GB/s, against 2 ms
    assert "compiled reached 25% of this CPU's own limit" in text
    assert "500 kB and 11 MFLOP take 500 us at least; memory binds." in text
    document = json.loads(as_json(check))
    jsonschema.validate(document, SCHEMA, jsonschema.Draft202012Validator)
    assert document["calls"][0]["here"]["reached"] == pytest.approx(0.25)
    assert json.loads(as_json(before))["calls"][0]["here"] is None
    assert "own limit" not in render(before, PLAIN)


def test_a_wrong_triton_kernel_is_wrong() -> None:
    call = check_samples.call()
    graph = replace(call.graphs[0], lowered=(check_samples.lowered("sm_90", "differs"),))
    check = replace(check_samples.check(), calls=(replace(call, graphs=(graph,)),))
    assert check.wrong
    assert "Triton kernel does not compute" in render(check, PLAIN)


def test_eager_compared_with_itself_is_no_check() -> None:
    session = Session("1", ("net.py",), "/home/me", 0, "3.11", "2.13", "cpu", 0.0, 1.0)
    check = replace(check_samples.check(), captured=False)
    assert "Nothing was compiled" in render(check, PLAIN)
    assert exit_code(session, check, ("correct",)) == 2
    assert exit_code(session, replace(check, captured=True), ("correct",)) == 0
    assert list(remarks(session, check)) == ["`g2 explain` says what keeps Dynamo from making a graph."]


def test_kernels_that_could_not_be_made_are_not_done() -> None:
    session = Session("1", ("net.py",), "/home/me", 0, "3.11", "2.13", "cpu", 0.0, 1.0)
    check = check_samples.check()
    (call,) = check.calls
    (graph,) = call.graphs
    stopped = tuple(replace(one, kernels=(), stopped_by="aten.x: no") for one in graph.lowered)
    check = replace(check, calls=(replace(call, graphs=(replace(graph, lowered=stopped),)),))
    assert exit_code(session, check, ("kernels",)) == 2
    assert exit_code(session, check, ("correct",)) == 0


def test_what_fails_in_the_same_way_for_many_inputs_is_said_once() -> None:
    (call,) = check_samples.check().calls
    compared = [model.Compared("compiled", name, "differs", "raises Oops") for name in ("one", "two", "three", "four")]
    found = list(sentences.wrongs(replace(call, compared=(*compared, replace(compared[0], detail="other")), wrong=())))
    assert found == ["one, two and 2 other inputs: raises Oops", "one: other"]


def test_why_inputs_could_not_be_compared_is_said_once() -> None:
    (call,) = check_samples.check().calls
    unable = [model.Compared("compiled", name, "unable", "the disk is full") for name in ("one", "two")]
    found = list(sentences.correct(replace(call, compared=tuple(unable))))
    assert found == [
        "0 comparisons of compiled with eager: none; 2 inputs could not be compared.",
        "Not compared: one and two: the disk is full",
    ]


def test_an_interval_that_holds_one_shows_no_difference() -> None:
    assert amounts.ratio(Interval(1.02, 0.98, 1.06, 20)) == "no difference (0.98 to 1.06)"
    assert amounts.ratio(Interval(1.5, 1.4, 1.6, 20)) == "1.50 times as fast (1.40 to 1.60)"
    text = " ".join(sentences.speed(check_samples.speed()))
    assert "compiled: 1.50 times as fast (1.40 to 1.60) against eager. Compiling took 8.9 s, paid for" in text
    assert "fixed: no difference" in text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_000_000, "2.0 MB")])
def test_sizes(count: int, text: str) -> None:
    assert amounts.size(count) == text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "sm_12345", "a.py"], "sm_90"),
        (["--inputs", "module", "a.py"], "names no function"),
        (["--only", "correct", "--emit", "d", "a.py"], "--emit needs the kernels"),
        (["-o", "report.txt", "a.py"], ".html or .json"),
        (["nothing.py"], "there is no file nothing.py"),
        (["--then-stop", "a.py"], "--then-stop needs --calls"),
        ([], "no record was made in this folder yet"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_refused(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("G2_HOME", str(tmp_path / "home"))
    (tmp_path / "a.py").write_text("")
    assert main(["check", *words]) == 2
    assert said in capsys.readouterr().err

"""Every view draws everything, aligned, and takes what a run leaves behind as data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st

from g2.capture.model import Process, Snippet, Span
from g2.cli.summary import summary
from g2.cli.text import blocks, clean, inline, relative, short_path
from g2.cli.views import Output, format_for, formats, view
from g2.cli.views._source import rows
from g2.explain.report import Report

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "session.schema.json").read_text(encoding="utf-8"))
EVIL = "[red]x[/] \x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link | `code` <b> @ada ::error::no %0A \u202e,\nnext"

lost = replace(samples.clean(), session=replace(samples.clean().session, lost=("Guards are lost.",)))
SITUATIONS: dict[str, Report] = {
    "full": replace(samples.report(), session=samples.session(lost=("No guards of `frame` 3.",))),
    "clean": samples.clean(),
    "clean-but-lost": lost,
    "no-torch": Report(samples.session(torch=None, roots=(), graphs=(), breaks=(), recompiles=()), (), (), ""),
    "no-roots": Report(samples.session(roots=(), graphs=(), breaks=(), recompiles=()), (), (), ""),
    "failed": replace(
        samples.report(),
        session=samples.session(exit_code=1, script_error="ValueError: no such layer"),
    ),
    "failed-early": Report(
        samples.session(
            torch=None,
            roots=(),
            graphs=(),
            breaks=(),
            recompiles=(),
            exit_code=1,
            script_error="ImportError: no",
        ),
        (),
        (),
        "",
    ),
    "crashed": replace(samples.clean(), session=replace(samples.clean().session, exit_code=-11)),
    "many": samples.repeated(23),
}


def draw(name: str, report: Report, **look: Any) -> str:
    return view(name).render(report, Output(**look))


def evil_report() -> Report:
    """The full report with a hostile text in every place that a run fills."""
    whole = samples.report()
    first, *_ = whole.findings
    span = replace(first.place.span, path=f"{samples.CWD}/a,b:c\n%.py")
    place = replace(
        first.place,
        span=span,
        function=EVIL,
        module=EVIL,
        title=EVIL,
        context=EVIL,
        snippet=Snippet(41, ("x = 1", EVIL.replace("\n", "\r"), "")),
        stack=tuple(replace(frame, span=span, function=EVIL) for frame in first.place.stack),
        owner=replace(first.place.owner, mine=False, package=EVIL),
        cost=replace(first.place.cost, basis=EVIL),
    )
    recompile = replace(
        samples.SIZE,
        function=EVIL,
        guards=(replace(samples.SIZE.guards[0], source=EVIL, old=EVIL, new=EVIL, values=(EVIL,) * 9),),
    )
    return replace(
        whole,
        session=samples.session(script_error=EVIL, exit_code=1, lost=(EVIL,), argv=(EVIL,)),
        findings=(replace(first, place=place, headline=EVIL, advice=(EVIL,)),),
        recompiles=(replace(whole.recompiles[0], recompile=recompile, headline=EVIL),),
    )


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_terminal_screen(situation: str, width: int, screen: Callable[[str, str], None]) -> None:
    screen(f"{situation}-{width}.txt", draw("terminal", SITUATIONS[situation], width=width))


@pytest.mark.parametrize("name", ["json", "markdown", "github"])
def test_screen_of_other_forms(name: str, screen: Callable[[str, str], None]) -> None:
    screen(f"full.{name}", draw(name, SITUATIONS["full"]))


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in (40, 60, 80, 120, 200):
        for line in draw("terminal", SITUATIONS["full"], width=width).splitlines():
            is_code_of_ours = "torch." in line
            assert len(line) <= width or is_code_of_ours, line


def test_plain_without_colour_and_coloured_with_it() -> None:
    plain = draw("terminal", SITUATIONS["full"])
    coloured = draw("terminal", SITUATIONS["full"], colour=True)
    assert "\x1b" not in plain
    assert "\x1b[" in coloured
    # Colour replaces the backticks; nothing else may differ.
    bare = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert re.sub(r"[`\s]", "", bare) == re.sub(r"[`\s]", "", plain)


def test_links_only_when_understood() -> None:
    linked = draw("terminal", SITUATIONS["full"], colour=True, links=True)
    assert "file:///home/ada/project/model.py" in linked
    assert "\x1b]8;" not in draw("terminal", SITUATIONS["full"], colour=True)


def test_ascii_terminal_gets_only_ascii() -> None:
    draw("terminal", SITUATIONS["full"], unicode=False).encode("ascii")


@pytest.mark.parametrize("situation", SITUATIONS)
def test_json_follows_its_schema(situation: str) -> None:
    document = json.loads(draw("json", SITUATIONS[situation]))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)


def test_json_holds_everything_and_paths_relative_to_the_working_directory() -> None:
    document = json.loads(draw("json", samples.report(), limit=1))
    assert [b["span"]["line"] for b in document["breaks"]] == [42, 51, 1203, 44]
    assert [b["after_effect"] for b in document["breaks"]] == [False, True, False, False]
    assert [b["span"]["path"] for b in document["breaks"]] == [
        "model.py", "model.py", samples.LIBRARY, "model.py"
    ]  # fmt: skip
    assert document["breaks"][0]["cost_ms"] == 1.84
    assert document["breaks"][2]["mine"] is False
    assert document["breaks"][3]["hidden"] is True
    assert document["recompiles"][0]["guards"][0] == {
        "source": "x.size(1)", "kind": "size", "old": "5", "new": "1"
    }  # fmt: skip


def test_schema_refuses_what_is_not_in_the_format() -> None:
    document = json.loads(draw("json", samples.report()))
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert not validator.is_valid({**document, "more": 1})
    assert not validator.is_valid({k: v for k, v in document.items() if k != "lost"})
    document["breaks"][0]["span"]["line"] = "42"
    assert not validator.is_valid(document)


@pytest.mark.parametrize("name", sorted(formats()))
def test_no_view_lets_an_escape_through(name: str) -> None:
    text = draw(name, evil_report())
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


def test_terminal_shows_markup_as_it_is() -> None:
    text = draw("terminal", evil_report(), width=200)
    assert "[red]x[/] red" in text
    assert "\\u202e" in text


def test_github_commands_stay_one_line_each_and_escaped() -> None:
    text = draw("github", evil_report())
    for line in text.splitlines():
        assert re.match(r"::(warning|notice)( [a-zA-Z]+=[^:,]*(,[a-zA-Z]+=[^:,]*)*)?::", line), line
    assert "file=a%2Cb%3Ac" in text
    assert "%250A" in text  # a literal %0A of the data
    assert "title=recompile%3A changing-size" in text


def test_github_places_count_from_one_and_hang_on_own_files() -> None:
    lines = draw("github", samples.report()).splitlines()
    assert lines[1].startswith("::warning file=model.py,line=42,col=12,endLine=42,endColumn=23,")
    assert lines[2].startswith("::warning file=model.py,line=60,col=16,")
    assert "transformers/models/led/modeling_led.py:1203:8" in lines[2]


def test_github_names_files_from_the_workspace() -> None:
    text = draw("github", samples.report(), workspace="/home/ada")
    assert "file=project/model.py" in text


def test_paths_relative_to_the_working_directory_are_own_files() -> None:
    whole = samples.report()
    first, library, *_ = whole.findings
    frames = tuple(
        replace(frame, span=replace(frame.span, path=relative(frame.span.path, samples.CWD)))
        for frame in library.place.stack
    )
    near = replace(first.place, span=replace(first.place.span, path="model.py"))
    far = replace(library.place, stack=frames)
    findings = (replace(first, place=near), replace(library, place=far))
    text = draw("github", replace(whole, findings=findings), workspace="/home/ada")
    assert text.count("file=project/model.py") == 3


def test_github_leaves_columns_out_of_a_span_over_several_lines() -> None:
    whole = samples.report()
    first = whole.findings[0]
    place = replace(first.place, span=replace(first.place.span, end_line=44))
    text = draw("github", replace(whole, findings=(replace(first, place=place),)))
    assert "line=42,endLine=44,title" in text


def test_markdown_escapes_data() -> None:
    text = draw("markdown", evil_report())
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", re.sub(r"(?s)```+text\n.*?\n```+\n", "", text))
    assert "<b>" not in outside
    assert "@ada" not in outside
    assert "http://" not in outside
    table = [line for line in text.splitlines() if line.startswith("|")]
    for line in table:
        assert len(re.findall(r"(?<!\\)\|", line)) == 5, line


def test_markdown_fits_into_a_comment() -> None:
    text = draw("markdown", samples.repeated(900), limit=0)
    assert len(text) < 65_536
    assert "does not fit" in text


def test_same_reason_is_told_once() -> None:
    text = draw("terminal", samples.repeated(5))
    assert text.count("A graph holds operations") == 1
    assert text.count("As in 1, and so is what to do.") == 4


@pytest.mark.parametrize(("limit", "shown"), [(None, 20), (3, 3), (0, 23)])
def test_limit(limit: int | None, shown: int) -> None:
    text = draw("terminal", samples.repeated(23), limit=limit)
    assert len(re.findall(r"^ ?\d+  ", text, re.MULTILINE)) == shown
    assert (f"and {23 - shown} more places; --limit 0 shows all" in text) is (shown < 23)


def test_left_out_findings_are_named() -> None:
    assert "4 other findings left out" in draw("terminal", samples.clean(), left_out=4)


def test_a_lossy_run_never_looks_clean() -> None:
    assert "No graph breaks" not in summary(lost)
    assert "Guards are lost." in draw("terminal", lost)


def test_verbose_gives_dynamos_words_and_whole_paths() -> None:
    text = draw("terminal", samples.report(), width=200, verbose=True)
    assert "GB0170: Data-dependent branching" in text
    assert samples.LIBRARY in text


def test_views_are_found_by_their_files() -> None:
    assert {"terminal", "json", "markdown", "github"} <= set(formats())
    assert format_for("out/Report.MD") == "markdown"
    assert format_for("report.json") == "json"
    assert format_for("report") is None


# Source lines


def marked(span: Span, *lines: str, width: int = 60) -> list[tuple[str, str]]:
    """Each row's text, and the part of it that carets stand under."""
    found = rows(span, Snippet(span.line, lines), width)
    return [(row.text, row.text[row.start : row.end]) for row in found]


def test_mark_is_right_under_tabs() -> None:
    row = rows(Span("a.py", 1, 2, 1, 5), Snippet(1, ("\t\tfoo(bar)",)), 60)[0]
    assert row.text[row.start : row.end] == "foo"


def test_mark_counts_bytes_and_wide_characters_take_two_cells() -> None:
    line = 's = "日本", x.item()'
    start = len(line[: line.index("x.item")].encode())
    row = rows(Span("a.py", 1, start, 1, start + 8), Snippet(1, (line,)), 60)[0]
    assert row.end - row.start == 8
    assert row.start == line.index("x.item") + 2  # two characters take one cell more each


def test_mark_far_to_the_right_stays_in_view() -> None:
    line = "f(" + "a, " * 100 + "x.item())"
    start = line.index("x.item()")
    (text, part), *_ = marked(Span("a.py", 1, start, 1, start + 8), line, width=50)
    assert part == "x.item()"
    assert text.startswith("...")
    assert len(text) <= 50


def test_whole_line_is_marked_without_columns() -> None:
    assert marked(Span("a.py", 1), "    foo()")[0][1] == "foo()"


def test_long_span_is_shortened() -> None:
    found = rows(Span("a.py", 1, 0, 40, 1), Snippet(1, tuple(f"line{n}" for n in range(60))), 60)
    assert len(found) <= 8
    assert any(row.number == 0 for row in found)
    assert found[-1].text == "line40"


def test_columns_outside_the_line_mark_the_line() -> None:
    assert marked(Span("a.py", 1, 90, 1, 99), "foo()")[0][1] == "foo()"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(), max_size=8),
    st.integers(-3, 12),
    st.integers(-1, 40),
    st.integers(-1, 12),
    st.integers(-1, 40),
    st.integers(10, 80),
)
def test_any_source_can_be_drawn(
    lines: list[str], line: int, column: int, end_line: int, end_column: int, width: int
) -> None:
    span = Span("a.py", line, column, end_line, end_column)
    for row in rows(span, Snippet(1, tuple(lines)), width):
        assert 0 <= row.start <= row.end or row.start == row.end
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", row.text)


# Text


@given(st.text())
def test_clean_text_cannot_steer_a_terminal(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", clean(text))
    assert "\n" not in inline(text)
    clean(text).encode("utf-8")


def test_paragraphs_and_code_are_told_apart() -> None:
    text = "First line\ngoes on.\n\n    x = 1\n\n    y = 2\n\n- a point\n- another"
    assert [(b.text, b.code) for b in blocks(text)] == [
        ("First line goes on.", False),
        ("x = 1\n\ny = 2", True),
        ("- a point", False),
        ("- another", False),
    ]


def test_library_paths_begin_at_the_package() -> None:
    assert short_path(samples.LIBRARY, samples.CWD) == "transformers/models/led/modeling_led.py"
    assert short_path("/usr/lib/python3.11/random.py", samples.CWD) == "python3.11/random.py"
    assert short_path("/elsewhere/x.py", samples.CWD) == "/elsewhere/x.py"
    own_venv = f"{samples.CWD}/.venv/lib/python3.11/site-packages/timm/x.py"
    assert short_path(own_venv, samples.CWD) == "timm/x.py"


def test_the_ranks_of_a_run_are_named() -> None:
    ranks = tuple(Process(100 + rank, rank, 1, 0, 1) for rank in (1, 0))
    text = view("terminal").render(samples.report(samples.session(processes=ranks)), Output(width=120))
    assert "2 processes, ranks 0 and 1" in text
    alone = view("terminal").render(samples.report(), Output(width=120))
    assert "processes" not in alone.split("\n\n")[0]

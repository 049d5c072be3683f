"""SARIF, GitLab's code quality and JUnit: valid, stable when lines move, and with the fixes that were tried."""

from __future__ import annotations

import difflib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st
from test_views import SITUATIONS, evil_report

from g2.capture.model import Snippet, Span
from g2.cli.exchange.hunks import replacements
from g2.cli.exchange.notice import in_characters
from g2.cli.views import Cure, Output, format_for, view
from g2.explain.report import Report

SCHEMA = json.loads((Path(__file__).parents[1] / "schemas" / "sarif-2.1.0-rtm.5.json").read_text("utf-8"))
DIFF = """\
--- a/model.py
+++ b/model.py
@@ -42,2 +42 @@
-if h.sum() > 0:
-    h = h * 2
+h = torch.where(h.sum() > 0, h * 2, h)
"""


def sarif(report: Report, **look: Any) -> dict[str, Any]:
    document = json.loads(view("sarif").render(report, Output(**look)))
    run: dict[str, Any] = document["runs"][0]
    return run


@pytest.mark.parametrize("situation", [*SITUATIONS, "evil"])
def test_sarif_follows_the_schema_of_oasis(situation: str) -> None:
    report = SITUATIONS.get(situation) or evil_report()
    cure = Cure("branch-to-where", "safe", "the branch becomes torch.where", (("model.py", DIFF),))
    cures = {finding.place.span: (cure,) for finding in report.findings}
    text = view("sarif").render(report, Output(cures=cures))
    text.encode("ascii")
    document = json.loads(text)
    jsonschema.Draft4Validator(SCHEMA).validate(document)
    run = document["runs"][0]
    assert len(run["results"]) == len(report.findings) + len(report.recompiles)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        if "ruleIndex" in result:
            assert rules[result["ruleIndex"]] == result["ruleId"]


def test_sarif_names_files_from_the_root_and_columns_from_one() -> None:
    first, *_ = sarif(samples.report())["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "model.py", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 42, "startColumn": 12, "endLine": 42, "endColumn": 23}
    assert [
        s["location"]["physicalLocation"]["region"]["startLine"]
        for s in first["codeFlows"][0]["threadFlows"][0]["locations"]
    ] == [88, 60, 42]


def test_a_place_in_a_library_hangs_on_the_line_that_called_it() -> None:
    places = [
        (result["locations"][0]["physicalLocation"]["artifactLocation"], result.get("relatedLocations"))
        for result in sarif(samples.report())["results"]
    ]
    (_, related), *_ = [one for one in places if one[1]]
    assert "modeling_led.py" in related[0]["physicalLocation"]["artifactLocation"]["uri"]
    assert all("uriBaseId" in place for place, _ in places)


def test_a_fingerprint_says_nothing_of_lines() -> None:
    report = samples.report()
    moved = replace(
        report,
        findings=tuple(
            replace(
                finding,
                place=replace(
                    finding.place,
                    span=replace(
                        finding.place.span, line=finding.place.span.line + 7, end_line=finding.place.span.end_line + 7
                    ),
                    snippet=finding.place.snippet
                    and replace(finding.place.snippet, first=finding.place.snippet.first + 7),
                ),
            )
            for finding in report.findings
        ),
    )
    before, after = ([r["partialFingerprints"] for r in sarif(one)["results"]] for one in (report, moved))
    assert before == after
    assert len({json.dumps(mark) for mark in before}) == len(before)


def test_equal_findings_have_names_of_their_own() -> None:
    report = samples.repeated(30)
    marks = [entry["fingerprint"] for entry in json.loads(view("gitlab").render(report, Output()))]
    assert len(set(marks)) == len(marks) > 1


def test_the_fix_in_sarif_does_what_the_diff_does() -> None:
    report = samples.report()
    cure = Cure("branch-to-where", "safe", "the branch becomes torch.where", (("model.py", DIFF),))
    first, *_ = sarif(report, cures={report.findings[0].place.span: (cure,)})["results"]
    (change,) = first["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"]["uri"] == "model.py"
    (one,) = change["replacements"]
    assert one["deletedRegion"] == {"startLine": 42, "startColumn": 1, "endLine": 44, "endColumn": 1}
    assert one["insertedContent"]["text"] == "h = torch.where(h.sum() > 0, h * 2, h)\n"


def test_no_more_results_than_github_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("g2.cli.exchange.sarif.MOST_RESULTS", 5)
    run = sarif(samples.repeated(9))
    assert len(run["results"]) == 5
    (told, *_) = run["invocations"][0]["toolExecutionNotifications"]
    assert "did not fit" in told["message"]["text"]


def test_a_failed_script_is_no_successful_run() -> None:
    (invocation,) = sarif(SITUATIONS["failed"])["invocations"]
    assert not invocation["executionSuccessful"]
    assert "ValueError: no such layer" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_gitlab_gets_what_it_asks_for() -> None:
    for entry in json.loads(view("gitlab").render(samples.report(), Output())):
        assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert set(entry) >= {"description", "check_name", "fingerprint", "severity", "location"}
        assert not entry["location"]["path"].startswith(("/", "./"))
        assert entry["location"]["lines"]["begin"] >= 1


@pytest.mark.parametrize("situation", [*SITUATIONS, "evil"])
def test_junit_can_be_parsed_and_counts_right(situation: str) -> None:
    report = SITUATIONS.get(situation) or evil_report()
    suite = ElementTree.fromstring(view("junit").render(report, Output()).encode()).find("testsuite")
    assert suite is not None
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase")) > 0
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
    assert len(suite.findall("testcase/failure")) == len(report.findings) + len(report.recompiles)
    assert int(suite.attrib["errors"]) == len(suite.findall("testcase/error")) == bool(report.session.exit_code)


def test_file_names_choose_the_form() -> None:
    names = [
        "r.sarif",
        "r.sarif.json",
        "gl-code-quality.json",
        "r.gl-code-quality.json",
        "junit.xml",
        "r.trace.json",
        "r.json",
    ]
    assert [format_for(name) for name in names] == ["sarif", "sarif", "json", "gitlab", "junit", "perfetto", "json"]


def test_columns_count_characters() -> None:
    line = "größe = x.item()"
    start = line.encode().index(b"x.item()")
    span = in_characters(Span("a.py", 3, start, 3, start + 8), Snippet(3, (line,)))
    assert line[span.column : span.end_column] == "x.item()"
    assert in_characters(Span("a.py", 9, 4, 9, 8), Snippet(3, (line,))).column == -1


LINES = st.lists(st.sampled_from(["a", "b", "    c", "", "-d", "+e", "@@ f", "\\ g"]), max_size=12)


@given(LINES, LINES)
def test_replacements_make_the_new_text(old: list[str], new: list[str]) -> None:
    before, after = ([line + "\n" for line in lines] for lines in (old, new))
    diff = "".join(difflib.unified_diff(before, after, "a/x.py", "b/x.py"))
    text = list(before)
    for one in reversed(replacements(diff)):
        text[one.first - 1 : one.last] = [one.text]
    assert "".join(text) == "".join(after)

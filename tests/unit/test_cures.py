"""What the report of g2 explain says of g2 fix."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import samples
from fix_samples import files, result
from fix_samples import session as fix_session

from g2.cli.app import main
from g2.cli.cures import RESULT, cures, with_next_step
from g2.cli.store import Store
from g2.explain.findings import report
from g2.explain.report import Report
from g2.rewrite.kept import dump


def explained() -> Report:
    return report(samples.session())


def test_the_last_line_names_g2_fix_where_a_rule_answers() -> None:
    found = explained()
    assert with_next_step(found).next_step.startswith("`g2 fix` tries rewrites for ")
    assert f"`g2 why {found.findings[0].reason.slug}`" in with_next_step(found).next_step
    one = replace(found, findings=found.findings[:1], recompiles=())
    assert "rewrites for this place;" in with_next_step(one).next_step


def test_the_last_line_stays_where_g2_fix_has_nothing_to_try() -> None:
    found = explained()
    failed = replace(found, session=replace(found.session, exit_code=1))
    assert with_next_step(failed) == failed
    odd = replace(found.findings[0], reason=replace(found.findings[0].reason, slug="backend-error"))
    alone = replace(found, findings=(odd,), recompiles=())
    assert with_next_step(alone) == alone


def test_rules_that_may_answer_before_g2_fix_has_looked(tmp_path: Path) -> None:
    found = explained()
    branch = next(one for one in found.findings if one.reason.slug == "tensor-branch")
    listed = {cure.rule: cure.safety for cure in cures(found, tmp_path)[branch.place.span]}
    assert listed["branch-to-where"] == "safe"
    assert "statement-out-of-region" not in listed
    assert not set(cures(found, None)) & {after.span for one in found.findings for after in one.after_effects}


@pytest.mark.parametrize(
    "text", ["", "{", '{"format": 2}', '{"format": 1}', '{"format": 1, "fixing": {"offers": [{}]}}']
)
def test_a_result_that_cannot_be_used_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / RESULT).write_text(text)
    assert cures(explained(), tmp_path) == cures(explained(), None)


def test_what_g2_fix_offers_is_in_the_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("G2_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    files(tmp_path)
    found = result(tmp_path)
    store = Store.open()
    with store.new_run(("train.py",)) as folder:
        store.save(folder, fix_session(tmp_path))
        (folder / RESULT).write_text(dump(found, "0", {}))
    assert main(["show", "--as", "json"]) == 1
    listed = {
        (broken["span"]["line"], fix["rule"], fix["safety"])
        for broken in json.loads(capsys.readouterr().out)["breaks"]
        for fix in broken["fixes"]
    }
    offered = {
        (target.span.line, offer.proposal.rule, offer.safety.value)
        for offer in found.fixing.offers
        for target in offer.targets
        if target.span in {broken.span for broken in fix_session(tmp_path).breaks}
    }
    assert listed == offered != set()

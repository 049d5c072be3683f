"""The pages of docs/rules/, and what of the rules can be read without importing them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from g2.explain.catalog import everything
from g2.explain.written import stale, write
from g2.rewrite import pages
from g2.rewrite.catalog import rules
from g2.rewrite.listed import answering, listed

ROOT = Path(__file__).resolve().parents[2]


def test_pages_are_fresh() -> None:
    assert stale(ROOT / "docs", pages.pages(), "rules") == [], "write them anew with: make docs"


def test_pages_notice_what_is_stale(tmp_path: Path) -> None:
    write(tmp_path, pages.pages(), "rules")
    (tmp_path / "rules" / "gone.md").write_text("x")
    (tmp_path / "rules" / "README.md").unlink()
    (tmp_path / "rules" / "branch-to-where.md").write_text("x")
    assert stale(tmp_path, pages.pages(), "rules") == ["rules/README.md", "rules/branch-to-where.md", "rules/gone.md"]
    assert pages.main([str(tmp_path), "--check"]) == 1
    assert pages.main([str(tmp_path)]) == 0
    assert pages.main([str(tmp_path), "--check"]) == 0
    assert pages.main([]) == 2


def test_a_page_has_every_example_and_every_negative() -> None:
    for rule in rules():
        text = pages.page(rule).lower()
        names = [one.name for one in rule.examples] + [one.name for one in rule.negatives]
        assert all(f"### {name.lower()}\n" in text for name in names), rule.slug


def test_rules_answer_reasons_that_there_are() -> None:
    assert {rule.slug: set(rule.answers) - set(everything()) for rule in rules()} == {r.slug: set() for r in rules()}


def test_what_is_read_is_what_is_imported() -> None:
    read = [(rule.slug, rule.title, rule.answers, rule.safety, rule.rank) for rule in listed()]
    assert read == [(rule.slug, rule.title, rule.answers, rule.safety, rule.rank) for rule in rules()]


def test_rules_for_every_reason_are_named_last() -> None:
    found = answering("tensor-branch")
    assert [rule.general for rule in found] == sorted(rule.general for rule in found)
    assert not found[0].general and found[-1].general


def test_reading_them_loads_no_libcst() -> None:
    code = "import sys; from g2.rewrite.listed import listed; listed(); sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

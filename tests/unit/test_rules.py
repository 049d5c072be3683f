"""Every rule is whole: found by looking, told in plain words, with examples and negatives. No torch."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from g2.explain.catalog import everything
from g2.rewrite import catalog
from g2.rewrite.model import Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules import branch_to_where

FOLDER = Path(branch_to_where.__file__).parent
DOCS = Path(__file__).resolve().parents[2] / "docs"
RULES = catalog.rules()
# What it shows depends on a person's decision, so it rewrites nothing and has little that it must leave alone.
ADVICE = {"branch-advice", "number-advice", "operator-shown", "shape-advice", "place-advice", "recompile-advice"}
EACH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.slug)
SCRIPTS = [
    *(pytest.param(one.before, id=f"{rule.slug}: {one.name}, before") for rule in RULES for one in rule.examples),
    *(pytest.param(one.after, id=f"{rule.slug}: {one.name}, after") for rule in RULES for one in rule.examples),
    *(pytest.param(one.script, id=f"{rule.slug}: not {one.name}") for rule in RULES for one in rule.negatives),
]


def plain(text: str) -> str:
    return " ".join(text.split())


def test_every_file_is_a_rule() -> None:
    names = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}
    assert {rule.slug for rule in RULES} == {name.replace("_", "-") for name in names}
    assert list(RULES) == sorted(RULES, key=lambda rule: (rule.rank, rule.slug))


def test_rules_that_only_show_are_those_named_here() -> None:
    assert {rule.slug for rule in RULES if rule.safety is Safety.SHOW} == ADVICE


@EACH
def test_texts_are_whole(rule: Rule) -> None:
    assert 0 < len(rule.title) < 80
    assert not rule.title.endswith(".")
    legal = plain(rule.legal)
    assert legal.endswith("."), "it ends in the middle of a sentence"
    assert legal[0].isupper() or legal[0] in "`_"
    assert 40 < len(legal) < 1200
    for text in (rule.title, rule.legal):
        assert text.isascii(), "plain characters only"
        assert not re.search(r"\bg2\b", text), "a person reads of the program, not of the tool"


@EACH
def test_answers_are_reasons(rule: Rule) -> None:
    assert rule.answers
    assert len(set(rule.answers)) == len(rule.answers)
    assert set(rule.answers) <= set(everything())


@EACH
def test_there_are_examples_and_negatives(rule: Rule) -> None:
    assert len(rule.negatives) >= (1 if rule.slug in ADVICE else 3)
    assert rule.examples or rule.slug in ADVICE
    names = [one.name for one in (*rule.examples, *rule.negatives)]
    assert len(set(names)) == len(names)
    assert all(name and not name.endswith(".") for name in names)


@EACH
def test_examples_change_something_and_name_nothing_of_ours(rule: Rule) -> None:
    for one in rule.examples:
        assert one.before != one.after
        assert not re.search(r"\bg2\b|_g2", one.after), one.name
    for script in (*(one.before for one in rule.examples), *(one.script for one in rule.negatives)):
        assert not re.search(r"\bg2\b", script)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_python(script: str) -> None:
    compile(script, "example.py", "exec", dont_inherit=True)
    assert not script.startswith((" ", "\n"))
    assert script.endswith("\n") and not script.endswith("\n\n")


def test_what_rules_write_names_nothing_of_ours() -> None:
    """No string of a rule's own module, from which new text and caveats are made, holds the tool's name."""
    for path in sorted(FOLDER.glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        docs = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        strings = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
        ]
        assert [text for text in strings if re.search(r"\bg2\b|_g2", text)] == [], path.name


def test_proposals_that_ask_name_the_difference() -> None:
    """A proposal is made as ASK only together with a caveat, in every rule."""
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Proposal"):
                continue
            given = {word.arg: word.value for word in node.keywords}
            if "safety" in given and "Safety.ASK" in ast.unparse(given["safety"]):
                assert "caveat" in given, f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("slug", sorted({rule.slug for rule in RULES}))
def test_docs_mention_it(slug: str) -> None:
    pages = [*DOCS.glob("*.md"), *(DOCS / "rules").glob("*.md")]
    assert any(slug in path.read_text("utf-8") for path in pages)


def test_examples_may_be_written_indented() -> None:
    one = Example("x", "\n        import torch\n\n        f()\n        ", "    import torch\n")
    assert (one.before, one.after) == ("import torch\n\nf()\n", "import torch\n")
    assert Negative("y", "\n    import torch\n").script == "import torch\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("RULE = undefined\n", "NameError"),
        ("import torch.nn as (\n", "SyntaxError"),
        ("rule = 1\n", "no RULE"),
        ("RULE = 3\n", "no RULE"),
    ],
)
def test_a_broken_file_is_named(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_rule.py").write_text(text, "utf-8")
    monkeypatch.setattr(catalog.folder, "__path__", [str(tmp_path)])
    catalog.rules.cache_clear()
    try:
        with pytest.raises(catalog.BrokenRule, match="broken_rule") as raised:
            catalog.rules()
        assert said in str(raised.value)
    finally:
        sys.modules.pop("g2.rewrite.rules.broken_rule", None)
        catalog.rules.cache_clear()

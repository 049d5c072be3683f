"""Recompiles of real scripts: every guard that changed, old and new value, the caller, calls behind the limit, advice.

The scripts fixtures/scripts/recompile_*.py say themselves what is expected: `# expect: kind | source |
dimension | old -> new`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from g2.capture.fold import recompiles
from g2.capture.model import Recompile, Session
from g2.explain.guards import explain_recompile
from g2.explain.recompile_reason import recompile_reasons

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "fixtures" / "scripts").glob("recompile_*.py"))
GUARDS = [s for s in SCRIPTS if s.stem != "recompile_limit"]
EXAMPLES = [(r, kind) for r in recompile_reasons().values() if r.example for kind in ("bad", "good")]


def _run(out: Path, scripts: list[Path], *options: str) -> None:
    runner = Path(__file__).with_name("recompile_runner.py")
    command = [sys.executable, str(runner), *options, str(out), *map(str, scripts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stderr, done.stderr


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("journals")
    _run(out, SCRIPTS)
    return out


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("examples")
    scripts = []
    for reason, kind in EXAMPLES:
        script = out / f"{reason.slug}_{kind}.py"
        script.write_text(getattr(reason.example, kind))
        scripts.append(script)
    _run(out, scripts)
    return out


def _events(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_text().splitlines()]


def _fold(journal: Path) -> tuple[Recompile, ...]:
    return recompiles.fold(_events(journal), str(ROOT / "fixtures" / "scripts"))


def _session(*found: Recompile) -> Session:
    return Session("0", (), "", 0, "", None, "cpu", 0.0, 0.0, recompiles=found)


@pytest.mark.parametrize("script", GUARDS, ids=lambda s: s.stem.removeprefix("recompile_"))
def test_every_guard_with_old_and_new_value(journals: Path, script: Path) -> None:
    lines = script.read_text().splitlines()
    expected = sorted(line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: "))
    events = _events(journals / f"{script.stem}.jsonl")
    found = sorted(
        f"{g['kind']} | {g['source']} | {'-' if g['dim'] is None else g['dim']} | {g['old']} -> {g['new']}"
        for e in events
        if e["e"] == "recompile"
        for g in e["guards"]
    )
    assert expected
    assert found == expected
    assert not [e for e in events if e["e"] == "lost"]


def test_the_call_site_is_the_line_outside_the_function(journals: Path) -> None:
    path = ROOT / "fixtures" / "scripts" / "recompile_after_break.py"
    inner = 1 + path.read_text().splitlines().index("    return f(torch.ones(n))")
    sites = [r.call_site for r in _fold(journals / "recompile_after_break.jsonl")]
    assert [s.line for s in sites if s] == [inner, inner]
    assert all(s and s.path == "recompile_after_break.py" and s.column == 11 for s in sites)


def test_another_size_of_a_parameter_is_another_module(journals: Path) -> None:
    (found,) = _fold(journals / "recompile_layer_widths.jsonl")
    assert explain_recompile(found, _session(found)).reason == "shared-function"


def test_guards_are_read_quickly(journals: Path) -> None:
    spent = [e["us"] for s in GUARDS for e in _events(journals / f"{s.stem}.jsonl") if e["e"] == "recompile"]
    assert sorted(spent)[len(spent) // 2] < 20_000


def test_what_is_compiled_and_run_is_the_same_as_without_the_probe(journals: Path, tmp_path: Path) -> None:
    _run(tmp_path, [s for s in SCRIPTS if s.stem in ("recompile_limit", "recompile_aliasing")], "--bare")
    for name in ("recompile_limit", "recompile_aliasing"):
        assert (journals / f"{name}.out").read_text() == (tmp_path / f"{name}.out").read_text()
    assert len((tmp_path / "recompile_limit.out").read_text().splitlines()) == 8


def test_calls_behind_the_limit_are_counted(journals: Path) -> None:
    hit = {r.function: r for r in _fold(journals / "recompile_limit.jsonl") if r.limit_hit}
    assert {name: r.eager_calls for name, r in hit.items()} == {"M.forward": 5 + 4 + 1, "f": 6 + 5}
    assert {r.limit for r in hit.values()} == {4}


@pytest.mark.parametrize(("reason", "kind"), EXAMPLES, ids=[f"{r.slug}-{k}" for r, k in EXAMPLES])
def test_examples_recompile_for_their_reason_or_not_at_all(examples: Path, reason: Any, kind: str) -> None:
    found = _fold(examples / f"{reason.slug}_{kind}.jsonl")
    told = {explain_recompile(r, _session(*found)).reason for r in found}
    assert (reason.slug in told) if kind == "bad" else not found

"""Planted miscompiles are caught, each at the right line, and the script that shows one needs torch alone."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.torch
RUNNER = Path(__file__).with_name("miscompiles.py")
QUICK = ("tanh is sigmoid", "backward: a mask is dropped", "Inductor's own: log1p adds one")


@cache
def _names() -> tuple[str, ...]:
    """Of all plants: read, so that collecting tests loads no torch."""
    texts = [path.read_text("utf-8") for path in sorted(RUNNER.parent.glob("planted_*.py"))]
    calls = [node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    plants = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Plant" and call.args]
    return tuple(ast.literal_eval(call.args[0]) for call in plants)


def _planted(name: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(RUNNER), "--one", name, str(folder)], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_there_are_at_least_forty() -> None:
    assert len(set(_names())) == len(_names()) >= 40


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in _names()])
def test_a_miscompile_is_caught_at_its_line(name: str, tmp_path: Path) -> None:
    found = _planted(name, tmp_path)
    assert found["outcome"] == "differs"
    assert found["lines"] == [found["line"]], found["wrong"]


@pytest.mark.slow
def test_the_script_shows_it_and_what_is_right_it_shows_as_right(tmp_path: Path) -> None:
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    own, planted = tmp_path / "own", tmp_path / "planted"
    for folder, name in ((own, "Inductor's own: log1p adds one"), (planted, "tanh is sigmoid")):
        folder.mkdir()
        wrong = _planted(name, folder)["wrong"]
        script = Path(wrong["repro"])
        assert script.parent == folder and "g2" not in script.read_text("utf-8").replace("g2 check", "")
        command = [sys.executable, "-I", str(script)]
        done = subprocess.run(command, env=alone, capture_output=True, text=True, timeout=300)
        if folder is own:  # by a setting of Inductor's, which the script carries
            assert done.returncode == 1 and "WRONG" in done.stdout, done.stderr
        else:  # by a pass that is not Inductor's
            assert done.returncode == 0 and "right" in done.stdout, done.stderr

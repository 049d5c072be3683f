"""Modules that --emit writes: valid, without paths of the machine, and they compute the same."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import staged
import torch

pytestmark = [pytest.mark.torch, pytest.mark.slow]


LINES = {"convolution": "file.py:1"}  # all of it is torch's own code: the line of the call


def emitted(graph: Path, to: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "g2.check.child.emit", str(graph), "--target", "sm_90", "--to", str(to)],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return to / f"{graph.name}-sm_90.py".replace("-", "_")


@pytest.mark.parametrize("name", ["marked", "convolution", "expanded"])
def test_it_runs_by_itself_and_computes_the_same(name: str, tmp_path: Path) -> None:
    for graph in staged.brought(name, tmp_path / "run", "sm_90"):
        path = emitted(graph, tmp_path / "out")
        text = path.read_text("utf-8")
        tree = ast.parse(text)
        imported = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
        imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not any(one.split(".")[0] == "g2" for one in imported)
        assert str(tmp_path) not in text and str(Path.home()) not in text and str(staged.RUNNER.parent) not in text
        assert LINES.get(name, staged.RUNNER.name) in text  # the lines it computes
        _fine(path)
        saved = path.with_suffix(".pt")
        assert saved.exists()
        values = torch.load(saved, weights_only=True)
        if not values.get("constants"):
            saved.unlink()
            _fine(path)  # with inputs that it makes itself


def _fine(path: Path) -> None:
    done = staged.python(path, "--interpret")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "equal up to rounding" in done.stdout and "DIFFERENT" not in done.stdout


def test_its_check_finds_a_wrong_kernel(tmp_path: Path) -> None:
    graph = staged.brought("marked", tmp_path / "run", "sm_90")[0]
    path = emitted(graph, tmp_path / "out")
    text = path.read_text("utf-8")
    assert "* tmp" in text
    path.write_text(text.replace("* tmp", "+ tmp", 1), "utf-8")
    done = staged.python(path, "--interpret")
    assert done.returncode == 1 and "DIFFERENT" in done.stdout

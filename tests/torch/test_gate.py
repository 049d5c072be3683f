"""`g2 gate` on real runs, and the hook that runs entry scripts at commits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/baseline.schema.json").read_text("utf-8"))

MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        y = self.layer(x).sin()
        return y
"""
TRAIN = """\
import sys

import torch

from model import Net

net = Net()
with torch.no_grad():
    for size in map(int, sys.argv[1:]):
        net(torch.ones(size, 8))
"""
BROKEN = MODEL.replace("        return y", "        if y.sum() > -99:\n            y = y + 1\n        return y")


@dataclass(frozen=True)
class Project:
    folder: Path

    def write(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.folder / f"{name}.py").write_text(text)

    def run(self, *words: str, code: int, **more: str) -> str:
        """What a command says, on both streams, when it ends with `code`."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PRE_COMMIT"))}
        home = {"G2_HOME": str(self.folder.parent / "home"), "PRE_COMMIT_HOME": str(self.folder.parent / "hooks")}
        who = ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL")
        author = {f"GIT_{name}": "g2@example.org" for name in who}
        settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "COLUMNS": "100"}
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**kept, **home, **author, **settings, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
        )
        said = done.stdout.decode(errors="replace")
        assert done.returncode == code, f"{words}: {done.returncode}\n{said}"
        return said

    def gate(self, *words: str, code: int) -> str:
        return self.run(sys.executable, "-m", "g2.cli", "gate", *words, code=code)

    def baseline(self) -> dict[str, dict[str, object]]:
        document = json.loads((self.folder / "g2-baseline.json").read_text())
        jsonschema.validate(document, SCHEMA)
        runs: dict[str, dict[str, object]] = document["runs"]
        return runs


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project")
    made.folder.mkdir()
    made.write(model=MODEL, train=TRAIN)
    return made


def test_new_breaks_and_recompiles_fail(project: Project) -> None:
    assert "knows train.py 4 4: 0 breaks, 0 causes of recompiling, 1 graph" in project.gate(
        "--write", "train.py", "4", "4", code=0
    )
    moved = MODEL.replace("self.layer(x).sin()", "(self.layer(x)\n             .sin())")
    project.write(model="# moved down\n\n" + moved)
    assert "passes against g2-baseline.json: Nothing changed." in project.gate("train.py", "4", "4", code=0)

    project.write(model=BROKEN)
    said = project.gate("train.py", "4", "4", code=1)
    assert "1 new graph break. 2 graphs, before 1." in said
    assert "model.py:12:11 in Net.forward" in said and "tensor-branch" in said and "torch.where" in said

    project.gate("--write", "train.py", "4", "4", code=0)
    assert project.baseline()["train.py 4 4"]["breaks"] == [
        {"path": "model.py", "function": "Net.forward", "reason": "tensor-branch", "code": "y.sum() > -99"}
    ]
    assert "Nothing changed." in project.gate("train.py", "4", "4", code=0)
    project.write(model=MODEL)
    assert "1 known finding did not occur any more" in project.gate("train.py", "4", "4", code=0)


def test_a_new_recompile_fails(project: Project) -> None:
    project.gate("--write", "train.py", "4", "4", code=0)
    runs = (project.folder / "g2-baseline.json").read_text().replace("train.py 4 4", "train.py 4 5")
    (project.folder / "g2-baseline.json").write_text(runs)
    said = project.gate("train.py", "4", "5", code=1)
    assert "1 new cause of recompiling." in said
    assert "x.size(0) changed" in said


def test_a_script_that_fails(project: Project) -> None:
    project.write(train=TRAIN + "sys.exit(5)\n")
    assert "nothing was compared" in project.gate("--write", "train.py", "4", code=5)


@pytest.mark.slow
def test_the_speedup_is_measured_when_asked_for(project: Project) -> None:
    sizes = ["4"] * 12
    project.gate("--write", "--tolerance", "50%", "train.py", *sizes, code=0)
    (run,) = project.baseline().values()
    assert isinstance(run["speedup"], float) and run["speedup"] > 0
    file = project.folder / "g2-baseline.json"
    file.write_text(file.read_text().replace(f'"speedup": {run["speedup"]}', '"speedup": 1000.0'))
    said = project.gate("--tolerance", "10%", "train.py", *sizes, code=1)
    assert "times as fast as in eager, before 1000.00 times: more was lost than is tolerated" in said
    assert "Nothing changed." in project.gate("train.py", *sizes, code=0)


def test_the_hook_runs_the_entries_that_a_staged_file_is_imported_by(project: Project, tmp_path: Path) -> None:
    hooks = Project(tmp_path / "g2")
    hooks.folder.mkdir()
    text = (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")
    (hooks.folder / ".pre-commit-hooks.yaml").write_text(
        text.replace("entry: g2 ", f"entry: {sys.executable} -m g2.cli ")
    )
    for each in (hooks, project):
        each.run("git", "init", "-q", "-b", "main", code=0)
    hooks.run("git", "add", "-A", code=0)
    hooks.run("git", "commit", "-q", "-m", "hooks", code=0)
    revision = hooks.run("git", "rev-parse", "HEAD", code=0).strip()
    (project.folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {hooks.folder}\n    rev: {revision}\n    hooks:\n      - id: g2-run\n"
    )
    (project.folder / "pyproject.toml").write_text('[tool.g2]\nentry = ["train.py 4"]\n')
    project.write(other="x = 1\n")
    project.gate("--write", code=0)
    project.run("git", "add", "-A", code=0)
    project.run(sys.executable, "-m", "pre_commit", "install", code=0)
    project.run("git", "commit", "-q", "-m", "first", code=0)

    project.write(other="x = 2\n", model=BROKEN)
    project.run("git", "add", "other.py", code=0)
    project.run("git", "commit", "-q", "-m", "nothing that train.py imports", code=0)
    project.run("git", "add", "model.py", code=0)
    said = project.run("git", "commit", "-q", "-m", "a break", code=1)
    assert "train.py 4 fails against g2-baseline.json: 1 new graph break." in said
    assert "model.py:12:11 in Net.forward" in said
    project.gate("--write", code=0)
    project.run("git", "add", "-A", code=0)
    project.run("git", "commit", "-q", "-m", "with a new baseline", code=0)

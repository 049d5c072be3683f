"""g2 fix from end to end: a script and a library with a break each; applied, run without g2, fixed again, undone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = """\
import torch


class Gate(torch.nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            x = x * 2
        return x.relu()
"""
SCRIPT = """\
\"\"\"Runs a little.\"\"\"
import torch
from acme.layers import Gate


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = Gate()

    def forward(self, x):
        h = self.gate(x)
        if h.mean() > 0.5:
            h = h - 1
        return h


net = Net()
for scale in (-1.0, 2.0, 0.1):
    print(net(torch.full((2, 3), scale)).tolist())
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    site = tmp_path / "site-packages"
    for name, text in {
        "acme/__init__.py": "",
        "acme/layers.py": LIBRARY,
        "acme-1.0.dist-info/METADATA": "Name: acme\nVersion: 1.0\n\n",
        "acme-1.0.dist-info/RECORD": "acme/layers.py,,\n",
    }.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "run.py").write_text(SCRIPT)
    return tmp_path


def python(place: Path, *words: str, code: int = 0) -> str:
    env = {**os.environ, "PYTHONPATH": str(place / "site-packages"), "G2_HOME": str(place / "home")}
    done = subprocess.run(
        [sys.executable, *words], cwd=place / "project", env=env,
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.mark.torch
def test_a_script_and_its_library_are_fixed(place: Path) -> None:
    plain = python(place, "run.py")
    found = json.loads(python(place, "-m", "g2.cli", "fix", "--format", "json", "run.py", code=1))
    assert {offer["rule"] for offer in found["offers"]} == {"branch-to-where"}
    assert {offer["safety"] for offer in found["offers"]} == {"safe"}
    assert (found["before"]["breaks"], found["after"]["breaks"]) == (2, 0)

    python(place, "-m", "g2.cli", "fix", "--apply")
    project = place / "project"
    assert sorted(path.name for path in project.iterdir() if path.name != "__pycache__") == [
        "g2_patches", "g2_patches.py", "run.py"
    ]  # fmt: skip
    assert (place / "site-packages" / "acme" / "layers.py").read_text() == LIBRARY
    assert "torch.where(h.mean() > 0.5, h - 1, h)" in (project / "run.py").read_text()
    assert "+        x = torch.where(x.sum() > 0, x * 2, x)\n" in (
        project / "g2_patches" / "acme.layers.patch"
    ).read_text()
    assert python(place, "-W", "error::UserWarning", "run.py") == plain

    again = json.loads(python(place, "-m", "g2.cli", "fix", "--format", "json", "run.py"))
    assert (again["offers"], again["alone"], again["before"]["breaks"]) == ([], [], 0)

    python(place, "-m", "g2.cli", "fix", "--undo")
    assert (project / "run.py").read_text() == SCRIPT
    assert not (project / "g2_patches.py").exists()

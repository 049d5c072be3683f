"""A scan shows the rewrite that `g2 fix` has tried at a place, as long as the file is what it was then."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from g2.cli.app import main, version

SOURCE = """\
import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            x = x * 2
        return x
"""
DIFF = """\
--- a/net.py
+++ b/net.py
@@ -7,2 +7 @@
-        if x.sum() > 0:
-            x = x * 2
+        x = torch.where(x.sum() > 0, x * 2, x)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("G2_HOME", str(tmp_path / "home"))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "net.py").write_text(SOURCE)
    monkeypatch.chdir(folder)
    return folder


def tried(project: Path, safety: str = "safe", by: str | None = None) -> None:
    """Leave behind what `g2 fix` keeps of an offer for line 7."""
    record = project.parent / "home" / "runs" / "20260101-000000-000000-1"
    record.mkdir(parents=True, mode=0o700)
    about = {"cwd": str(project), "argv": ["net.py"], "started": 1.0, "options": {}}
    (record / "about.json").write_text(json.dumps(about))
    target = {"span": {"path": "net.py", "line": 7, "column": 11, "end_line": 7, "end_column": 22}}
    offer: dict[str, Any] = {
        "safety": safety,
        "proposal": {"rule": "branch-to-where", "summary": "the branch becomes torch.where"},
        "diffs": [["net.py", DIFF]],
        "targets": [target],
    }
    digest = hashlib.sha256((project / "net.py").read_bytes()).hexdigest()
    data = {
        "format": 1,
        "g2": by or version(),
        "seen": {str(project / "net.py"): digest},
        "fixing": {"cwd": str(project), "offers": [offer]},
    }
    (record / "fix.json").write_text(json.dumps(data))


def shown(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["scan", ".", *options]) == 1
    return capsys.readouterr().out


def test_the_diff_is_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tried(project)
    text = shown(capsys)
    assert "+ x = torch.where(x.sum() > 0, x * 2, x)" in text
    assert "`g2 fix --apply` writes it" in text


def test_sarif_holds_it_as_a_fix(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tried(project)
    (result,) = json.loads(shown(capsys, "--format", "sarif"))["runs"][0]["results"]
    (replacement,) = result["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replacement["deletedRegion"]["startLine"] == 7
    assert replacement["insertedContent"]["text"] == "        x = torch.where(x.sum() > 0, x * 2, x)\n"


def test_not_after_the_file_changed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tried(project)
    (project / "net.py").write_text(SOURCE.replace("x * 2", "x * 3"))
    assert "torch.where(x.sum()" not in shown(capsys)


@pytest.mark.parametrize(("safety", "by"), [("ask", None), ("safe", "0.0.0")], ids=["not safe", "another g2"])
def test_only_what_is_safe_and_of_this_g2(
    project: Path, capsys: pytest.CaptureFixture[str], safety: str, by: str | None
) -> None:
    tried(project, safety, by)
    assert "torch.where(x.sum()" not in shown(capsys)


def test_a_damaged_result_is_no_result(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tried(project)
    (file,) = (project.parent / "home").rglob("fix.json")
    file.write_text(file.read_text()[:200])
    assert "torch.where(x.sum()" not in shown(capsys)

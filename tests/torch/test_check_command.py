"""g2 check from end to end: a script that trains, one that Inductor compiles wrongly, some that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "check.schema.json").read_text("utf-8"))
TRAINS = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(16, 32)
        self.norm = nn.LayerNorm(32)
        self.last = nn.Linear(32, 4)

    def forward(self, x):
        h = self.first(x)
        h = self.norm(h)
        h = torch.nn.functional.gelu(h)
        return self.last(h).log_softmax(-1)


torch.manual_seed(0)
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    optimizer.zero_grad()
    net(torch.randn(8, 16)).sum().backward()
    optimizer.step()
print("trained")
"""
# torch's own switch for tests: Inductor's relu adds one instead (torch._inductor.config.cpp, 2.11 to 2.15).
WRONG = """\
import torch
import torch._inductor.config as config

config.cpp.inject_relu_bug_TESTING_ONLY = "accuracy"


def scaled(x):
    x = x * 2
    x = torch.relu(x)
    return x - 1


torch.compile(scaled)(torch.randn(8, 16))
"""


def run(folder: Path, *words: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "G2_HOME": str(folder / "home"), "COLUMNS": "80"}
    return subprocess.run(
        [sys.executable, "-m", "g2.cli", "check", *words],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("trains")
    (folder / "train.py").write_text(TRAINS)
    before = sorted(folder.iterdir())
    words = ("--only", "kernels", "--target", "sm_90", "--target", "gfx942", "--emit", "emitted", "--format", "json")
    done = run(folder, *words, "train.py")
    assert done.returncode == 0, done.stderr
    assert "trained" in done.stderr  # the script's own words, out of the way of the report
    assert sorted(set(folder.iterdir()) - {folder / "home", folder / "emitted"}) == before
    document = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA, jsonschema.Draft202012Validator)
    return folder, document


def test_forward_and_backward_become_kernels_that_are_right(trained: tuple[Path, dict[str, Any]]) -> None:
    (call,) = trained[1]["calls"]
    assert call["trains"]
    assert not call["failed"]
    assert [graph["kind"] for graph in call["graphs"]] == ["forward", "backward"]
    for graph in call["graphs"]:
        assert [one["target"] for one in graph["lowered"]] == ["sm_90", "gfx942"]
        for one in graph["lowered"]:
            assert not one["stopped_by"]
            assert one["interpreted"] in ("same", "close"), one["why"]


def test_every_kernel_has_lines_of_the_program(trained: tuple[Path, dict[str, Any]]) -> None:
    (call,) = trained[1]["calls"]
    kernels = [kernel for graph in call["graphs"] for one in graph["lowered"] for kernel in one["kernels"]]
    assert kernels
    for kernel in kernels:
        mine = [line["line"] for line in kernel["lines"] if line["path"] == "train.py"]
        assert mine, kernel["name"]
        assert set(mine) <= {13, 14, 15, 16}


def test_kernels_are_assembled(trained: tuple[Path, dict[str, Any]]) -> None:
    (call,) = trained[1]["calls"]
    forms = {"sm_90": "cubin", "gfx942": "hsaco"}
    for graph in call["graphs"]:
        for one in graph["lowered"]:
            for kernel in one["kernels"]:
                if kernel["kind"] == "triton":
                    assert forms[one["target"]] in kernel["assembled"]["forms"], kernel["assembled"]


def test_limits_are_floors_of_a_device(trained: tuple[Path, dict[str, Any]]) -> None:
    (call,) = trained[1]["calls"]
    limit = call["limits"]["sm_90"]
    assert limit["floor"]["seconds"] > 0
    assert limit["bytes"]["needed"] <= limit["bytes"]["fused"]
    assert all(kernel["measured_s"] is None for kernel in _kernels(call))  # no device, no times


def _kernels(call: dict[str, Any]) -> list[dict[str, Any]]:
    return [kernel for graph in call["graphs"] for one in graph["lowered"] for kernel in one["kernels"]]


def test_emitted_modules_are_python(trained: tuple[Path, dict[str, Any]]) -> None:
    written = sorted((trained[0] / "emitted").glob("*.py"))
    assert len(written) == 4
    for path in written:
        compile(path.read_text(), str(path), "exec")


def test_a_wrong_kernel_is_found_and_placed(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    done = run(tmp_path, "--only", "correct", "--format", "json", "wrong.py")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    (call,) = document["calls"]
    assert call["compared"][0]["outcome"] == "differs"
    (wrong,) = call["wrong"]
    assert wrong["op"] == "aten.relu.default"
    assert [line["line"] for line in wrong["lines"]] == [9]
    assert wrong["worst"]["eager"] == pytest.approx(wrong["worst"]["exact"], abs=1e-5)
    assert abs(wrong["worst"]["compiled"] - wrong["worst"]["exact"]) > 0.5
    repro = tmp_path / wrong["repro"]
    assert "import g2" not in repro.read_text()
    assert "from g2" not in repro.read_text()
    again = subprocess.run([sys.executable, str(repro)], capture_output=True, text=True, timeout=300)
    assert again.returncode == 1, again.stderr


def test_a_script_that_fails_keeps_its_exit_code_and_traceback(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text("import torch\ntorch.nn.Linear(2, 2)(torch.ones(1, 2))\nraise SystemExit(7)\n")
    done = run(tmp_path, "--only", "kernels", "--part-limit", "60", "fails.py")
    assert done.returncode == 7
    (tmp_path / "raises.py").write_text("def f():\n    raise ValueError('mine')\nf()\n")
    done = run(tmp_path, "raises.py")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert "ValueError: mine" in done.stderr


# The sum starts from a tensor that is told to require a gradient, and depends on nothing else that does.
STARTED = """\
import torch


def total(x):
    start = torch.zeros(4)
    start.requires_grad_()
    return x * 2, start + x.sum(0)


torch.manual_seed(0)
for _ in range(2):
    print(torch.compile(total)(torch.randn(3, 4))[1].sum().item())
"""


@pytest.mark.slow
def test_what_a_proved_rewrite_says_of_itself_is_not_held_against_it(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(STARTED)
    environment = {**os.environ, "G2_HOME": str(tmp_path / "home")}

    def g2(code: int, *words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "g2.cli", *words, "--format", "json", "script.py"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    (offer,) = g2(1, "fix")["offers"]
    assert offer["rule"] == "requires-grad-outside-graphs"
    told = g2(0, "check", "--only", "correct")
    assert any("requires no gradient in a compiled call" in note for note in told["notes"])
    compared = [one for call in told["calls"] for one in call["compared"]]
    assert {one["outcome"] for one in compared if one["variant"] == "fixed"} <= {"same", "close"} != set()
    assert {one["variant"] for one in compared} == {"compiled", "fixed"}

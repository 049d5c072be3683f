"""A patch pack under torch: compiled, scripted, and in the workers of a DataLoader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from g2.rewrite.apply import apply
from g2.rewrite.pack import Pack, made
from g2.rewrite.pack_changes import changes

LIBRARY = """\
import torch


class Net(torch.nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x * 2
        return x


def scaled(x: torch.Tensor) -> torch.Tensor:
    return x * 2


class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return index * 2
"""
PATCHED = LIBRARY.replace(
    "        if x.sum() > 0:\n            return x * 2\n        return x\n",
    "        return torch.where(x.sum() > 0, x * 3, x)\n",
).replace("* 2", "* 3")

SCRIPT = """
import g2_patches
import inspect
import torch
from torch.utils.data import DataLoader
from lib.model import Data, Net, scaled

if __name__ == "__main__":
    print(torch.compile(Net(), backend="eager", fullgraph=True)(torch.ones(1)).item())
    print(torch.jit.script(scaled)(torch.ones(1)).item())
    loader = DataLoader(Data(), num_workers=1, multiprocessing_context="spawn")
    print([batch.item() for batch in loader])
    try:
        torch.compile(Net(), backend="eager", fullgraph=True)("text")
    except Exception as error:
        print("return torch.where(x.sum() > 0, x * 3, x)" in str(error))
"""


@pytest.mark.torch
def test_a_pack_is_served_to_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, project = tmp_path / "site-packages", tmp_path / "project"
    (site / "lib").mkdir(parents=True)
    (site / "lib" / "__init__.py").touch()
    (site / "lib" / "model.py").write_text(LIBRARY)
    project.mkdir()
    monkeypatch.syspath_prepend(str(site))
    pack = Pack(project).with_patch(made(str(site / "lib" / "model.py"), PATCHED.encode()))
    apply(changes(Pack(project), pack), tmp_path / "state", str(project))
    (project / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "script.py"],
        cwd=project, env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["3.0", "3.0", "[0, 3]", "True"]
    assert "g2_patches:" not in done.stderr

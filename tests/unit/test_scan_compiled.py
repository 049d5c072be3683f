"""The scan as mypyc compiles it (G2_COMPILE=1, setup.py) sights what it sights as Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow  # gcc takes two minutes

SCAN = """
import json, sys
from dataclasses import astuple
from pathlib import Path
from g2.explain.scan import engine
from g2.explain.scan.model import SourceFile
from g2.explain.scan.scan import scan

root = Path(sys.argv[1])
files = [SourceFile(str(p.relative_to(root)), str(p), p.read_bytes) for p in sorted(root.rglob("*.py"))]
found = scan(files)
sightings = [repr(astuple(each)) for each in found.sightings]
print(json.dumps({"file": engine.__file__, "sightings": sightings, "unread": [each.why for each in found.unread]}))
"""


def asked(sources: Path, *path: Path) -> dict[str, Any]:
    """What the g2 that lies first on this path finds in a folder."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    command = [sys.executable, "-c", SCAN, str(sources)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, cwd=sources)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with g2 as it is installed with G2_COMPILE=1."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("compiled")
    source = folder / "source"
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "build", "dist", "*.egg-info", "*.so", ".*_cache")
    shutil.copytree(ROOT, source, ignore=ignored, symlinks=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--target", str(folder / "installed"), str(source)],
        capture_output=True,
        text=True,
        timeout=1200,
        env={**os.environ, "G2_COMPILE": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "installed"


def test_the_same_is_sighted_in_real_programs(compiled: Path) -> None:
    sources = ROOT / "fixtures"
    fast, plain = asked(sources, compiled), asked(sources)
    assert fast["file"].endswith(sysconfig.get_config_var("EXT_SUFFIX"))
    assert plain["file"].endswith(".py")
    assert fast["sightings"] == plain["sightings"]
    assert len(plain["sightings"]) > 20
    assert fast["unread"] == plain["unread"]


@pytest.mark.parametrize("levels", [900, 5_000, 12_000, 36_000])
def test_deep_trees_do_not_end_the_process(compiled: Path, tmp_path: Path, levels: int) -> None:
    forms = ["x = 1" + "+a" * levels, "x = a" + ".b" * levels, "x = a" + ".f(a)" * levels, "x = a" + "[0]" * levels]
    forms += ["x = " + "-" * levels + "1", "if a: b\n" + "elif a: b\n" * levels, "x = " + "1 if a else " * levels + "1"]
    head = "import torch\n@torch.compile\ndef forward(a):\n  "
    for number, form in enumerate(forms):
        (tmp_path / f"deep{number}.py").write_text(head + form.replace("\n", "\n  ") + "\n")
    found = asked(tmp_path, compiled)
    assert all("deeply" in why for why in found["unread"])

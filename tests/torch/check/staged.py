"""Graphs brought to a target by kernels_runner.py, and the stages that follow, each in its process."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

RUNNER = Path(__file__).with_name("kernels_runner.py")


def brought(name: str, folder: Path, *targets: str) -> list[Path]:
    """The folders of the graphs of a program, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, str(RUNNER), name, str(folder), *targets],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = sorted(path for path in folder.glob("g*-*") if path.is_dir())
    assert found
    return found


def run(stage: str, graph: Path, target: str, *words: str) -> dict[str, Any]:
    """What `python -m g2.check.child.STAGE` left."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", f"g2.check.child.{stage}", str(graph), "--target", target, *words],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    left = {"interpret": "interpreted", "assemble": "assembled"}[stage]
    data: dict[str, Any] = json.loads((graph / target / f"{left}.json").read_text("utf-8"))
    return data


def planted(graph: Path, place: Path, target: str, old: str, new: str, kernel: str = "") -> tuple[Path, str]:
    """A copy of a graph's folder in which the first `old` (a pattern) of a kernel's text is another; and that
    kernel.
    """
    shutil.copytree(graph, place)
    path = place / target / "module.py"
    (path.parent / "interpreted.json").unlink(missing_ok=True)
    text = path.read_text("utf-8")
    for found in re.finditer(
        r"^(triton_\w+) = async_compile\.triton\('\w+', '''\n(.*?)'''", text, re.MULTILINE | re.DOTALL
    ):
        name, source = found[1], found[2]
        if not name.startswith(kernel):
            continue
        head, body = source[: source.index("\ndef " + name)], source[source.index("\ndef " + name) :]
        changed, count = re.subn(old, new, body, count=1)
        if count:
            path.write_text(text[: found.start(2)] + head + changed + text[found.end(2) :], "utf-8")
            return place, name
    raise AssertionError(f"no kernel has {old!r}")


def python(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script elsewhere, as somebody without g2 would."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-P", str(path), *words],
        capture_output=True, text=True, timeout=600, cwd=path.parent, env=clean, check=False,
    )  # fmt: skip

"""The practice programs against their truth. Each runs where its libraries are installed; CI has torch alone."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ZOO = ROOT / "fixtures" / "zoo"
sys.path.insert(0, str(ROOT / "bench"))

import zoo_truth  # noqa: E402  # pyright: ignore[reportMissingImports]

# The truth was taken with these; another version of a library has other lines, and another torch other breaks.
TORCH = "2.13"
VERSIONS = {"gm_": ("transformers", "4.52.")}


def needs(script: Path) -> list[str]:
    """The distributions a program asks for in its header."""
    lines = (line for line in script.read_text("utf-8").splitlines() if line.startswith("# pip:"))
    return next(lines).partition(":")[2].split()


def missing(script: Path) -> str | None:
    """Why a program cannot be run here."""
    if not version("torch").startswith(TORCH):
        return f"the truth was taken with torch {TORCH}"
    absent = [name for name in needs(script) if not version(name)]
    if absent:
        return f"needs {', '.join(absent)}"
    for prefix, (name, wanted) in VERSIONS.items():
        if script.stem.startswith(prefix) and not version(name).startswith(wanted):
            return f"needs {name} {wanted}*"
    return None


def version(name: str) -> str:
    try:
        return importlib.metadata.version(name.partition("==")[0])
    except importlib.metadata.PackageNotFoundError:
        return ""


def programs() -> list[object]:
    out: list[object] = []
    for script in sorted(ZOO.glob("*.py")):
        why = missing(script)
        marks = [pytest.mark.torch]
        if needs(script) != ["torch"]:
            marks.append(pytest.mark.slow)
        if why is not None:
            marks.append(pytest.mark.skip(reason=why))
        out.append(pytest.param(script, id=script.stem, marks=marks))
    return out


@pytest.mark.parametrize("script", programs())
def test_program(script: Path) -> None:
    found = zoo_truth.compare(script)
    truth = zoo_truth.TRUTH[script.stem]
    assert found.session.exit_code == 0
    assert not found.missing, "\n".join(map(str, found.missing))
    assert not found.added, "\n".join(map(str, found.added))
    assert not found.after_effects_missed
    if truth["expect"] == "clean":
        assert not found.session.breaks
    if truth["expect"] != "error":  # there the truth ends where Dynamo raised
        assert found.graphs[0] == found.graphs[1]
        assert found.recompiles[0] == found.recompiles[1]


def test_every_program_has_its_truth() -> None:
    assert {script.stem for script in ZOO.glob("*.py")} == set(zoo_truth.TRUTH)


def test_a_difference_is_seen() -> None:
    script = ZOO / "packed_lstm.py"
    (site, *_) = zoo_truth.TRUTH["packed_lstm"]["sites"]
    other = {**site, "code": "another line"}
    place, moved = (zoo_truth.expected(s) for s in (site, other))
    assert zoo_truth.same(place, place) and not zoo_truth.same(moved, place)
    assert script.is_file()

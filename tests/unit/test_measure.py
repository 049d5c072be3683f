"""Kernels timed by a profiler: what belongs to which call. No device is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from g2.check import fold
from g2.check.child import measure
from g2.check.child.measure import Ran, by_kernel
from g2.check.model import Kernel, Lowered

NAMES = ("triton_one", "triton_two")


def call(at: float, *kernels: tuple[str, float]) -> list[Ran]:
    """Microseconds: what was written over the cache, then a marked call with kernels of so many."""
    seen = [Ran("memset", at - 50, at - 10, True), Ran(measure._MARK, at, at + 500, False)]
    for name, length in kernels:
        at += 20
        seen.append(Ran(name, at, at + length, True))
    return seen


def test_all_launches_of_a_call_count_and_the_median_of_calls() -> None:
    seen = [
        *call(1000, ("triton_one", 3), ("triton_two", 10), ("triton_one", 4)),
        *call(3000, ("triton_one", 4), ("triton_two", 12), ("triton_one", 4)),
        *call(5000, ("triton_one", 90), ("triton_two", 11), ("triton_one", 9), ("cublas", 50)),
        Ran("triton_one", 9000, 9999, True),  # belongs to no call
        Ran(measure._MARK, 1000, 1500, True),  # the mark as the device has it
    ]
    assert by_kernel(seen, NAMES) == pytest.approx({"triton_one": 8e-6, "triton_two": 11e-6})


def test_nothing_seen_is_nothing_measured() -> None:
    assert by_kernel([], NAMES) == {}
    assert by_kernel(call(1000, ("other", 3)), NAMES) == {}


def test_what_was_measured_comes_to_its_kernel(tmp_path: Path) -> None:
    lowered = Lowered("native", (Kernel("triton_one", "triton"), Kernel("extern_kernels.mm", "library")))
    (tmp_path / measure.RESULT).write_text(json.dumps({"kernels": {"triton_one": 8e-6}, "why": ""}))
    assert [one.measured_s for one in fold._lowered(lowered, tmp_path).kernels] == [8e-6, None]
    (tmp_path / measure.RESULT).write_text("{")
    assert [one.measured_s for one in fold._lowered(lowered, tmp_path).kernels] == [None, None]


@pytest.mark.torch
def test_without_a_gpu_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (tmp_path / measure.NATIVE).mkdir()
    assert measure.main([str(tmp_path)]) == 0
    found = json.loads((tmp_path / measure.NATIVE / measure.RESULT).read_text())
    assert found == {"kernels": {}, "why": "RuntimeError: there is no GPU here"}

"""Kernels assembled for GPUs that are not there, and how many warps of them a processor holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import staged

from g2.check.child.assemble.occupancy import occupancy


@pytest.mark.parametrize(
    ("target", "warps", "registers", "shared", "share"),
    [
        # NVIDIA's own calculator: 128 threads of 64 registers fill 8 of 16 places on an A100.
        ("sm_80", 4, 64, 0, 0.5),
        ("sm_80", 4, 32, 0, 1.0),
        ("sm_90", 8, 255, 0, 0.125),
        ("sm_90", 4, 32, 100 * 1024, 0.125),  # shared memory for two blocks
        ("sm_89", 8, 40, 0, 1.0),  # 48 warps
        ("sm_90", 1, 16, 0, 0.5),  # 32 blocks of one warp
        ("gfx942", 4, 64, 0, 1.0),
        ("gfx942", 4, 128, 0, 0.5),
        ("gfx942", 4, 32, 32 * 1024, 0.25),
    ],
)
def test_occupancy(target: str, warps: int, registers: int, shared: int, share: float) -> None:
    assert occupancy(target, warps, registers, shared) == share


def test_what_does_not_fit_has_no_occupancy() -> None:
    assert occupancy("sm_90", 4, 32, 1 << 20) is None
    assert occupancy("sm_1", 4, 32, 0) is None


@pytest.mark.torch
@pytest.mark.slow
def test_every_kernel_on_every_target(tmp_path: Path) -> None:
    targets = ("sm_80", "sm_90", "sm_100", "gfx942")
    graphs = staged.brought("block", tmp_path, *targets)
    for target in targets:
        for graph in graphs:
            data = staged.run("assemble", graph, target)
            assert data["kernels"] and not data["why"]
            last = {"hsaco"} if target == "gfx942" else {"ptx", "cubin"}
            for name, one in data["kernels"].items():
                assert {"ttir", "ttgir", "llir", *last} <= {*one["forms"]}, (name, one)
                assert one["registers"] > 0 and one["spills"] == 0 and 0 < one["occupancy"] <= 1, (name, one)
                for form in one["forms"]:
                    assert (graph / target / "assembled" / f"{name}.{form}").stat().st_size > 0


@pytest.mark.torch
@pytest.mark.slow
def test_one_that_crashes_or_does_not_compile_is_named_alone(tmp_path: Path) -> None:
    (graph,) = staged.brought("pieces", tmp_path / "pieces", "sm_90")
    place, broken = staged.planted(
        graph, tmp_path / "broken", "sm_90", r"\n    xnumel = ", "\n    no_such_name + 1\n    xnumel = "
    )
    data = staged.run("assemble", place, "sm_90")
    assert "no_such_name" in data["kernels"][broken]["why"]
    assert all("cubin" in one["forms"] for name, one in data["kernels"].items() if name != broken)
    path = place / "sm_90" / "module.py"
    text = path.read_text("utf-8")
    start = text.index(f"{broken} = async_compile")
    at = text.index("import triton\n", start)
    path.write_text(text[:at] + "import os; os.kill(os.getpid(), 11)\n" + text[at:], "utf-8")
    data = staged.run("assemble", place, "sm_90")
    assert "SIGSEGV" in data["kernels"][broken]["why"]
    assert all("cubin" in one["forms"] for name, one in data["kernels"].items() if name != broken)

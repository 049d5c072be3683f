"""Graphs brought to GPUs that are not there: whole, with their lines, what they move, or named with what stops them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from g2.capture.codec import build
from g2.check.model import Graph, Kernel

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(sys.platform != "linux", reason="triton is for Linux, and so are forks of a process with torch"),
]
RUNNER = Path(__file__).with_name("kernels_runner.py")
TARGETS = ("sm_80", "sm_90", "sm_100", "gfx942")
LINES = {
    found[1]: number
    for number, text in enumerate(RUNNER.read_text("utf-8").splitlines(), 1)
    if (found := re.search(r"# mark: (\w+)$", text))
}


@dataclass(frozen=True)
class Brought:
    """The graphs of a program, what else was told, and the folder of the call."""

    graphs: tuple[Graph, ...]
    events: list[dict[str, Any]]
    folder: Path

    def only(self) -> Graph:
        (graph,) = self.graphs
        return graph

    def whole(self) -> None:
        """Nothing was left: every graph on every target, each kernel with a line, each launch with a grid."""
        assert not [event for event in self.events if event["e"] in ("note", "failed")]
        for graph in self.graphs:
            for lowered in graph.lowered:
                assert lowered.stopped_by == "", (graph.id, graph.kind, lowered.target, lowered.stopped_by)
                assert lowered.kernels and (self.folder / lowered.module).is_file()
                for kernel in lowered.kernels:
                    assert kernel.lines and (kernel.grid or kernel.kind == "library"), kernel


def brought(name: str, folder: Path, *targets: str, env: dict[str, str] | None = None) -> Brought:
    done = subprocess.run(
        [sys.executable, str(RUNNER), name, str(folder), *(targets or ("sm_90",))],
        capture_output=True, text=True, timeout=600, env={**os.environ, **(env or {})}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    events = json.loads(done.stdout.splitlines()[-1])
    return Brought(tuple(build(Graph, one["graph"]) for one in events if one["e"] == "graph"), events, folder)


def where(kernel: Kernel) -> set[int]:
    """Its lines in the runner."""
    return {line.line for line in kernel.lines if Path(line.path) == RUNNER}


def test_lines_are_the_right_ones_through_a_break_and_in_backward(tmp_path: Path) -> None:
    found = brought("marked", tmp_path)
    found.whole()
    kinds = [graph.kind for graph in found.graphs]
    assert kinds == ["forward", "forward", "backward", "backward"]
    assert len({graph.id for graph in found.graphs}) == 2
    assert found.graphs[0].id == found.graphs[3].id and found.graphs[1].id == found.graphs[2].id
    before, after, back_of_after, back_of_before = (graph.lowered[0].kernels for graph in found.graphs)
    assert {kernel.kind for kernel in before} == {"triton", "library"}
    for kernel in (*before, *back_of_before):
        assert where(kernel) <= {LINES["first"], LINES["sigmoid"]}
    assert {line for kernel in before for line in where(kernel)} == {LINES["first"], LINES["sigmoid"]}
    (library,) = (kernel for kernel in before if kernel.kind == "library")
    assert where(library) == {LINES["first"]} and library.ops == ("aten.addmm.default",)
    behind = {LINES["second"], LINES["helped"], LINES["outer"]}
    for kernels in (after, back_of_after):
        assert {line for kernel in kernels for line in where(kernel)} == behind
        (generated,) = (kernel for kernel in kernels if LINES["helped"] in where(kernel))
        assert generated.kind == "triton"
    for kernel in (one for kernels in (before, after, back_of_after, back_of_before) for one in kernels):
        assert {line.path for line in kernel.lines} <= {str(RUNNER)}
    (function,) = {line.function for kernel in after for line in kernel.lines if line.line == LINES["second"]}
    assert function == "forward"  # of a resume function, the name of what it resumes


@pytest.mark.slow
def test_a_training_block_on_every_target(tmp_path: Path) -> None:
    found = brought("block", tmp_path, *TARGETS)
    found.whole()
    assert [graph.kind for graph in found.graphs] == ["forward", "backward"]
    for target, said in zip(TARGETS, ("cc=80", "cc=90", "cc=100", "type='hip'"), strict=True):
        assert said in (tmp_path / "g0-forward" / target / "module.py").read_text()
    data = json.loads((tmp_path / "g0-forward" / "graph.json").read_text())
    assert data["random"] and data["values"] and all(node["lines"] for node in data["nodes"])
    attention = "aten._scaled_dot_product_efficient_attention"
    for graph, op in zip(found.graphs, (f"{attention}.default", f"{attention}_backward.default"), strict=True):
        assert any(op in kernel.ops for kernel in graph.lowered[0].kernels if kernel.kind == "library")
        assert 0 < graph.needed_bytes < graph.eager_bytes and graph.flops > 0


def test_half_precision_attention_is_the_flash_kernel(tmp_path: Path) -> None:
    found = brought("half", tmp_path)
    found.whole()
    library = {kernel.name: kernel for kernel in found.graphs[0].lowered[0].kernels if kernel.kind == "library"}
    (flash,) = (kernel for name, kernel in library.items() if "_scaled_dot_product_flash_attention" in name)
    # q, k, v of (2, 4, 12, 8) in bfloat16; two matmuls of 12 x 12 x 8 for each head; out and logsumexp at least.
    assert flash.read == 3 * 2 * 4 * 12 * 8 * 2 and flash.flops == 2 * 2 * (2 * 4) * 12 * 12 * 8
    assert flash.dtype == "bfloat16" and flash.written >= 2 * 4 * 12 * 8 * 2


@pytest.mark.parametrize("name", ["pieces", "convolution", "dynamic"])
def test_other_kinds_of_operators_go_through(name: str, tmp_path: Path) -> None:
    found = brought(name, tmp_path)
    found.whole()
    data = json.loads((tmp_path / f"g0-{found.graphs[0].kind}" / "graph.json").read_text())
    if name == "pieces":
        assert data["written"] and (tmp_path / "g0-inference" / "written.pt").is_file()
    if name == "convolution":
        names = {kernel.name for graph in found.graphs for kernel in graph.lowered[0].kernels}
        assert "extern_kernels.convolution" in names
        lines = {line for graph in found.graphs for kernel in graph.lowered[0].kernels for line in kernel.lines}
        assert ("file.py", 1) in {(line.path, line.line) for line in lines}  # nn.Sequential has no lines: the root's


def test_an_operator_for_the_cpu_alone_is_named(tmp_path: Path) -> None:
    lowered = brought("cpu alone", tmp_path).only().lowered[0]
    assert lowered.stopped_by.startswith("g2_tests.odd.default: ")
    assert {kernel.kind for kernel in lowered.kernels} == {"triton", "library"}  # the rest is shown


def test_what_a_kernel_moves(tmp_path: Path) -> None:
    graph = brought("added", tmp_path).only()
    (kernel,) = graph.lowered[0].kernels
    assert (kernel.read, kernel.written, kernel.flops) == (4000, 4000, 2000)
    assert (graph.eager_bytes, graph.needed_bytes) == (16000, 8000)
    assert kernel.ops == ("aten.add.Tensor", "aten.relu.default") and kernel.launches == 1
    calls = json.loads((tmp_path / "g0-inference" / "sm_90" / "kernels.json").read_text())["calls"]
    assert [call["kernel"] for call in calls] == [kernel.name] and calls[0]["args"][1:] == ["buf0", 1000]


def test_what_a_library_call_moves(tmp_path: Path) -> None:
    (kernel,) = brought("product", tmp_path).only().lowered[0].kernels
    assert (kernel.kind, kernel.name, kernel.dtype) == ("library", "extern_kernels.mm", "float32")
    assert kernel.flops == 2 * 16 * 32 * 64 and kernel.written == 16 * 64 * 4
    assert kernel.read == (16 * 32 + 32 * 64) * 4


def test_what_stops_a_target_is_said(tmp_path: Path) -> None:
    env = {"CXX": "no-such-compiler", "TORCH_EXTENSIONS_DIR": str(tmp_path / "empty")}
    without, unknown = brought("added", tmp_path / "one", "sm_90", "sm_1", env=env).only().lowered
    assert "C++ compiler" in without.stopped_by and not without.kernels
    assert unknown.stopped_by == "sm_1 is not a target that g2 can plan for; it knows sm_80, sm_90, sm_100, gfx942."

"""Kernels run by Triton's interpreter: right ones are found right, and a planted mistake is named at its kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
import staged

pytestmark = [pytest.mark.torch, pytest.mark.slow]


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A transformer's layer in training: embedding, layer norm, attention, gelu, dropout, cross entropy."""
    return staged.brought("block", tmp_path_factory.mktemp("block"), "sm_90", "sm_80")


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Scatter, accumulation, sort, cumsum, topk, random numbers, a buffer that is written."""
    return staged.brought("pieces", tmp_path_factory.mktemp("pieces"), "sm_90")


def right(graph: Path, target: str = "sm_90") -> dict[str, object]:
    data = staged.run("interpret", graph, target)
    assert data["outcome"] in ("same", "close"), (data["why"], data["outputs"])
    assert data["why"] == "" and data["kernels"] and not data["sampled"] and data["how"] == "float64", data
    assert all(one["outcome"] in ("same", "close") for one in data["outputs"])
    return data


def test_a_layer_in_training_forward_and_backward(block: list[Path]) -> None:
    for graph in block:
        right(graph)


def test_scatter_sort_scan_and_random_numbers(pieces: list[Path]) -> None:
    for graph in pieces:
        right(graph)


@pytest.mark.parametrize("name", ["convolution", "half", "written"])
def test_batch_norm_and_bfloat16_and_a_buffer_of_which_rounding_is_left(name: str, tmp_path: Path) -> None:
    for graph in staged.brought(name, tmp_path, "sm_90"):
        right(graph)


def test_what_another_target_has_alike_is_interpreted_once(block: list[Path]) -> None:
    first, again = right(block[0]), staged.run("interpret", block[0], "sm_80")
    assert again["outcome"] == first["outcome"]
    if "as" in again:
        assert again["as"] == "sm_90" and again["kernels"] == first["kernels"]


@pytest.mark.parametrize("words", [(), ("--sample", "3")], ids=["whole", "sampled"])
def test_a_planted_minus_is_named_at_its_kernel(block: list[Path], tmp_path: Path, words: tuple[str, ...]) -> None:
    for number, graph in enumerate(block):
        place, kernel = staged.planted(
            graph, tmp_path / str(number), "sm_90", r"(tmp\d+) = (tmp\d+) \+ (tmp\d+)\n", r"\1 = \2 - \3\n"
        )
        data = staged.run("interpret", place, "sm_90", *words)
        assert data["outcome"] == "differs"
        wrong = [name for name, one in data["kernels"].items() if one["outcome"] == "differs"]
        assert wrong and wrong[0] == kernel, (wrong, kernel)
        assert kernel in data["why"]


def test_one_wrong_element_at_the_end_is_found(block: list[Path], tmp_path: Path) -> None:
    place, kernel = staged.planted(
        block[1],
        tmp_path / "last",
        "sm_90",
        r"tl\.store\((out_ptr2) \+ \((x\d)\), (tmp\d+), xmask\)",
        r"tl.store(\1 + (\2), tl.where(xindex == xnumel - 1, \3 + 1, \3), xmask)",
        "triton_poi",
    )
    data = staged.run("interpret", place, "sm_90")
    assert data["kernels"][kernel]["why"].startswith("1 of "), data["kernels"]


def test_a_kernel_that_reads_elsewhere_is_named(block: list[Path], tmp_path: Path) -> None:
    place, kernel = staged.planted(
        block[0], tmp_path / "far", "sm_90", r"tl\.load\((in_ptr\d+) \+ \(", r"tl.load(\1 + (1000000 + "
    )
    data = staged.run("interpret", place, "sm_90")
    assert data["outcome"] == "differs" and "reads" in data["kernels"][kernel]["why"]


def test_a_kernel_that_ends_the_process_does_not_take_the_others_with_it(block: list[Path], tmp_path: Path) -> None:
    place, kernel = staged.planted(
        block[0],
        tmp_path / "crash",
        "sm_90",
        r"\n    xnumel = ",
        "\n    import os; os.kill(os.getpid(), 11)\n    xnumel = ",
    )
    data = staged.run("interpret", place, "sm_90")
    assert "ended" in data["kernels"][kernel]["why"] and data["kernels"][kernel]["outcome"] == ""
    others = [one["outcome"] for name, one in data["kernels"].items() if name != kernel]
    assert "close" in others or "same" in others

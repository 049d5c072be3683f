"""Floors, the memory wall, and the pictures of them."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2.check import roofline
from g2.check.devices import Device, device, this_machine
from g2.check.model import Call, Graph, Interval, Kernel, Line, Lowered, Machine, Speed, Timed
from g2.check.roofline import (
    call_floor,
    call_wall,
    dearest,
    eager_floor,
    here,
    is_product,
    kernel_floor,
    limit,
    lowered_floor,
    meant,
    reached,
    total,
    wall,
)  # fmt: skip
from g2.cli.checking.chart import terminal
from g2.cli.checking.picture import svg

MIB = 1 << 20


def on(name: str = "h200") -> Device:
    found = device(name)
    assert found is not None
    return found


PRODUCT = Kernel(
    "extern_kernels.addmm", "library", (Line("model.py", 12),), ("aten.addmm.default",),
    read=12 * MIB, written=4 * MIB, flops=2 * 2048 * 1024 * 4096, dtype="bfloat16",
)  # fmt: skip
NORM = Kernel(
    "triton_per_fused_addmm_layer_norm_0", "triton", ops=("aten.addmm.default", "aten.native_layer_norm.default"),
    read=64 * MIB, written=32 * MIB, flops=128 * MIB, dtype="float32",
)  # fmt: skip
SMALL = Kernel("triton_poi_fused_add_1", "triton", launches=3, read=8192, written=4096, flops=1024, dtype="float32")
COPY = Kernel("triton_poi_fused_clone_2", "triton", read=8 * MIB, written=8 * MIB)
CONVOLUTION = Kernel(
    "extern_kernels.convolution", "library", ops=("aten.convolution.default",),
    read=MIB, written=MIB, flops=10**11, dtype="float32",
)  # fmt: skip
ALL = (PRODUCT, NORM, SMALL, COPY, CONVOLUTION)


def test_what_binds() -> None:
    assert kernel_floor(PRODUCT, on()).binds == "arithmetic"
    assert kernel_floor(NORM, on()).binds == "memory"
    assert kernel_floor(SMALL, on()).binds == "launch"
    assert kernel_floor(Kernel("nothing", "triton", launches=0), on()).binds == ""


def test_a_floor_is_bytes_over_bandwidth() -> None:
    floor = kernel_floor(COPY, on())
    assert floor.seconds == pytest.approx(16 * MIB / 4.8e12)
    assert floor.intensity == 0


def test_only_what_calls_a_product_has_the_rate_of_matrix_units() -> None:
    assert is_product(PRODUCT)
    assert not is_product(NORM)  # adds the bias of one, and is named for it
    assert is_product(Kernel("triton_tem_fused_mm_0", "triton", ops=("aten.mm.default",)))
    assert not is_product(Kernel("extern", "library", ops=("aten.upsample_bilinear2d.vec",)))
    assert limit(CONVOLUTION, on()) == ("tf32 matrix units", on().matrix["tf32"])
    assert limit(replace(PRODUCT, dtype="float32"), on()) == ("float32", on().vector["float32"])


def test_launches_that_no_figure_is_known_for_are_no_part() -> None:
    assert on("mi300x").launch is None
    assert kernel_floor(SMALL, on("mi300x")).binds == "memory"


def test_replaying_a_graph_costs_no_more_than_launching() -> None:
    assert kernel_floor(SMALL, on(), replayed=True).seconds < kernel_floor(SMALL, on()).seconds


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 50), st.integers(1, 100))
def test_more_work_is_never_done_sooner(moved: int, flops: int, launches: int) -> None:
    one = Kernel("k", "triton", read=moved, flops=flops, launches=launches, dtype="float32")
    floor = kernel_floor(one, on())
    assert floor.seconds >= max(floor.memory, floor.arithmetic, floor.launch)
    for more in (replace(one, read=moved + MIB), replace(one, flops=flops + MIB), replace(one, launches=launches + 1)):
        assert kernel_floor(more, on()).seconds >= floor.seconds


def test_kernels_run_one_after_the_other() -> None:
    lowered = Lowered("sm_90", ALL)
    whole = lowered_floor(lowered, on())
    assert whole.seconds == pytest.approx(sum(kernel_floor(one, on()).seconds for one in ALL))
    assert whole.launches == 7
    assert total(()).binds == "" and total(()).seconds == 0
    assert [kernel.name for kernel, _ in dearest(ALL, on(), 2)] == [CONVOLUTION.name, NORM.name]


def call() -> Call:
    forward = Graph("0/0", "forward", 40, eager_bytes=600 * MIB, needed_bytes=50 * MIB, flops=10**9,
                    lowered=(Lowered("sm_90", ALL), Lowered("gfx942", ALL[:2])))  # fmt: skip
    backward = Graph("0/0", "backward", 60, eager_bytes=900 * MIB, needed_bytes=50 * MIB, lowered=(
        Lowered("sm_90", (), stopped_by="aten.complex_op"),))  # fmt: skip
    return Call("model", Line("m.py", 1), 0, "", True, graphs=(forward, backward))


def test_the_memory_wall() -> None:
    graph = call().graphs[0]
    found = wall(graph, graph.lowered[0])
    moved = sum(kernel.read + kernel.written for kernel in ALL)
    assert (found.eager, found.fused, found.needed) == (600 * MIB, moved, 50 * MIB)
    assert found.saved == pytest.approx(600 * MIB / moved)
    assert found.left is not None and found.left > 1
    assert call_wall(call(), "sm_90") == found  # the backward graph was not brought there
    assert call_wall(call(), "sm_80").saved is None


def test_a_call_has_a_floor_only_where_it_was_lowered_and_limits_are_known() -> None:
    as_h100, as_h200 = call_floor(call(), "sm_90"), call_floor(call(), "sm_90", on("h200"))
    assert as_h100 is not None and as_h200 is not None and as_h200.seconds < as_h100.seconds
    assert call_floor(call(), "sm_80") is None
    assert call_floor(call(), "sm_75") is None
    floor = eager_floor(call().graphs[0], on())
    assert floor.launches == 40 and floor.memory == pytest.approx(600 * MIB / 4.8e12)


def test_what_was_reached() -> None:
    floor = kernel_floor(NORM, on())
    assert reached(floor, 2 * floor.seconds) == pytest.approx(0.5)
    assert reached(floor, None) is None


@pytest.mark.parametrize("width", [60, 72, 80, 120])
@pytest.mark.parametrize("name", ["h200", "l4", "mi300x"])
def test_the_picture_fits_the_terminal(width: int, name: str) -> None:
    lines = terminal(ALL, on(name), width).splitlines()
    assert max(map(len, lines)) <= min(width, 80)
    text = "\n".join(lines)
    picture, _, listed = text.partition("FLOP/s upward")
    assert "/" in picture and "---" in picture
    for kernel in ALL:
        assert kernel.name[:12] in listed
    for letter in "abcd":
        assert f"\n{letter} " in listed
    assert "Floors, not times" in listed
    assert lines[0].isascii()


def test_kernels_in_one_place_are_a_plus() -> None:
    other = replace(NORM, name="another")
    assert "+" in terminal((NORM, other), on()).split("FLOP/s upward")[0].replace("+---", "")


@pytest.mark.parametrize("kernels", [(), (COPY,), (SMALL,), tuple(replace(NORM, name=f"k{n}") for n in range(80))])
def test_any_number_of_kernels(kernels: tuple[Kernel, ...]) -> None:
    assert terminal(kernels, on())
    ElementTree.fromstring(svg(kernels, on(), "model"))


def test_the_svg_escapes_what_comes_from_the_program() -> None:
    name = "<script>alert(1)</script>&\x1b"
    hostile = replace(NORM, name=name, lines=(Line('a"<b>.py', 3),))
    text = svg((hostile, PRODUCT), on(), "model <b>")
    assert "<script>" not in text and "<b>" not in text
    root = ElementTree.fromstring(text)
    titles = [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any("alert(1)" in title and "memory binds" in title for title in titles)
    assert "prefers-color-scheme:dark" in text
    assert "floors, not times" in text


def test_what_was_measured_is_drawn_as_such() -> None:
    measured = replace(NORM, measured_s=2 * kernel_floor(NORM, on()).seconds)
    text = svg((measured, PRODUCT), on(), "model")
    assert "50% of the limit" in text and 'class="point memory"' in text and 'class="floor arithmetic"' in text
    drawn = terminal((measured, PRODUCT), on())
    assert "50%" in drawn and "Floors, not times" not in drawn


def test_the_gpu_that_is_there_is_the_one_that_was_timed() -> None:
    def timed(name: str) -> Call:
        return replace(call(), speed=Speed(name, "Triton", 1, "forward"))

    assert meant(call(), "h200") == device("h200")
    assert meant(timed("cuda (NVIDIA H200)"), "native") == device("h200")
    assert meant(timed("cuda (NVIDIA T1000)"), "native") is None  # its limits are not known
    assert meant(timed("cpu"), "native") is None and meant(call(), "native") is None


def test_a_view_launches_nothing() -> None:
    view = Kernel("torch.ops.aten.view_as_real.default", "library", launches=3)
    floor = kernel_floor(view, on())
    assert (floor.seconds, floor.binds) == (0, "")


def test_a_measured_processor_has_one_roof() -> None:
    measured = this_machine("CPU", 1, 30e9, 16e9, 32e6, {"float32": 1e11})
    assert "100 GFLOP/s" in terminal((replace(NORM, flops=10**11),), measured)
    assert "measured here" in svg((NORM,), measured, "model")
    assert roofline.kernel_floor(NORM, measured).launch == 0


def test_what_a_processor_reached_of_its_own_limits() -> None:
    machine = Machine("CPU", 1, bandwidth=10e9, cache=MIB, rates=(("float32", 1e11),))
    timed = (Timed("eager", Interval(0.03, 0.03, 0.03, 9)), Timed("compiled", Interval(0.02, 0.02, 0.02, 9)))
    speed = Speed("cpu", "Inductor's C++ backend", 1, "forward", timed, machine=machine)
    found = replace(call(), speed=speed)
    limits = here(found)
    assert limits is not None and not limits.floor.cached and limits.on.measured
    assert limits.floor.seconds == pytest.approx(10**9 / 1e11)  # arithmetic binds; backward was not timed
    assert limits.reached == pytest.approx(0.5)
    both = here(replace(found, speed=replace(speed, what="forward and backward")))
    assert both is not None and both.floor.seconds == pytest.approx(10**9 / 1e11 + 50 * MIB / 10e9)
    assert here(call()) is None
    assert here(replace(found, graphs=())) is None
    assert here(replace(found, speed=replace(speed, timed=timed[:1]))) is None

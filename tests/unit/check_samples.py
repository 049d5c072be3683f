"""A check as a run could have left it: two targets, a wrong kernel, words that want to be more than text."""

from __future__ import annotations

from g2.check.model import (
    Assembled,
    Call,
    Check,
    Compared,
    Graph,
    Interval,
    Kernel,
    Line,
    Lowered,
    Operators,
    Part,
    Speed,
    Timed,
    Worst,
    Wrong,
)

EVIL = "<script>alert(1)</script>\x1b[31m[red]x[/]"
HOME = Line("/home/me/net.py", 12, "Net.forward")


def kernel(name: str, checked: str = "close") -> Kernel:
    """A fused kernel that reads and writes a megabyte."""
    return Kernel(
        name, "triton", (HOME, Line("/lib/site-packages/acme/layers.py", 7, "gelu")), ("aten.gelu.default",), 2, (64,),
        600_000, 400_000, 2_000_000, "float32", checked, 3e-7,
        Assembled(("ttir", "ttgir", "llir", "ptx", "cubin"), 32, 0, 1024, 0.75),
    )  # fmt: skip


def lowered(target: str, outcome: str = "close") -> Lowered:
    """A graph of two kernels."""
    own = kernel("triton_poi_fused_gelu_0", outcome)
    library = Kernel("extern_kernels.mm", "library", (HOME,), ("aten.mm.default",), 1, (), 4_000, 4_000, 9_000_000)
    return Lowered(target, (own, library), "", "module.py", 1.2, outcome)


def speed() -> Speed:
    """Eager, and two compiled ones of which one shows no difference."""
    return Speed(
        "cpu", "Inductor's C++ backend", 1, "forward and backward",
        (
            Timed("eager", Interval(0.003, 0.0029, 0.0031, 20), 0.01),
            Timed("compiled", Interval(0.002, 0.0019, 0.0021, 20), 9.0, 8.9, 1_000_000),
            Timed("fixed", Interval(0.003, 0.0029, 0.0031, 20), 9.0, 8.9, 1_000_000),
        ),
        (("compiled", Interval(1.5, 1.4, 1.6, 20)), ("fixed", Interval(1.0, 0.97, 1.03, 20))),
        (("compiled", 8900),), 0.05, ("One thread was used.",),
    )  # fmt: skip


def call(wrong: bool = False, words: str = "x: float32[8, 16]") -> Call:
    """A call with everything. wrong: compiled differs."""
    compared = (Compared("compiled", "as recorded", "close"), Compared("compiled", "x negated", "same"))
    found: tuple[Wrong, ...] = ()
    if wrong:
        worst = Worst("the output", (3, 4), 1.0, 2.0, 1.0000001)
        compared = (*compared, Compared("compiled", words, "differs", f"4 of 9 elements differ {words}", worst=worst))
        found = (Wrong("0/0", "cpp_fused_0", "aten.relu.default", (HOME,), worst, "/home/me/r/repro.py", words),)
    graph = Graph("0/0", "forward", 12, (HOME,), 9_000_000, 500_000, 11_000_000, (lowered("sm_90"), lowered("gfx942")))
    return Call(
        "Net.forward", HOME, 0, words, True, (graph,), compared, found, speed(),
        (Part("kernels of the fixed script", f"it took too long {words}"),), (f"A note. {words}",),
    )  # fmt: skip


def check(wrong: bool = False, words: str = "x: float32[8, 16]") -> Check:
    """A whole check."""
    aten = Operators("aten", (("aten.mm.default", 3),))
    levels = (aten, Operators("prims", (("prims.mul", 2),), ("aten.mm.default",)))
    return Check(
        "1.0", ("net.py",), "/home/me", 0, "3.11.7", "2.13.0", "3.7.1", "cpu", ("sm_90", "mi300x"), 1.0, 30.0,
        (call(wrong, words),), levels, "", (f"A thing was not seen. {words}",), None, 1.1, ("A note.",),
    )  # fmt: skip

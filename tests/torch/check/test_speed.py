"""Measuring: what the figures are made of, and one real call measured. Never how long anything takes."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from g2.capture.codec import build
from g2.check.asked import Asked
from g2.check.child import timing, timing_memory
from g2.check.child.moment import Moment
from g2.check.child.parts import speed
from g2.check.child.timing_call import Called
from g2.check.child.timing_cuda import groups
from g2.check.model import Interval, Speed, Timed

# What Inductor imports is deprecated in torch itself, and says so.
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")]


@dataclass(frozen=True)
class Plain(Moment):
    """A moment whose root torch.compile itself compiles."""

    def compiled(self, compiler: Any) -> Callable[..., Any]:
        torch.compiler.reset()
        compile_: Any = torch.compile
        run: Callable[..., Any] = compile_(self.eager, backend=compiler)
        return run


def moment(call: Any, *args: Any, trains: bool = False, threads: int = 1) -> Plain:
    module = call if isinstance(call, torch.nn.Module) else None
    return Plain("root@file.py:1", 0, module, call, call, args, {}, trains, cast(Any, None), threads)


# By the tables of the sign test (David and Nagaraja, 7.1): with 6 values from the least to the largest, with 10 from
# the 2nd to the 9th, with 100 from the 40th to the 61st.
@pytest.mark.parametrize(
    ("count", "first", "last"), [(1, 1, 1), (5, 1, 5), (6, 1, 6), (10, 2, 9), (20, 6, 15), (100, 40, 61)]
)
def test_the_interval_of_a_median(count: int, first: int, last: int) -> None:
    found = timing.interval([float(value) for value in range(count, 0, -1)])
    assert (found.low, found.high, found.samples) == (first, last, count)
    assert found.median == (count + 1) / 2


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    source = torch.Generator().manual_seed(0)
    tries = 2000
    held = 0
    for _ in range(tries):
        values = torch.empty(15).exponential_(1.0, generator=source).tolist()
        found = timing.interval(values)
        held += found.low <= math.log(2) <= found.high
    assert held / tries > 0.95


class Machine:
    """Variants that take a given time by a clock of their own; what was called in which order."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds
        self.order: list[str] = []
        self.put = 0

    def once(self, name: str) -> timing.Once:
        def once() -> dict[str, float]:
            self.order.append(name)
            return {"call": self.seconds[name] * (1 + 0.001 * (len(self.order) % 3))}

        return once

    def put_back(self) -> None:
        self.put += 1

    def rounds(self, each: float, apart: bool, seconds: float = 60.0) -> timing.Taken:
        variants = {name: self.once(name) for name in self.seconds}
        return timing.rounds(variants, self.put_back, seconds=seconds, each=each, apart=apart)


def test_rounds_stop_when_the_intervals_are_narrow() -> None:
    machine = Machine(eager=2.0, compiled=1.0)
    taken = machine.rounds(each=1.0, apart=False)
    assert taken.narrow
    assert timing.FEWEST <= len(taken.of("eager", "call")) <= timing.FEWEST + 4
    ratio = timing.interval(taken.ratios("eager", "compiled", "call"))
    assert 1.99 < ratio.low <= ratio.median <= ratio.high < 2.01


def test_rounds_take_variants_in_an_order_drawn_anew() -> None:
    machine = Machine(eager=1.0, compiled=1.0)
    machine.rounds(each=1.0, apart=False)
    pairs = {tuple(machine.order[at : at + 2]) for at in range(0, len(machine.order), 2)}
    assert pairs == {("eager", "compiled"), ("compiled", "eager")}


def test_a_call_that_changes_its_inputs_is_put_back_each_time() -> None:
    short = Machine(eager=1e-5, compiled=1e-5)
    short.rounds(each=1e-5, apart=False)
    assert short.put < len(short.order) / 100
    apart = Machine(eager=1e-5, compiled=1e-5)
    apart.rounds(each=1e-5, apart=True)
    assert apart.put == len(apart.order)


def test_rounds_end_with_their_time() -> None:
    machine = Machine(eager=1.0, compiled=1.0)
    noisy = iter(range(1, 10_000))
    taken = timing.rounds(
        {"eager": lambda: {"call": float(next(noisy))}, "compiled": machine.once("compiled")},
        machine.put_back, seconds=0.0, each=1.0, apart=False,
    )  # fmt: skip
    assert not taken.narrow and len(taken.of("eager", "call")) == 3


def test_compiling_has_paid_only_where_it_is_faster() -> None:
    def timed(name: str, seconds: float, compiling: float = 0.0) -> Timed:
        return Timed(name, Interval(seconds, seconds, seconds, 9), compiling, compiling)

    both = (timed("eager", 0.003), timed("compiled", 0.001, 10.0))
    assert speed.pays_after(both, (("compiled", Interval(3, 2.9, 3.1, 9)),)) == (("compiled", 5000),)
    assert speed.pays_after(both, (("compiled", Interval(1.1, 0.9, 1.3, 9)),)) == ()
    slower = (timed("eager", 0.001), timed("compiled", 0.003, 10.0))
    assert speed.pays_after(slower, (("compiled", Interval(0.3, 0.3, 0.4, 9)),)) == ()


@pytest.mark.skipif(sys.platform != "linux", reason="forks are made on Linux only")
def test_a_fork_works_with_several_threads() -> None:
    value = torch.randn(1 << 20)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        expected = float(value.exp().sum())  # the parent has a team of threads from here on
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            found = timing.in_new_thread(2, lambda: float(value.exp().sum()))
            os.write(write, str(found == expected).encode())
            os._exit(0)
        os.close(write)
        _, status = os.waitpid(child, 0)
        assert status == 0 and os.read(read, 10) == b"True"
        os.close(read)
    finally:
        torch.set_num_threads(before)


def test_a_new_thread_has_the_modes_of_the_old_one() -> None:
    def seen() -> tuple[object, ...]:
        grad = torch.is_grad_enabled()
        return (
            grad,
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_autocast_dtype("cpu"),
        )

    before = torch.get_num_threads()
    try:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            assert timing.in_new_thread(2, seen) == seen()
        with torch.inference_mode():
            assert timing.in_new_thread(2, seen) == seen()
        assert timing.in_new_thread(2, seen) == seen()
        with pytest.raises(ZeroDivisionError):
            timing.in_new_thread(2, lambda: 1 / 0)
    finally:
        torch.set_num_threads(before)


def test_a_call_is_timed_with_its_backward() -> None:
    module = torch.nn.Linear(4, 4)
    ticks = iter(range(100))
    called = Called(moment(module, torch.ones(2, 4), trains=True), lambda: float(next(ticks)))
    assert called.eager() == {"call": 2.0, "forward": 1.0}
    assert called.what == "forward and backward"
    assert module.weight.grad is None  # the next call starts as this one did
    forward = Called(moment(module, torch.ones(2, 4)), lambda: float(next(ticks)))
    assert forward.eager() == {"call": 1.0} and forward.what == "forward"


def test_input_sets_have_memory_of_their_own() -> None:
    module = torch.nn.Linear(4, 4)
    one = torch.ones(2, 4, requires_grad=True)
    called = Called(replace(moment(module, one), args=(module, one)), lambda: 0.0)
    sets = called.sets(3)
    assert len(sets) == 3 and all(args[0] is module for args, _ in sets)
    assert len({args[1].data_ptr() for args, _ in sets}) == 3
    assert all(torch.equal(args[1], one) and args[1].requires_grad for args, _ in sets)


def test_peak_memory_is_what_was_allocated_at_once() -> None:
    one = torch.ones(1 << 18)  # 1 MiB

    def call() -> torch.Tensor:
        two = one + 1
        three = two * 2
        del two
        return three + 1  # three and this one at once

    found = timing_memory.peak(call, torch.device("cpu"))
    assert found is not None and abs(found - (2 << 20)) < 1024  # numbers are tensors of some bytes


def test_state_that_a_call_changes_is_seen() -> None:
    class Holds(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.past: list[torch.Tensor] = []

    holds = Holds()
    before = timing.shape((vars(holds),))
    holds.past.append(torch.ones(1))
    assert timing.shape((vars(holds),)) != before
    assert timing.shape(torch.ones(2)) == timing.shape(torch.zeros(2)) != timing.shape(torch.ones(3))


def test_kernels_of_a_call_are_grouped() -> None:
    assert groups([(0, 1), (1.5, 3), (2, 2.5), (50, 51)], 10) == [[(0, 1), (1.5, 3), (2, 2.5)], [(50, 51)]]
    assert groups([], 10) == []


def told(one: Moment, folder: Path, seconds: float = 30.0) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    speed.work(one, Asked(seconds=seconds), folder, events.append)
    return events


def test_a_call_is_measured(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.GELU())
    events = told(moment(module, torch.randn(8, 32), trains=True), tmp_path, seconds=12.0)
    found = build(Speed, next(event["speed"] for event in events if event["e"] == "speed"))
    assert [one.variant for one in found.timed] == ["eager", "compiled"]
    assert found.what == "forward and backward" and [one.what for one in found.also] == ["forward"]
    assert found.backend == "Inductor's C++ backend" and found.threads == 1 and found.clock == "processor"
    for one in found.timed:
        assert 0 < one.call_s.low <= one.call_s.median <= one.call_s.high
        assert one.peak_bytes is not None and one.peak_bytes >= 8 * 64 * 4
    eager, compiled = found.timed
    assert compiled.compile_s > compiled.call_s.median and eager.compile_s == 0
    forward = found.also[0].timed[0]
    assert forward.call_s.median < eager.call_s.median
    assert found.speedups[0][0] == "compiled"
    assert found.machine is not None and found.machine.bandwidth > 0 and dict(found.machine.rates)["float32"] > 0
    kinds = [event["what"] for event in events if event["e"] == "spent"]
    assert {"compile", "call"} == set(kinds)
    assert (tmp_path / "cold").is_dir()  # what was compiled came from no cache


def test_what_cannot_be_compiled_is_still_timed_in_eager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __init__(self, _moment: Moment, _mode: str) -> None:
            raise RuntimeError("no such lowering\nand more")

    monkeypatch.setattr(speed, "Compiled", Broken)
    monkeypatch.setattr(speed, "warm", lambda _trains: None)
    events = told(moment(torch.nn.Linear(4, 4), torch.ones(2, 4)), tmp_path, seconds=5.0)
    failed = [event for event in events if event["e"] == "failed"]
    assert [(event["name"], event["why"]) for event in failed] == [("speed compiled", "RuntimeError: no such lowering")]
    found = build(Speed, next(event["speed"] for event in events if event["e"] == "speed"))
    assert [one.variant for one in found.timed] == ["eager"] and found.speedups == ()

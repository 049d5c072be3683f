"""How fast the call is: in eager, and as torch.compile's own compiler makes it.

Inductor compiles it anew: for this part its caches are in a folder of their own, so that the first call is what a
first call costs. What is set up once for a machine (which instructions the processor has, precompiled headers) is
done before, and not counted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from g2.capture.codec import plain
from g2.capture.processors import processors
from g2.check.asked import Asked
from g2.check.child import caches, timing, timing_cpu, timing_memory
from g2.check.child.moment import CompilerFailed, Moment, Tell
from g2.check.child.timing_call import Called
from g2.check.model import Interval, Speed, Timed, Variant
from g2.rewrite.trial.restoring import Kept

EAGER, COMPILED = Variant.EAGER.value, Variant.COMPILED.value
_SHARE = 0.6  # of the time that is left after compiling, for measuring
_LONGEST = 20.0  # seconds of measuring
_SETTLES = 4  # calls after which everything should be compiled
_BUSY = 0.3  # of the processors taken by others from which it is told
_NOISY = 0.1  # spread of eager's own times from which it is told


def work(moment: Moment, asked: Asked, folder: Path, tell: Tell) -> None:
    """Measure and tell. Raises what the call raises in eager."""
    device = _device(moment)
    if device.type == "cuda":
        from g2.check.child import timing_cuda

        timing_cuda.work(moment, asked, folder, tell, device)
        return
    threads = max(1, min(moment.threads, processors()))
    others = timing.taken_by_others()
    notes: list[str] = []
    if threads > 1 and others > _BUSY:
        notes.append(
            f"Other programs took {others:.0%} of this machine, so one thread was used where the script uses {threads}:"
            " of several, each would have waited for the slowest."
        )
        threads = 1
    elif others > _BUSY:
        notes.append(f"Other programs took {others:.0%} of this machine; time that they took is not counted.")
    timing.in_new_thread(threads, lambda: _on_cpu(moment, asked, folder, tell, threads, notes))


def _on_cpu(moment: Moment, asked: Asked, folder: Path, tell: Tell, threads: int, notes: list[str]) -> None:
    ends = time.perf_counter() + asked.seconds
    clock = timing.clock(threads)
    called = Called(moment, clock.read)
    kept = Kept(moment.held)
    before = timing.shape(moment.held)
    eager_first = _spent(tell, "call", called.eager, clock)
    apart = timing.shape(moment.held) != before
    kept.restore()
    variants: dict[str, timing.Once] = {EAGER: called.eager}
    each, first, warmed = eager_first, 0.0, 0.0
    with caches.cold(folder / "cold"):
        try:
            warmed = _spent(tell, "compile", lambda: warm(moment.trains), clock)
            compiled = Compiled(moment, asked.mode)
            first = _spent(tell, "compile", lambda: called.make(compiled.run), clock)
            each = min(each, _settle(called, compiled, kept, tell))
            variants[COMPILED] = lambda: called.make(compiled.run)
        except (Exception, CompilerFailed) as error:  # eager's own times are told all the same
            tell({"e": "failed", "name": "speed compiled", "why": f"{type(error).__name__}: {_line(error)}"})
        kept.restore()
        left = ends - time.perf_counter()
        taken = timing.rounds(variants, kept.restore, seconds=min(left * _SHARE, _LONGEST), each=each, apart=apart)
        tell({"e": "spent", "what": "call", "s": round(taken.wall, 6)})
        peaks = {name: _peak(once, kept, tell) for name, once in variants.items()}
    begin = time.perf_counter()
    machine = timing_cpu.measured(threads, called.dtypes())
    tell({"e": "spent", "what": "call", "s": round(time.perf_counter() - begin, 6)})
    if None in peaks.values():
        notes.append(timing_memory.MISSING)
    notes += _doubts(taken, clock.name, apart)
    notes.append(
        f"Inductor's caches were off; what it sets up once for a machine took {warmed:.1f} s before and is not counted."
        " It compiled with one process; torch itself uses several."
    )
    firsts = {EAGER: (eager_first, 0.0), COMPILED: (first, first)}
    speed = told(taken, "call", firsts, peaks, device="cpu", backend="Inductor's C++ backend", threads=threads)
    speed = replace(
        speed, what=called.what, clock=clock.name, machine=machine, notes=tuple(notes),
        noise=round(timing.spread(taken.of(EAGER, "call")), 4),
    )  # fmt: skip
    if called.flows:
        forward = told(taken, "forward", {}, {}, device="cpu", backend=speed.backend, threads=threads)
        speed = replace(speed, also=(replace(forward, what="forward", clock=clock.name),))
    tell({"e": "speed", "speed": plain(speed)})


class Compiled:
    """The call as Inductor makes it. graphs: how many it was given so far. replays: from CUDA graphs, on a GPU."""

    def __init__(self, moment: Moment, mode: str) -> None:
        from torch._inductor import list_mode_options
        from torch._inductor.compile_fx import compile_fx

        self.graphs = 0
        options = list_mode_options(mode) if mode != "default" else None
        self.replays = bool(options and options.get("triton.cudagraphs"))

        def compiler(graph: torch.fx.GraphModule, inputs: Any, **_options: Any) -> Callable[..., Any]:
            self.graphs += 1
            made: Any = compile_fx(graph, list(inputs), config_patches=options)
            return made  # type: ignore[no-any-return]

        self.run = moment.compiled(compiler)


def warm(trains: bool) -> None:
    """What Inductor does once for a machine or a process, done with a graph of one op."""
    from torch._inductor.compile_fx import compile_fx

    def one(value: torch.Tensor) -> torch.Tensor:
        return value * value + 1

    torch.compiler.reset()
    with torch.set_grad_enabled(trains):
        result = torch.compile(one, backend=compile_fx)(torch.ones(64, requires_grad=trains))
        if trains:
            torch.autograd.backward(result, torch.ones(64))
    torch.compiler.reset()


def told(
    taken: timing.Taken, what: str, firsts: dict[str, tuple[float, float]], peaks: dict[str, int | None],
    *, device: str, backend: str, threads: int,
) -> Speed:  # fmt: skip
    """What rounds say. firsts: by variant, seconds of the first call, and of it what is compiling but for one call."""
    timed: list[Timed] = []
    for name in taken.rounds:
        each = timing.interval(taken.of(name, what))
        first, compiling = firsts.get(name, (0.0, 0.0))
        seconds = max(0.0, compiling - each.median) if compiling else 0.0
        timed.append(Timed(name, _rounded(each), round(first, 6), round(seconds, 6), peaks.get(name)))
    speedups = tuple(
        (one.variant, _rounded(timing.interval(taken.ratios(EAGER, one.variant, what)))) for one in timed[1:]
    )
    return Speed(device, backend, threads, "", tuple(timed), speedups, pays_after(tuple(timed), speedups))


def pays_after(timed: tuple[Timed, ...], speedups: tuple[tuple[str, Interval], ...]) -> tuple[tuple[str, int], ...]:
    """By variant, calls after which what compiling took is saved. Only where the variant is faster beyond doubt."""
    eager = timed[0].call_s.median
    faster = {name for name, ratio in speedups if ratio.low > 1}
    return tuple(
        (one.variant, math.ceil(one.compile_s / (eager - one.call_s.median)))
        for one in timed[1:]
        if one.variant in faster and one.compile_s and eager > one.call_s.median
    )


def _settle(called: Called, compiled: Compiled, kept: Kept, tell: Tell) -> float:
    """Call until nothing more is compiled: seconds of the last of these calls."""
    seconds = 0.0
    for _ in range(_SETTLES):
        kept.restore()
        before = compiled.graphs
        begin = time.perf_counter()
        called.make(compiled.run)
        seconds = time.perf_counter() - begin
        news = compiled.graphs != before
        tell({"e": "spent", "what": "compile" if news else "call", "s": round(seconds, 6)})
        if not news:
            break
    return seconds


def _peak(once: timing.Once, kept: Kept, tell: Tell) -> int | None:
    kept.restore()
    begin = time.perf_counter()
    found = timing_memory.peak(once, torch.device("cpu"))
    tell({"e": "spent", "what": "call", "s": round(time.perf_counter() - begin, 6)})
    return found


def _doubts(taken: timing.Taken, clock: str, apart: bool) -> list[str]:
    notes: list[str] = []
    noise = timing.spread(taken.of(EAGER, "call"))
    if noise > _NOISY:
        how = " With OMP_NUM_THREADS=1 a busy machine disturbs less." if clock == "wall" else ""
        notes.append(f"Eager's own times spread by {noise:.0%} between quartiles.{how}")
    if not taken.narrow:
        notes.append("The time for measuring ended before the interval of the speedup was within 2% of it.")
    if apart:
        notes.append("A call changes the sizes of its own inputs or state; they were put back before each call.")
    return notes


def _spent(tell: Tell, what: str, call: Callable[[], Any], clock: timing.Clocks) -> float:
    """Seconds that it took, programs that it started with it. Those of the wall's clock are told."""
    begin, since = time.perf_counter(), clock.whole()
    try:
        call()
    finally:
        tell({"e": "spent", "what": what, "s": round(time.perf_counter() - begin, 6)})
    return clock.whole() - since


def _device(moment: Moment) -> torch.device:
    for tensor in Called.tensors(moment):
        if tensor.device.type != "cpu":
            return tensor.device
    return torch.device("cpu")


def _rounded(one: Interval) -> Interval:
    def digits(value: float) -> float:
        return float(f"{value:.5g}")

    return Interval(digits(one.median), digits(one.low), digits(one.high), one.samples)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]

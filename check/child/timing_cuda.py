"""Timing on a GPU: by events of the device, its cache flushed before each call, over several sets of inputs.

Runs in the script's own process, which uses the device and so cannot be forked. Three ways of calling are timed: eager,
what Inductor makes of it, and that replayed from a CUDA graph where it can be.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from g2.capture.codec import plain
from g2.check.asked import Asked
from g2.check.child import caches, timing, timing_memory
from g2.check.child.moment import CompilerFailed, Moment, Tell
from g2.check.child.parts.speed import COMPILED, EAGER, Compiled, told
from g2.check.child.said import said
from g2.check.child.timing_call import Called, Given
from g2.rewrite.trial.restoring import Kept

Run = Callable[[int], Any]  # with the set of inputs of that number
REPLAYED = "replayed"  # the compiled call from a CUDA graph
_SETS = 4  # of inputs, so that no call finds its own in the cache
_LONGEST = 20.0  # seconds of measuring
_WARM = 3
_PROFILED = 5  # calls in which kernels are watched


def work(moment: Moment, asked: Asked, folder: Path, tell: Tell, device: torch.device) -> None:
    """Measure and tell. Raises what the call raises in eager."""
    ends = time.perf_counter() + asked.seconds
    called = Called(moment, time.perf_counter)
    kept = Kept(moment.held)
    flush = _flush(device)
    notes: list[str] = []
    firsts: dict[str, tuple[float, float]] = {EAGER: (_first(called.eager, device, tell, "call"), 0.0)}
    kept.restore()
    sets = called.sets(_SETS)
    if len(sets) == 1:
        notes.append("Only the recorded inputs were used: they could not be copied.")
    runs: dict[str, Run] = {EAGER: lambda at: called.make(moment.eager, sets[at % len(sets)])}
    prevents: tuple[str, ...] = ()
    with caches.cold(folder / "cold"):
        try:
            found = _compiled(moment, asked, called, sets, device, tell)
            firsts[COMPILED], prevents = (found.first, found.first), found.prevents
            runs |= found.runs
        except (Exception, CompilerFailed) as error:  # eager's own times are told all the same
            kept.restore()
            tell({"e": "failed", "name": "speed compiled", "why": said(error)})
        begin = time.perf_counter()
        variants = {name: _once(run, flush, device) for name, run in runs.items()}
        taken = timing.rounds(
            variants, kept.restore, seconds=min((ends - begin) * 0.6, _LONGEST), each=timing.BLOCK, apart=False
        )
        tell({"e": "spent", "what": "call", "s": round(time.perf_counter() - begin, 6)})
        peaks = {name: timing_memory.peak(lambda run=run: run(0), device) for name, run in runs.items()}  # type: ignore[misc]
        host = host_share(lambda: runs[COMPILED](0), device) if COMPILED in runs else None
    if not taken.narrow:
        notes.append("The time for measuring ended before the intervals of speedups were within 2% of them.")
    name = f"cuda ({torch.cuda.get_device_name(device)})"
    speed = told(taken, "call", firsts, peaks, device=name, backend="Triton", threads=torch.get_num_threads())
    noise = round(timing.spread(taken.of(EAGER, "call")), 4)
    tell({"e": "speed", "speed": plain(replace(
        speed, what=called.what, clock="device", notes=tuple(notes), noise=noise, host=host, prevents=prevents,
    ))})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Compiled:
    """first: seconds of the first call. prevents: why there is no CUDA graph of it."""

    first: float
    runs: dict[str, Run]
    prevents: tuple[str, ...]


def _compiled(
    moment: Moment, asked: Asked, called: Called, sets: list[Given], device: torch.device, tell: Tell
) -> _Compiled:
    """The compiled call, and its replay from a CUDA graph where there can be one. Raises what compiling raises."""
    compiler: Any = torch.compiler
    compiled = Compiled(moment, asked.mode)
    first = _first(lambda: called.make(compiled.run), device, tell, "compile")
    for _ in range(_WARM):
        _first(lambda: called.make(compiled.run), device, tell, "call")

    def as_compiled(at: int) -> Any:
        compiler.cudagraph_mark_step_begin()
        return called.make(compiled.run, sets[at % len(sets)])

    runs: dict[str, Run] = {COMPILED: as_compiled}
    prevents = _skipped()
    if not compiled.replays:  # where Inductor replays graphs itself, no other can be captured around them
        failed, replay = capture(lambda: called.make(compiled.run), device)
        prevents = (*prevents, *failed)
        if replay is not None:
            runs[REPLAYED] = _replaying(replay)
    return _Compiled(first, runs, prevents)


def capture(call: Callable[[], Any], device: torch.device) -> tuple[tuple[str, ...], torch.cuda.CUDAGraph | None]:
    """The call as a CUDA graph; or why there can be none, as Inductor and the driver say it."""
    cuda: Any = torch.cuda
    side = cuda.Stream(device)
    graph = torch.cuda.CUDAGraph()
    try:
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            call()
        torch.cuda.current_stream(device).wait_stream(side)
        with torch.cuda.graph(graph, stream=side):
            call()
        torch.cuda.synchronize(device)
    except Exception as error:  # a copy to the host, a size from data, an op that a capture forbids
        torch.cuda.synchronize(device)
        text = (str(error).strip().splitlines() or [""])[0]
        return (f"{type(error).__name__}: {text[:200]}",), None
    return (), graph


def _skipped() -> tuple[str, ...]:
    """Why Inductor itself left out CUDA graphs. Private: torch._dynamo.utils.counters (2.11 to 2.15)."""
    from torch._dynamo.utils import counters

    skipped = counters["inductor"].get("cudagraph_skips", 0)
    return (f"Inductor left out CUDA graphs for {skipped} graphs.",) if skipped else ()


def host_share(call: Callable[[], Any], device: torch.device) -> float | None:
    """Of a call, from its first kernel to the end of its last, the share in which none runs."""
    from torch.profiler import ProfilerActivity, profile

    shares: list[float] = []
    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as seen:
        for _ in range(_PROFILED):
            call()
            torch.cuda.synchronize(device)
            time.sleep(0.002)  # a gap that parts one call from the next
    kernels = sorted(
        (event.time_range.start, event.time_range.end)
        for event in seen.events() or []
        if getattr(event.device_type, "name", "") == "CUDA"
    )
    for group in groups(kernels, 1000.0):
        busy, last = 0.0, group[0][0]
        for start, end in group:
            busy += max(0.0, end - max(start, last))
            last = max(last, end)
        whole = last - group[0][0]
        if whole > 0:
            shares.append(1 - busy / whole)
    return round(statistics.median(shares), 4) if shares else None


def groups(spans: list[tuple[float, float]], gap: float) -> list[list[tuple[float, float]]]:
    """Spans, sorted by their start, in groups that `gap` or more lies between."""
    found: list[list[tuple[float, float]]] = []
    last = float("-inf")
    for start, end in spans:
        if start - last >= gap:
            found.append([])
        found[-1].append((start, end))
        last = max(last, end)
    return found


def _replaying(graph: torch.cuda.CUDAGraph) -> Callable[[int], Any]:
    def replay(_at: int) -> None:
        graph.replay()

    return replay


def _once(run: Callable[[int], Any], flush: Callable[[], None], device: torch.device) -> timing.Once:
    at = 0
    cuda: Any = torch.cuda

    def once() -> dict[str, float]:
        nonlocal at
        at += 1
        begin, end = (cuda.Event(enable_timing=True) for _ in range(2))
        flush()
        begin.record()
        run(at)
        end.record()
        torch.cuda.synchronize(device)
        return {"call": begin.elapsed_time(end) / 1000}

    return once


def _flush(device: torch.device) -> Callable[[], None]:
    """Writes more than the last level of cache holds, as triton.testing.do_bench does."""
    cache = int(torch.cuda.get_device_properties(device).L2_cache_size)
    buffer = torch.empty(max(4 * cache, 256 << 20) // 4, dtype=torch.int32, device=device)

    def write() -> None:
        buffer.zero_()

    return write


def _first(call: Callable[[], Any], device: torch.device, tell: Tell, what: str) -> float:
    begin = time.perf_counter()
    call()
    torch.cuda.synchronize(device)
    seconds = time.perf_counter() - begin
    tell({"e": "spent", "what": what, "s": round(seconds, 6)})
    return seconds

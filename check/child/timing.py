"""Timing on a processor: calls of several variants in turns, what is to be put back between them, the interval of a
median.

Calls come in rounds. In each, every variant has one block of calls, in an order drawn anew, so that a machine that
slows down or wakes up does it to all of them; speedups are ratios within a round.
"""

from __future__ import annotations

import contextlib
import contextvars
import gc
import math
import os
import random
import resource
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from g2.capture.containers import elements, entries, length
from g2.capture.processors import processors
from g2.check.model import Interval

T = TypeVar("T")
NARROW = 0.02  # half of a ratio's interval, as a share of its median, at which measuring stops
FEWEST = 8  # rounds: with 6 the interval of the order statistics first has 95%
MOST = 400
BLOCK = 0.005  # seconds of one block, so that a clock read twice and what is done in between are nothing beside it
_CONFIDENCE = 0.95


def in_new_thread(threads: int, work: Callable[[], T]) -> T:
    """Do `work` with so many threads, in a forked process as well.

    The threads of OpenMP did not come along with a fork. libgomp keeps a team for each thread that starts one, and
    waits for ever for the team of the thread that forked; a new thread gets a team of its own. What torch keeps by
    thread (grad mode, autocast, the default device) is carried over. Raises what `work` raises.
    """
    if threads == 1:
        torch.set_num_threads(1)
        return work()
    done: list[T] = []
    failed: list[BaseException] = []
    modes = _modes()

    def run() -> None:
        try:
            torch.set_num_threads(threads)
            with _as_before(modes):
                done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="g2-timing")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _modes() -> tuple[bool, bool, dict[str, tuple[bool, torch.dtype]], torch.device]:
    autocast = {kind: (torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in ("cpu", "cuda")}
    return torch.is_grad_enabled(), torch.is_inference_mode_enabled(), autocast, torch.get_default_device()


@contextlib.contextmanager
def _as_before(modes: tuple[bool, bool, dict[str, tuple[bool, torch.dtype]], torch.device]) -> Iterator[None]:
    grad, inference, autocast, device = modes
    with contextlib.ExitStack() as stack:
        if inference:
            stack.enter_context(torch.inference_mode())
        stack.enter_context(torch.set_grad_enabled(grad))
        for kind, (enabled, dtype) in autocast.items():
            if enabled:
                stack.enter_context(torch.autocast(kind, dtype=dtype))
        if device.type != "cpu":
            stack.enter_context(device)
        yield


def interval(values: Sequence[float]) -> Interval:
    """The median, and an interval that holds the true one with at least 95% whatever the distribution.

    Between two order statistics, by the binomial distribution (H. A. David and H. N. Nagaraja, Order Statistics, 7.1).
    With fewer than 6 values no such interval has 95%; it is then from the least to the largest.
    """
    ordered = sorted(values)
    count = len(ordered)
    low = 0
    below = 0.5**count if count < 1000 else 0.0
    while low + 1 < count / 2:
        below += math.comb(count, low + 1) * 0.5**count
        if 2 * below > 1 - _CONFIDENCE:
            break
        low += 1
    return Interval(statistics.median(ordered), ordered[low], ordered[count - 1 - low], count)


def spread(values: Sequence[float]) -> float:
    """Between the quartiles, as a share of the median."""
    if len(values) < 4:
        return 0.0
    low, middle, high = statistics.quantiles(values, n=4)
    return (high - low) / middle if middle else 0.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """name: of the clock that counts. read: it, in seconds. whole: the same with programs that were started and have
    ended, as compilers have.
    """

    name: str
    read: Callable[[], float]
    whole: Callable[[], float]


def clock(threads: int) -> Clocks:
    """With one thread, the time of processors: what others take of the machine does not count. With several, the
    wall's: those that wait for the last of them spin, and would count.
    """
    if threads == 1:
        return Clocks("processor", time.process_time, _with_ended)
    return Clocks("wall", time.perf_counter, time.perf_counter)


def _with_ended() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


@dataclass
class Taken:
    """What rounds gave, by variant: seconds of one call in each round, by what was timed ("call", "forward").

    wall: seconds of all calls by the wall's clock, for the figure of overhead.
    """

    rounds: dict[str, dict[str, list[float]]] = field(default_factory=dict[str, dict[str, list[float]]])
    wall: float = 0.0
    calls: int = 0
    narrow: bool = False

    def of(self, variant: str, what: str) -> list[float]:
        return self.rounds[variant].get(what, [])

    def ratios(self, first: str, second: str, what: str) -> list[float]:
        """The time of the first over that of the second, round by round."""
        return [one / other for one, other in zip(self.of(first, what), self.of(second, what), strict=True)]


Once = Callable[[], dict[str, float]]  # makes one call; seconds by what was timed


def rounds(
    variants: Mapping[str, Once],
    put_back: Callable[[], None],
    *,
    seconds: float,
    each: float,
    apart: bool,
    seed: int = 0,
) -> Taken:
    """Calls in turns until the intervals are narrow or `seconds` of the wall's clock are spent.

    each: about how long a call takes, which decides how many are in a block. apart: what a call changes has to be put
    back before the next one, not only between blocks. At least three rounds are made in any case.
    """
    order = random.Random(seed)
    taken = Taken({name: {} for name in variants})
    size = 1 if apart else max(1, min(1000, round(BLOCK / max(each, 1e-7))))
    begin = time.perf_counter()
    with _no_collection():
        for number in range(MOST):
            names = list(variants)
            order.shuffle(names)
            for name in names:
                put_back()
                _block(taken, name, variants[name], size)
            if number >= FEWEST - 1 and (taken.narrow or number % 4 == 3) and _narrow(taken):
                taken.narrow = True
                break
            if number >= 2 and time.perf_counter() - begin > seconds:
                break
    return taken


def _block(taken: Taken, name: str, once: Once, size: int) -> None:
    begin = time.perf_counter()
    found: dict[str, list[float]] = {}
    for _ in range(size):
        for what, value in once().items():
            found.setdefault(what, []).append(value)
    taken.wall += time.perf_counter() - begin
    taken.calls += size
    for what, values in found.items():
        taken.rounds[name].setdefault(what, []).append(statistics.median(values))


def _narrow(taken: Taken) -> bool:
    """Ratios within 2%; times, which a noisy machine spreads more than their ratios, within 4%."""
    names = list(taken.rounds)
    times = [interval(taken.of(name, "call")) for name in names]
    ratios = [interval(taken.ratios(names[0], name, "call")) for name in names[1:]]
    bounds = [(one, 2 * NARROW) for one in times] + [(one, NARROW) for one in ratios]
    return all((one.high - one.low) / 2 <= bound * one.median for one, bound in bounds)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    was = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def load() -> float:
    """The load average of the last minute by processor, as far as this process may use them."""
    try:
        return os.getloadavg()[0] / processors()
    except OSError:
        return 0.0


def taken_by_others(seconds: float = 0.2) -> float:
    """What share of all processors works while this process sleeps. 0 where the system does not say (Linux:
    /proc/stat).
    """
    first = _ticks()
    time.sleep(seconds)
    second = _ticks()
    if first is None or second is None or second[1] <= first[1]:
        return 0.0
    return 1 - (second[0] - first[0]) / (second[1] - first[1])


def _ticks() -> tuple[int, int] | None:
    """(idle, all) of all processors together."""
    try:
        line = Path("/proc/stat").read_text().splitlines()[0].split()
        ticks = [int(text) for text in line[1:9]]  # user nice system idle iowait irq softirq steal
    except (OSError, ValueError, IndexError):
        return None
    return ticks[3] + ticks[4], sum(ticks)


def shape(value: Any, depth: int = 0) -> object:
    """What of arguments and modules decides what is computed: if a call changes it, the next call is another."""
    if isinstance(value, torch.Tensor):
        return (tuple(value.shape), value.dtype)
    if isinstance(value, torch.nn.Module):
        return tuple((name, shape(tensor)) for name, tensor in value.named_buffers())
    if isinstance(value, (bool, int)):
        return value
    if depth > 3 or isinstance(value, (str, bytes)):
        return type(value)
    if isinstance(value, (list, tuple)):
        return (length(value), tuple(shape(one, depth + 1) for one in elements(value, 200)))
    if isinstance(value, dict):
        return tuple((str(key), shape(one, depth + 1)) for key, one in entries(value, 200))
    space = getattr(value, "__dict__", None)
    if isinstance(space, dict) and type(value).__module__.partition(".")[0] not in ("torch", "builtins"):
        return (type(value), shape(space, depth + 1))
    return type(value)

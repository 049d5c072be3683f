"""Running processes and comparing what they cost.

A command is charged with its wall time (its own end, not that of anything it left behind) and with the CPU time, user
and system, of everything it started: on Linux this process adopts orphans (PR_SET_CHILD_SUBREAPER), so the forks that
g2 leaves to end by themselves count too. Elsewhere they do not, and `ORPHANS_COUNT` says so.

Comparisons are ratios within a round: every command of a round runs once, in an order that turns with the round, so
that a machine that is slow for a minute is slow for both sides. Intervals are percentile bootstrap intervals (B.
Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13), with a fixed seed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_RESAMPLES = 2000
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER in linux/prctl.h


def _adopt_orphans() -> bool:
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0) == 0)
    return False


ORPHANS_COUNT = _adopt_orphans()


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command cost: seconds of wall time and of CPU time; largest resident set of one process, in bytes."""

    wall: float
    cpu: float
    memory: int
    code: int
    stdout: str
    stderr: str


def cost(
    command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None, seconds: float = 900
) -> Cost:
    """Run `command` to its end, whatever its exit code. Raises subprocess.TimeoutExpired after `seconds`."""
    with _temporary() as out, _temporary() as err:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, cwd=cwd)
        _wait_without_reaping(child, seconds)
        wall = time.perf_counter() - begin
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss
        for more in _orphans():
            cpu += more.ru_utime + more.ru_stime
            memory = max(memory, more.ru_maxrss)
        unit = 1 if sys.platform == "darwin" else 1024
        texts = [Path(f"/dev/fd/{stream}") for stream in (out, err)]
        return Cost(wall, cpu, memory * unit, child.returncode, *(t.read_text(errors="replace") for t in texts))


@contextlib.contextmanager
def _temporary() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


def _wait_without_reaping(child: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for the end of `child`, but leave its exit status and its costs to be read."""
    timer = threading.Timer(seconds, child.kill)
    timer.start()
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        if not timer.is_alive():
            raise subprocess.TimeoutExpired(child.args, seconds)
    finally:
        timer.cancel()


def _orphans() -> Iterator[resource.struct_rusage]:
    """What processes cost that outlived the command's own; each is waited for."""
    while ORPHANS_COUNT:
        try:
            _, _, used = os.wait4(-1, 0)
        except ChildProcessError:
            return
        yield used


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic with the percentile bootstrap interval around it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def interval(
    groups: Sequence[Sequence[float]],
    statistic: Callable[[Sequence[float]], float] = statistics.median,
    level: float = 0.95,
) -> Interval:
    """`statistic` of the groups' medians. Groups are drawn with replacement, and within each its values: so the
    interval holds both how programs differ and how repetitions do. One group alone: its values are drawn.
    """
    chance = random.Random(20)
    drawn: list[float] = []
    for _ in range(_RESAMPLES):
        chosen = chance.choices(groups, k=len(groups))
        drawn.append(statistic([statistics.median(chance.choices(g, k=len(g))) for g in chosen]))
    drawn.sort()
    edge = (1 - level) / 2
    at = [drawn[min(int(q * _RESAMPLES), _RESAMPLES - 1)] for q in (edge, 1 - edge)]
    return Interval(statistic([statistics.median(g) for g in groups]), *at)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table, aligned so that it reads as plain text too; the first column is left-aligned."""
    cells = [[str(c) for c in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        first, *rest = (c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|"
    return "\n".join([line(cells[0]), rule, *(line(row) for row in cells[1:])])


def machine() -> str:
    """One sentence: what the figures were taken on."""
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = "none"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0]
    return (
        f"{time.strftime('%Y-%m-%d')}, {platform.system()} {platform.machine()}, {cores} cores, load {load:.1f} "
        f"at the start, Python {platform.python_version()}, torch {torch}"
    )


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what would change a run of g2 or torch, and with `more`."""
    gone = ("G2_RECORD", "TORCH_TRACE", "TORCH_LOGS", "TORCHDYNAMO_DISABLE", "PYTHONPATH")
    kept = {k: v for k, v in os.environ.items() if k not in gone}
    return {**kept, "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "", **more}

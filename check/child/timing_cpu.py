"""What this processor can do at most, measured: bytes per second of a copy, FLOPs per second of a matrix product."""

from __future__ import annotations

import contextlib
import platform
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from g2.check.child.timing import load
from g2.check.model import Machine

_MOST = 512 << 20  # bytes of a buffer
_LEAST = 64 << 20
_SIDE = 1024  # of the matrices
_DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16, "float16": torch.float16}


def measured(threads: int, dtypes: Iterable[str], seconds: float = 0.4) -> Machine:
    """In about `seconds`. The copy goes over a buffer of four times the last level of cache, 512 MiB at most."""
    cache = last_cache()
    size = min(max(4 * cache, _LEAST), _MOST)
    wanted = [name for name in dict.fromkeys(("float32", *dtypes)) if name in _DTYPES]
    with torch.no_grad():
        bandwidth = _bandwidth(size, seconds / 2)
        rates = tuple((name, _rate(_DTYPES[name], seconds / 2 / len(wanted))) for name in wanted)
    return Machine(
        _name(), threads, bandwidth, cache, _memory(), tuple(one for one in rates if one[1]), round(load(), 2)
    )


def _bandwidth(size: int, seconds: float) -> float:
    """Bytes read and written by second, of the fastest of some copies. What a write reads first is not counted."""
    source = torch.ones(size // 4)
    target = torch.empty_like(source)
    fastest = _fastest(lambda: target.copy_(source), seconds)
    return 2 * source.numel() * 4 / fastest


def _rate(dtype: torch.dtype, seconds: float) -> float:
    side = _SIDE
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(side, side, generator=generator).to(dtype) for _ in range(2))
    result = torch.empty(side, side, dtype=dtype)
    try:
        return 2 * side**3 / _fastest(lambda: torch.mm(one, other, out=result), seconds, fewest=2)
    except RuntimeError:  # no such product on this processor
        return 0.0


def _fastest(call: Callable[[], object], seconds: float, fewest: int = 3) -> float:
    """Of wall time: all of the others only add to it."""
    end = time.perf_counter() + seconds
    call()
    best = float("inf")
    count = 0
    while count < fewest or time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begin)
        count += 1
    return best


def last_cache() -> int:
    """Bytes of the last level of cache, 0 where the system does not say (Linux says it in /sys)."""
    found = [0]
    for size in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        with contextlib.suppress(OSError, ValueError):
            text = size.read_text().strip()
            found.append(int(text.rstrip("KMG")) << {"K": 10, "M": 20, "G": 30}.get(text[-1:], 0))
    return max(found)


def _memory() -> int:
    with contextlib.suppress(OSError):
        found = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        return int(found.group(1)) << 10 if found else 0
    return 0


def _name() -> str:
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        if found:
            return found.group(1).strip()
    return platform.processor() or platform.machine()

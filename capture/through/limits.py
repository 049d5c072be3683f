"""Whether this process can be forked to look behind breaks, and how many forks may run at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from g2.capture.journal import Journal
from g2.capture.processors import processors

_SHARE = 3  # a fork may come to copy the whole process: no more than 1/_SHARE of the memory available
_told: set[tuple[str, str]] = set()  # (journal, sentence)


def at_once() -> int:
    """Forks that run at the same time: the processors of this process, at most 4."""
    return min(4, processors())


def refusal() -> str | None:
    """Why hidden breaks cannot be looked for in this process now, as a sentence; None when they can."""
    if sys.platform != "linux":
        return "Hidden breaks were not looked for: forking a process that uses torch is tried on Linux only."
    device = _initialised_device()
    if device is not None:
        return (
            f"Hidden breaks were not looked for: {device} is in use, and such a process cannot be forked. "
            "Run once on the CPU to see them."
        )
    if not alone():
        return (
            "Hidden breaks were not looked for: the process works with others (torch.distributed), and a copy of it "
            "would disturb their collectives. Run with one process to see them."
        )
    used, available = _resident(), _available()
    if used is not None and available is not None and used > available // _SHARE:
        return (
            f"Hidden breaks were not looked for at some calls: the process uses {used >> 20} MiB, more than a third of "
            f"the {available >> 20} MiB that are available."
        )
    return None


def alone() -> bool:
    """Whether what is done in this process disturbs no other: no collectives of torch.distributed are waited for."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1)


def tell_once(journal: Journal, what: str) -> None:
    key = (str(journal.path), what.split(":")[0])
    if key not in _told:
        _told.add(key)
        journal.write({"e": "lost", "what": what})


def _initialised_device() -> str | None:
    for name, title in (("cuda", "CUDA"), ("xpu", "an Intel GPU"), ("hpu", "an HPU"), ("npu", "an NPU")):
        backend = getattr(torch, name, None)
        initialised = getattr(backend, "is_initialized", None)
        if initialised is not None and initialised():
            return title
    return None


def _resident() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _available() -> int | None:
    """Bytes that the machine, or the container's memory controller, can still give."""
    amounts = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                amounts.append(int(line.split()[1]) << 10)
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        if limit.isdigit():
            amounts.append(int(limit) - int((group / "memory.current").read_text()))
    except (OSError, ValueError, IndexError):
        pass
    return min(amounts) if amounts else None

"""How much memory a call takes at its peak beyond what was there before it, as torch's own allocators saw it.

Private torch used here: torch.profiler.profile().profiler.kineto_results (2.11 to 2.15), whose events of memory have
a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

MISSING = (
    "The peak memory is not known: this torch's profiler tells no allocations (profile().profiler.kineto_results)."
)


def peak(call: Callable[[], Any], device: torch.device) -> int | None:
    """Bytes that `call` has allocated at once at most, its outputs with them. None where that cannot be seen.

    What libraries allocate for themselves (oneDNN, MKL) is not in it. Raises what `call` raises.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - int(before)
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        call()
    results: Any = getattr(getattr(seen, "profiler", None), "kineto_results", None)
    if results is None:
        return None
    changes = sorted((event.start_ns(), event.nbytes()) for event in results.events() if event.name() == "[memory]")
    now = highest = 0
    for _, change in changes:
        now += change
        highest = max(highest, now)
    return highest if changes else None

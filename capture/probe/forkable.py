"""Autograd stays usable in forks of the process, where torch was built for CUDA and there is no GPU.

Entering a FakeTensorMode, as every compilation does, puts a guard that does nothing in CUDA's place
(torch._C._ensureCUDADeviceGuardSet, 2.11 to 2.15). Autograd then believes in a device and starts a thread for it, and a
fork of such a process can take no gradient. A compilation needs no such guard: its tensors are on the CPU. Where the
script itself traces fake tensors of a device, the guard is put as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._guards import CompileContext

from g2.capture.journal import Journal
from g2.capture.probe.patch import replace
from g2.capture.probe.stats import Stats


def install(_journal: Journal, _stats: Stats, lose: Callable[[str], None]) -> None:
    """Keep compilations from putting the guard."""
    if torch.version.cuda is None and torch.version.hip is None:
        return
    missed = "gradients in forks of the script may fail, so rewrites and compiled results may not be compared"
    replace(torch._C, "_ensureCUDADeviceGuardSet", _unless_compiling, lose, missed)


def _unless_compiling(real: Callable[..., Any]) -> Callable[..., Any]:
    def ensure(*args: Any, **kwargs: Any) -> Any:
        if CompileContext.current_compile_id() is None:
            return real(*args, **kwargs)
        return None

    return ensure

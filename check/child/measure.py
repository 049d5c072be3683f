"""`python -m g2.check.child.measure FOLDER`: how long the kernels of one graph take on the GPU that is there.

Runs the very module that Inductor wrote for it (FOLDER/native/module.py) on the recorded inputs, and writes
FOLDER/native/measured.json: {"kernels": {name: seconds of all its launches in one call}, "why": ""}. The device's own
clock counts, through torch.profiler; before each call more is written than its cache holds, as
triton.testing.do_bench does. Library calls have other names on the device and are not in the list.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from g2.check.child.said import said
from g2.check.devices import NATIVE

RESULT = "measured.json"
_MARK = "g2 call"
_CALLS = 20
_WARM = 3


@dataclass(frozen=True, slots=True)
class Ran:
    """Something that the profiler saw, in its microseconds. device: on the GPU."""

    name: str
    start: float
    end: float
    device: bool


def main(argv: list[str] | None = None) -> int:
    """0 when a result was written."""
    parser = argparse.ArgumentParser(prog="g2.check.child.measure")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(argv).folder
    found: dict[str, Any] = {"kernels": {}, "why": ""}
    try:
        found["kernels"] = measured(folder)
    except Exception as error:  # whatever a driver, Triton or the module raises
        found["why"] = said(error)
    (folder / NATIVE / RESULT).write_text(json.dumps(found), "utf-8")
    return 0


def measured(folder: Path) -> dict[str, float]:
    """Seconds of each kernel in one call. Raises RuntimeError without a GPU, and whatever the module raises."""
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("there is no GPU here")
    kernels = json.loads((folder / NATIVE / "kernels.json").read_text("utf-8"))["kernels"]
    inputs = [_there(one) for one in torch.load(folder / "inputs.pt", weights_only=True)]
    with tempfile.TemporaryDirectory(prefix="g2-measure-") as scratch:
        call = _module(folder, Path(scratch)).call
        seen = _profiled(lambda: call(list(inputs)))
    return by_kernel(seen, {one["name"] for one in kernels if one["kind"] == "triton"})


def by_kernel(seen: Iterable[Ran], names: Collection[str]) -> dict[str, float]:
    """Median over the marked calls of the seconds that all launches of each kernel took in one."""
    every = list(seen)
    calls = [one for one in every if one.name == _MARK and not one.device]
    spent: dict[str, list[float]] = {}
    for call in calls:
        within = [one for one in every if one.device and one.name in names and call.start <= one.start < call.end]
        for name in {one.name for one in within}:
            spent.setdefault(name, []).append(sum(one.end - one.start for one in within if one.name == name))
    return {name: statistics.median(times) / 1e6 for name, times in sorted(spent.items())}


def _profiled(call: Callable[[], object]) -> list[Ran]:
    import torch
    from torch.profiler import ProfilerActivity, profile, record_function

    cache = int(torch.cuda.get_device_properties(0).L2_cache_size)
    flush = torch.empty(max(4 * cache, 256 << 20), dtype=torch.int8, device="cuda")
    for _ in range(_WARM):
        call()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as watched:
        for _ in range(_CALLS):
            flush.zero_()
            torch.cuda.synchronize()
            with record_function(_MARK):
                call()
                torch.cuda.synchronize()
    return [
        Ran(event.name, event.time_range.start, event.time_range.end, event.device_type.name == "CUDA")
        for event in watched.events() or []
    ]


def _module(folder: Path, scratch: Path) -> Any:
    """The module, imported, with the graph's constants, as torch._inductor.codecache.PyCodeCache hands them to it."""
    import torch

    path = scratch / "g2_measured.py"
    path.write_text((folder / NATIVE / "module.py").read_text("utf-8"), "utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    if (folder / "constants.pt").exists():
        for name, value in torch.load(folder / "constants.pt", weights_only=True).items():
            setattr(module, name, _there(value))
    return module


def _there(value: Any) -> Any:
    """On the GPU, with the same sizes and strides; a number as it is."""
    import torch

    from g2.check.child.reference import alone

    return alone(value, "cuda") if isinstance(value, torch.Tensor) else value


if __name__ == "__main__":
    sys.exit(main())

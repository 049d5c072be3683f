"""How fast a graph could be at most on a device: floors from bytes, FLOPs and launches, and which of them binds.

A floor is no prediction. Nothing here says how long a kernel takes on a device that is not there, only what no
version of it can beat, while its data comes from memory: bytes over bandwidth, FLOPs over the rate of their dtype,
launches. The model is the roofline of Williams, Waterman and Patterson (Communications of the ACM 52:4, 2009).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from g2.check.devices import NATIVE, Device, UnknownTarget, device, this_machine
from g2.check.model import Call, Graph, Kernel, Lowered, Variant

MEMORY, ARITHMETIC, LAUNCH = "memory", "arithmetic", "launch"
# Words in the names of ops that the matrix units do.
_PRODUCTS = frozenset(("mm", "bmm", "addmm", "baddbmm", "matmul", "linear", "dot", "einsum", "sdpa", "gemm", "addbmm"))


@dataclass(frozen=True, slots=True)
class Floor:
    """Seconds that something takes at least on a device.

    seconds: the largest of memory, arithmetic and launch, or the sum of those of its kernels. binds: the largest one,
    "" where nothing is known. intensity: FLOPs per byte, None without bytes. cached: its bytes fit into the device's
    cache, so that after another kernel it may take less from memory.
    """

    seconds: float
    binds: str
    memory: float
    arithmetic: float
    launch: float
    bytes: int
    flops: int
    launches: int = 1
    cached: bool = False

    @property
    def intensity(self) -> float | None:
        """FLOPs per byte."""
        return self.flops / self.bytes if self.bytes else None


@dataclass(frozen=True, slots=True)
class Wall:
    """The memory wall of a graph: bytes that eager moves op by op, the fused graph, and any version at least."""

    eager: int
    fused: int
    needed: int

    @property
    def saved(self) -> float | None:
        """Eager's bytes over those of the fused graph."""
        return self.eager / self.fused if self.fused else None

    @property
    def left(self) -> float | None:
        """The fused graph's bytes over those that any version must move: 1 is all that fusion can do."""
        return self.fused / self.needed if self.needed else None


@dataclass(frozen=True, slots=True)
class Here:
    """The limits of the processor that a call was measured on, the least time for it there, and the share of that limit
    which its compiled form reached: 1 is as fast as can be, while data comes from memory.
    """

    on: Device
    floor: Floor
    reached: float


def is_product(kernel: Kernel) -> bool:
    """Whether the matrix units do its arithmetic."""
    return bool(_products(kernel))


def limit(kernel: Kernel, on: Device) -> tuple[str, float | None]:
    """What bounds its arithmetic, in words, and how many FLOPs per second that are."""
    dtype, product = _dtype(kernel, on), is_product(kernel)
    rate = on.rate(dtype, product)
    if on.measured:
        return f"{dtype}, a matrix product", rate
    return (f"{dtype} matrix units" if product and rate != on.rate(dtype) else dtype), rate


def kernel_floor(kernel: Kernel, on: Device, replayed: bool = False) -> Floor:
    """Of all launches of a kernel in one call. replayed: from a CUDA graph. A call that moves and computes nothing, a
    view, launches nothing.
    """
    _, rate = limit(kernel, on)
    moved = kernel.read + kernel.written
    return _floor(moved, kernel.flops, rate, kernel.launches if moved or kernel.flops else 0, on, replayed)


def lowered_floor(lowered: Lowered, on: Device, replayed: bool = False) -> Floor:
    """Of one call of a graph: the sum of its kernels, which run one after the other."""
    return total(kernel_floor(kernel, on, replayed) for kernel in lowered.kernels)


def eager_floor(graph: Graph, on: Device) -> Floor:
    """Of one call of a graph op by op. Its FLOPs are taken at the fastest rate that the device has for the graph's
    dtypes.
    """
    dtypes = {kernel.dtype for lowered in graph.lowered for kernel in lowered.kernels if kernel.flops and kernel.dtype}
    rates = [rate for dtype in dtypes or {"float32"} if (rate := on.rate(dtype, True)) is not None]
    return _floor(graph.eager_bytes, graph.flops, max(rates, default=None), graph.ops, on, False)


def total(floors: Iterable[Floor]) -> Floor:
    """One after the other. What binds is where most of the time goes."""
    parts = tuple(floors)
    share = {name: sum(one.seconds for one in parts if one.binds == name) for name in (MEMORY, ARITHMETIC, LAUNCH)}
    seconds = sum(one.seconds for one in parts)
    return Floor(
        seconds,
        max(share, key=lambda name: share[name]) if seconds else "",
        sum(one.memory for one in parts),
        sum(one.arithmetic for one in parts),
        sum(one.launch for one in parts),
        sum(one.bytes for one in parts),
        sum(one.flops for one in parts),
        sum(one.launches for one in parts),
        bool(parts) and all(one.cached for one in parts),
    )


def call_floor(call: Call, target: str, on: Device | None = None, replayed: bool = False) -> Floor | None:
    """Of one call of a root: all of its graphs, lowered for `target`. None where there is no device or nothing
    lowered.
    """
    on = on or device(target)
    found = [
        lowered for graph in call.graphs for lowered in graph.lowered if lowered.target == target and lowered.kernels
    ]
    if on is None or not found:
        return None
    return total(lowered_floor(one, on, replayed) for one in found)


def meant(call: Call, name: str) -> Device | None:
    """The device that a target means: for "native" the one that the call was timed on. None where its limits are not
    known. Raises UnknownTarget.
    """
    if name != NATIVE:
        return device(name)
    model = call.speed.device.partition("(")[2].rstrip(")") if call.speed else ""  # "cuda (NVIDIA H200)"
    try:
        return device(model) if model else None
    except UnknownTarget:
        return None


def here(call: Call) -> Here | None:
    """How near the compiled call came to the limits of the processor that it was measured on, as the run measured
    these: what its graphs must move and compute at least, however they are fused. None without graphs or a
    measurement.
    """
    speed = call.speed
    machine = speed.machine if speed else None
    if speed is None or machine is None or not call.graphs:
        return None
    on = this_machine(
        machine.name, machine.threads, machine.bandwidth, machine.memory, machine.cache, dict(machine.rates)
    )
    wanted = call.graphs if "backward" in speed.what else [one for one in call.graphs if one.kind != "backward"]
    rate = max(on.vector.values(), default=None)
    floor = total(_floor(one.needed_bytes, one.flops, rate, 1, on, False) for one in wanted)
    took = next((one.call_s.median for one in speed.timed if one.variant == Variant.COMPILED), None)
    return Here(on, floor, share) if (share := reached(floor, took)) is not None else None


def wall(graph: Graph, lowered: Lowered) -> Wall:
    """Of one graph as it was lowered for one target."""
    fused = sum(kernel.read + kernel.written for kernel in lowered.kernels)
    return Wall(graph.eager_bytes, fused, graph.needed_bytes)


def call_wall(call: Call, target: str) -> Wall:
    """Of all graphs of a call that were lowered for a target."""
    walls = [wall(graph, one) for graph in call.graphs for one in graph.lowered if one.target == target and one.kernels]
    return Wall(sum(one.eager for one in walls), sum(one.fused for one in walls), sum(one.needed for one in walls))


def reached(floor: Floor, seconds: float | None) -> float | None:
    """What fraction of the limit was reached where the same was measured on that device."""
    return floor.seconds / seconds if seconds and floor.seconds else None


def dearest(kernels: Sequence[Kernel], on: Device, most: int = 0) -> tuple[tuple[Kernel, Floor], ...]:
    """Kernels with their floors, the longest first; `most` of them, or all."""
    both = sorted(((one, kernel_floor(one, on)) for one in kernels), key=lambda pair: -pair[1].seconds)
    return tuple(both[:most] if most else both)


def _dtype(kernel: Kernel, on: Device) -> str:
    """Convolutions of float32 may use TF32 unless torch.backends.cudnn.allow_tf32 is turned off; products may not
    unless torch.set_float32_matmul_precision allows it.
    """
    if kernel.dtype == "float32" and "tf32" in on.matrix and any(word.startswith("conv") for word in _products(kernel)):
        return "tf32"
    return kernel.dtype or "float32"


def _floor(moved: int, flops: int, rate: float | None, launches: int, on: Device, replayed: bool) -> Floor:
    memory = moved / on.bandwidth
    arithmetic = flops / rate if rate else 0.0
    each = on.replay if replayed and on.replay is not None else on.launch
    launch = launches * (each or 0.0)
    by_name = {MEMORY: memory, ARITHMETIC: arithmetic, LAUNCH: launch}
    binds = max(by_name, key=lambda name: by_name[name])
    fits = moved / max(launches, 1) <= on.cache
    return Floor(
        by_name[binds], binds if by_name[binds] else "", memory, arithmetic, launch, moved, flops, launches, fits
    )


def _products(kernel: Kernel) -> frozenset[str]:
    """What of its ops the matrix units do. A generated kernel has the name of a product it only adds the bias of."""
    if kernel.kind == "triton" and not kernel.name.startswith("triton_tem"):
        return frozenset()
    names = [op.split(".")[1] if "." in op else op for op in kernel.ops] or [kernel.name]
    words = {word for name in names for word in re.split(r"[^a-z0-9]+", name.lower())}
    return frozenset(word for word in words if word in _PRODUCTS or word.startswith(("conv", "attention", "flash")))

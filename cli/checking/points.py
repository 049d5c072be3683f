"""Where kernels stand in a roofline: what both of its pictures, in the terminal and as SVG, are drawn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from g2.check.devices import Device
from g2.check.model import Call, Kernel
from g2.check.roofline import Floor, kernel_floor, limit

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Point:
    """A kernel. x: FLOPs per byte. y: FLOPs per second, measured or else at its floor. measured: which of them."""

    letter: str
    kernel: Kernel
    floor: Floor
    x: float
    y: float
    measured: bool


@dataclass(frozen=True, slots=True)
class Roof:
    """A limit of arithmetic. rate: FLOPs per second."""

    name: str
    rate: float


@dataclass(frozen=True, slots=True)
class Scale:
    """Powers of ten between which the picture is drawn: x in FLOPs per byte, y in FLOPs per second."""

    left: int
    right: int
    bottom: int
    top: int

    def across(self, x: float) -> float:
        """From 0 at the left to 1 at the right."""
        return _share(x, self.left, self.right)

    def up(self, y: float) -> float:
        """From 0 at the bottom to 1 at the top."""
        return _share(y, self.bottom, self.top)


def kernels_of(call: Call, target: str) -> tuple[Kernel, ...]:
    """All that a call launches on a target."""
    return tuple(
        kernel for graph in call.graphs for one in graph.lowered if one.target == target for kernel in one.kernels
    )


def points(kernels: Sequence[Kernel], on: Device) -> tuple[Point, ...]:
    """Those that compute anything, the longest first. What only moves bytes has no place: its arithmetic is nothing."""
    both = [(kernel, kernel_floor(kernel, on)) for kernel in kernels]
    both = sorted((pair for pair in both if pair[0].flops and pair[1].bytes), key=lambda pair: -pair[1].seconds)
    return tuple(
        Point(LETTERS[place] if place < len(LETTERS) else "*", kernel, floor, kernel.flops / floor.bytes,
              kernel.flops / (kernel.measured_s or floor.seconds), bool(kernel.measured_s))
        for place, (kernel, floor) in enumerate(both)
    )  # fmt: skip


def roofs(found: Sequence[Point], on: Device) -> tuple[Roof, ...]:
    """The limits of arithmetic that these kernels have, the highest first."""
    rates: dict[float, str] = {}
    for point in found:
        name, rate = limit(point.kernel, on)
        if rate:
            rates.setdefault(rate, name)
    plain = on.rate("float32")
    if not rates and plain:
        rates[plain] = "float32"
    return tuple(Roof(rates[rate], rate) for rate in sorted(rates, reverse=True))


def scale(found: Sequence[Point], limits: Sequence[Roof], on: Device) -> Scale:
    """Whole decades that hold the kernels, and where the roofs meet the slope of the bandwidth."""
    ridges = [roof.rate / on.bandwidth for roof in limits]
    xs = [point.x for point in found] + ridges
    ys = [point.y for point in found] + [roof.rate for roof in limits]
    left, right = _floor(min(xs, default=0.1)), _floor(max(xs, default=100.0)) + 1
    bottom, top = _floor(min(ys, default=1e9)), _floor(max(ys, default=1e12)) + 1
    return Scale(left, max(right, left + 2), max(bottom, top - 9), top)


def quantity(value: float, unit: str) -> str:
    """With a prefix of a thousand: "3.35 TB/s"."""
    for prefix, size in (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def _share(value: float, low: int, high: int) -> float:
    if value <= 0:
        return 0.0
    return min(1.0, max(0.0, (math.log10(value) - low) / (high - low)))


def _floor(value: float) -> int:
    return math.floor(math.log10(value)) if value > 0 else -3

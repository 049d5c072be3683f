"""The devices whose limits are known: data/devices.json, each figure with where it is from. And this machine's own.

A target is an architecture ("sm_90", "gfx942") or a device ("h200"), which says its architecture. An architecture
stands for one device of its kind unless another is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

NATIVE = "native"
# What Triton compiles for besides the architectures of the table (its NVIDIA backend asks ptxas, its AMD backend LLVM).
# For these there is no device whose limits are known, so there are no floors either.
WITHOUT_DEVICE = (
    "sm_75", "sm_86", "sm_87", "sm_103", "sm_110", "sm_120", "sm_121",
    "gfx90a", "gfx950", "gfx1100", "gfx1101", "gfx1200", "gfx1201",
)  # fmt: skip


class UnknownTarget(ValueError):
    """No architecture and no device is called so; the message lists those that are known."""


@dataclass(frozen=True, slots=True)
class Device:
    """What a device can do at most.

    bandwidth: bytes per second, read and written together. memory, cache: bytes; the cache is the last level. vector,
    matrix: FLOPs per second by dtype, outside and in the tensor (or matrix) cores, dense. launch: seconds that one
    more kernel takes beyond its own work, None where no figure is known; replay: the same when replayed from a graph.
    sources: by figure ("bandwidth", "matrix bfloat16"), where it is from. measured: here, not from a data sheet.
    """

    name: str
    vendor: str
    target: str
    bandwidth: float
    memory: float
    cache: float
    units: int
    unit: str = "SM"
    vector: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    matrix: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    launch: float | None = None
    replay: float | None = None
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    note: str = ""
    measured: bool = False

    def rate(self, dtype: str, matrix: bool = False) -> float | None:
        """FLOPs per second at `dtype`, in the matrix units where `matrix` and they do that dtype. None: not known.

        A dtype without a rate of its own has that of the next wider one: it can be no slower.
        """
        kinds = (self.matrix, self.vector) if matrix else (self.vector,)
        for name in _WIDER.get(dtype, (dtype,)):
            for kind in kinds:
                if name in kind:
                    return kind[name]
        return None

    @property
    def ridge(self) -> float | None:
        """FLOPs per byte from which arithmetic in float32 binds, outside the matrix units."""
        rate = self.rate("float32")
        return rate / self.bandwidth if rate else None


_EIGHT = ("float8", "float16", "bfloat16", "float32", "float64")
_WIDER = {
    "tf32": ("tf32", "float32"),
    "bfloat16": ("bfloat16", "float16", "float32"),
    "float16": ("float16", "bfloat16", "float32"),
    "complex64": ("float32",),
    "complex128": ("float64",),
} | dict.fromkeys(("float8", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"), _EIGHT)


@lru_cache(maxsize=1)
def devices() -> tuple[Device, ...]:
    """All of the table, the default of an architecture before its others."""
    data = json.loads(files("g2.check").joinpath("data", "devices.json").read_text("utf-8"))
    ordered = sorted(data["devices"], key=lambda one: not one["default"])
    return tuple(_made(one) for one in ordered)


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Every name that a device goes by, and the device's own."""
    data = json.loads(files("g2.check").joinpath("data", "devices.json").read_text("utf-8"))
    return {_plain(name): one["name"] for one in data["devices"] for name in (one["name"], *one["aliases"])}


def device(target: str) -> Device | None:
    """The device that a target means, or stands for. None: it has none whose limits are known, or is "native".

    Raises UnknownTarget.
    """
    named = _names().get(_plain(target))
    wanted = architecture(target)
    for one in devices():
        if one.name == named or (named is None and one.target == wanted):
            return one
    return None


def architecture(target: str) -> str:
    """ "sm_90" of "sm_90", "sm90", "h200" and "H200 SXM"; "native" of itself. Raises UnknownTarget."""
    named = _names().get(_plain(target))
    if named is not None:
        return next(one.target for one in devices() if one.name == named)
    text = target.strip().lower().partition(":")[0]  # "gfx942:sramecc+:xnack-" is how ROCm names it
    if text.startswith("sm") and text.removeprefix("sm").lstrip("_-").rstrip("af").isdigit():
        text = "sm_" + text.removeprefix("sm").lstrip("_-").rstrip("af")
    if text in architectures() or text == NATIVE:
        return text
    raise UnknownTarget(
        f"{target!r} is no target that is known. Architectures: {', '.join(architectures())}. "
        f"Devices: {', '.join(one.name for one in devices())}. Or {NATIVE}."
    )


def architectures() -> tuple[str, ...]:
    """Those with a device in the table first."""
    with_device = dict.fromkeys(one.target for one in devices())
    return (*with_device, *(name for name in WITHOUT_DEVICE if name not in with_device))


def this_machine(
    name: str, threads: int, bandwidth: float, memory: float, cache: float, rates: Mapping[str, float]
) -> Device:
    """The processor that a run measured. rates: FLOPs per second of a matrix product, by dtype."""
    source = f"measured in this run with {threads} thread{'s' if threads > 1 else ''}"
    figures = ("bandwidth", *(f"vector {dtype}" for dtype in rates))
    return Device(
        name, "", NATIVE, bandwidth, memory, cache, threads, "thread", MappingProxyType(dict(rates)),
        sources=MappingProxyType(dict.fromkeys(figures, source)), measured=True,
    )  # fmt: skip


def _plain(name: str) -> str:
    text = name.strip().lower().replace("_", "-").replace(" ", "-")
    for maker in ("nvidia-", "amd-", "geforce-", "instinct-", "tesla-"):
        text = text.removeprefix(maker)
    return text


def _made(data: Mapping[str, Any]) -> Device:
    sources: dict[str, str] = {}

    def figure(name: str) -> Any:
        one = data[name]
        if one is None:
            return None
        sources[name] = one["source"]
        return one["value"]

    def table(name: str) -> Mapping[str, float]:
        for dtype, one in data[name].items():
            sources[f"{name} {dtype}"] = one["source"]
        return MappingProxyType({dtype: one["value"] for dtype, one in data[name].items()})

    return Device(
        data["name"], data["vendor"], data["target"], figure("bandwidth"), figure("memory"), figure("cache"),
        figure("units"), data["unit"], table("vector"), table("matrix"), figure("launch"), figure("replay"),
        MappingProxyType(sources), data["note"],
    )  # fmt: skip

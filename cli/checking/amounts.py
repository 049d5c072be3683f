"""Bytes, times and ratios as a person reads them."""

from __future__ import annotations

from g2.check.model import Interval

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """`512 B`, `1.5 MB`; a kB is 1,000 bytes, as bandwidths have it."""
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"


def time(seconds: float) -> str:
    """`3.2 us`, `14 ms`, `2.5 s`."""
    for factor, unit in ((1e6, "us"), (1e3, "ms")):
        if seconds * factor < 1000:
            value = seconds * factor
            return f"{value:.2g} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def ratio(value: Interval) -> str:
    """`1.42 times as fast (1.38 to 1.47)`, or that no difference was seen."""
    bounds = f"({value.low:.2f} to {value.high:.2f})"
    if value.holds_one:
        return f"no difference {bounds}"
    return f"{value.median:.2f} times as fast {bounds}"

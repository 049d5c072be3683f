"""A roofline in the terminal: plain characters, so that it reads without colour, in a log or through a pager."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.text import Text

from g2.check.devices import Device
from g2.check.model import Kernel
from g2.check.roofline import Floor, dearest, reached, total
from g2.cli.checking.amounts import size as amount
from g2.cli.checking.amounts import time
from g2.cli.checking.picture import svg
from g2.cli.checking.points import Point, Roof, Scale, kernels_of, points, quantity, roofs, scale

__all__ = ["kernels_of", "roofline", "svg", "terminal"]

_WIDE = 80
_LEAST = 60
_HIGH = 16  # rows of the picture
_NAMED = 10  # kernels in the list below it
_MARGIN = 8  # columns before the picture, for its labels


def terminal(kernels: Sequence[Kernel], on: Device, width: int = _WIDE) -> str:
    """The picture, and below it the kernels that take the longest at least. No line is longer than `width`, or 60."""
    width = max(_LEAST, min(width, _WIDE))
    found = points(kernels, on)
    limits = roofs(found, on)
    limited = "".join(f", {quantity(roof.rate, 'FLOP/s')} {roof.name}" for roof in limits)
    lines = textwrap.wrap(f"{on.name}: {quantity(on.bandwidth, 'B/s')} of memory bandwidth{limited}", width)
    if found:
        lines += picture(found, limits, on, width, _HIGH)
    longest = dearest(kernels, on)
    letters = {id(point.kernel): point.letter for point in found}
    lines += _list([(letters.get(id(one), " "), one, floor) for one, floor in longest[:_NAMED]], width)
    if len(longest) > _NAMED:
        lines.append(f"{len(longest) - _NAMED} more have shorter floors.")
    if kernels and not any(one.measured_s for one in kernels):
        whole = total(floor for _, floor in longest)
        said = f"Floors, not times: together these kernels take {time(whole.seconds)} at least."
        lines += textwrap.wrap(said, width)
    return "\n".join(lines)


def roofline(kernels: Sequence[Kernel], on: Device, width: int = _WIDE) -> Text:
    """The same for rich, as it is: nothing in it is markup."""
    return Text(terminal(kernels, on, width), no_wrap=True, overflow="crop")


def picture(found: Sequence[Point], limits: Sequence[Roof], on: Device, width: int, height: int) -> list[str]:
    """Rows of characters: "/" the bandwidth, "-" arithmetic, letters the kernels, "+" where several stand."""
    size = scale(found, limits, on)
    columns = width - _MARGIN - 1
    grid = [[" "] * columns for _ in range(height)]
    highest = limits[0].rate if limits else None
    for column in range(columns):
        x = 10 ** (size.left + (size.right - size.left) * column / (columns - 1))
        slope = x * on.bandwidth
        for roof in limits:
            if slope >= roof.rate:
                _put(grid, column, size.up(roof.rate), "-")
        if (highest is None or slope < highest) and slope >= 10**size.bottom:
            _put(grid, column, size.up(slope), "/")
    for roof in limits:
        rate = quantity(roof.rate, "FLOP/s")
        up = round(size.up(roof.rate) * (height - 1))
        held = [
            round(size.across(one.x) * (columns - 1)) for one in found if round(size.up(one.y) * (height - 1)) == up
        ]
        names = (f" {rate} {roof.name} ", f" {roof.name} ", f" {rate} ")
        _write(grid[height - 1 - up], names, max(held, default=-1))
    for point in reversed(found):
        column = round(size.across(point.x) * (columns - 1))
        row = height - 1 - round(size.up(point.y) * (height - 1))
        alone = not any(other is not point and _same(size, point, other, columns, height) for other in found)
        grid[row][column] = point.letter if alone else "+"
    labels = _labels(size, height)
    rows = [f"{one:>{_MARGIN - 1}}|{''.join(row)}".rstrip() for one, row in zip(labels, grid, strict=True)]
    return [*rows, " " * (_MARGIN - 1) + "+" + "-" * columns, *_below(size, columns)]


def _put(grid: list[list[str]], column: int, up: float, mark: str) -> None:
    grid[len(grid) - 1 - round(up * (len(grid) - 1))][column] = mark


def _write(row: list[str], texts: Sequence[str], after: int) -> None:
    """A roof's name at the right end of its line, the longest that has room beyond `after`, where none stands yet."""
    for text in texts:
        at = len(row) - len(text)
        if at > after and set(row[at:]) == {"-"}:
            row[at:] = list(text)
            return


def _same(size: Scale, one: Point, other: Point, columns: int, height: int) -> bool:
    places = [
        (round(size.across(point.x) * (columns - 1)), round(size.up(point.y) * (height - 1))) for point in (one, other)
    ]
    return places[0] == places[1]


def _labels(size: Scale, height: int) -> list[str]:
    labels = [""] * height
    for power in range(size.bottom, size.top + 1):
        row = height - 1 - round(size.up(10.0**power) * (height - 1))
        labels[row] = quantity(10.0**power, "").strip()
    return labels


def _below(size: Scale, columns: int) -> list[str]:
    line = [" "] * columns
    for power in range(size.left, size.right + 1):
        text = f"{10.0**power:g}"
        at = min(round(size.across(10.0**power) * (columns - 1)), columns - len(text))
        line[at : at + len(text)] = list(text)
    words = "FLOP/s upward, FLOPs per byte to the right"
    return [" " * _MARGIN + "".join(line).rstrip(), " " * _MARGIN + words]


def _list(found: Sequence[tuple[str, Kernel, Floor]], width: int) -> list[str]:
    measured = any(kernel.measured_s for _, kernel, _ in found)
    rows = [("", "kernel", "bytes", "FLOP/B", "floor", "binds", "reached" if measured else "")]
    for letter, kernel, floor in found:
        intensity = f"{floor.intensity:.2g}" if floor.intensity is not None else ""
        share = reached(floor, kernel.measured_s)
        rows.append(
            (letter, kernel.name, amount(floor.bytes), intensity, time(floor.seconds), floor.binds,
             "" if share is None else f"{share:.0%}")
        )  # fmt: skip
    name = width - (1 + 1 + 9 + 9 + 10 + 12 + (8 if measured else 0))
    return [
        f"{letter:1} {_cut(text, name):<{name}}{moved:>9}{ratio:>9}{floor:>10}  {binds:<10}{share:>8}".rstrip()
        for letter, text, moved, ratio, floor, binds, share in rows
    ]


def _cut(text: str, width: int) -> str:
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return plain if len(plain) <= width else plain[: width - 3] + "..."

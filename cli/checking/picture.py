"""A roofline as SVG: one file without scripts or fonts of its own, light or dark as the reader's system is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from g2.check.devices import Device
from g2.check.model import Kernel
from g2.check.roofline import ARITHMETIC, LAUNCH, MEMORY
from g2.cli.checking.amounts import time
from g2.cli.checking.points import Point, Roof, Scale, points, quantity, roofs, scale

_WIDE, _HIGH = 880, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 216, 60, 96  # around the picture
# Told apart by form as well as by colour. Colours: Okabe and Ito's, which the colour-blind can tell apart.
_STYLE = """
svg{--ink:#1a1a1a;--soft:#6b6b6b;--grid:#e3e3e3;--paper:#fff;--memory:#0072b2;--arithmetic:#d55e00;--launch:#6b6b6b}
@media(prefers-color-scheme:dark){
svg{--ink:#ececec;--soft:#a3a3a3;--grid:#3a3a3a;--paper:#1b1b1b;--memory:#56b4e9;--arithmetic:#e69f00;--launch:#a3a3a3}}
text{font:12px system-ui,sans-serif;fill:var(--ink)}
.soft{fill:var(--soft)}.head{font-size:15px;font-weight:600}
.grid{stroke:var(--grid);stroke-width:1}.roof{stroke:var(--ink);stroke-width:1.5;fill:none}
.memory{fill:var(--memory)}.arithmetic{fill:var(--arithmetic)}.launch{fill:var(--launch)}
.point{fill-opacity:.75;stroke:var(--paper);stroke-width:1}.floor{fill-opacity:.25;stroke-width:1.5}
.floor.memory{stroke:var(--memory)}.floor.arithmetic{stroke:var(--arithmetic)}.floor.launch{stroke:var(--launch)}
"""


def svg(kernels: Sequence[Kernel], on: Device, heading: str) -> str:
    """The picture. heading: of whom it is. Hollow points are floors, filled ones measured; each has its kernel in
    words.
    """
    found = points(kernels, on)
    limits = roofs(found, on)
    size = scale(found, limits, on)
    longest = max((point.floor.seconds for point in found), default=1.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-labelledby="t">',
        f'<title id="t">{_plain(f"Roofline of {heading} on {on.name}")}</title>',
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDE}" height="{_HIGH}" style="fill:var(--paper)"/>',
        f'<text class="head" x="{_LEFT}" y="24">{_plain(heading)}</text>',
        f'<text class="soft" x="{_LEFT}" y="42">{_plain(_device(on))}</text>',
        *_grid(size),
        *_roofs(size, limits, on),
        *(_point(size, point, longest) for point in reversed(found)),
        *_key(any(point.measured for point in found), any(not point.measured for point in found)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _device(on: Device) -> str:
    how = "measured here" if on.measured else "by its data sheet"
    return f"{on.name}, {quantity(on.bandwidth, 'B/s')} of memory bandwidth, {how}"


def _x(size: Scale, value: float) -> float:
    return round(_LEFT + size.across(value) * (_WIDE - _LEFT - _RIGHT), 1)


def _y(size: Scale, value: float) -> float:
    return round(_HIGH - _BOTTOM - size.up(value) * (_HIGH - _TOP - _BOTTOM), 1)


def _grid(size: Scale) -> list[str]:
    low, high = _HIGH - _BOTTOM, _TOP
    lines: list[str] = []
    for power in range(size.left, size.right + 1):
        x = _x(size, 10.0**power)
        lines.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>')
        lines.append(f'<text class="soft" x="{x}" y="{low + 16}" text-anchor="middle">{10.0**power:g}</text>')
    for power in range(size.bottom, size.top + 1):
        y = _y(size, 10.0**power)
        lines.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y}" y2="{y}"/>')
        label = quantity(10.0**power, "")
        lines.append(f'<text class="soft" x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{label}</text>')
    middle = (_LEFT + _WIDE - _RIGHT) / 2
    lines.append(f'<text class="soft" x="{middle}" y="{low + 34}" text-anchor="middle">FLOPs per byte</text>')
    turned = (high + low) / 2
    lines.append(
        f'<text class="soft" transform="translate(18 {turned}) rotate(-90)" text-anchor="middle">'
        "FLOPs per second</text>"
    )
    return lines


def _roofs(size: Scale, limits: Sequence[Roof], on: Device) -> list[str]:
    lines: list[str] = []
    right = 10.0**size.right
    last = 0.0
    for roof in limits:
        ridge = roof.rate / on.bandwidth
        low = max(10.0**size.left, 10.0**size.bottom / on.bandwidth)
        y = _y(size, roof.rate)
        path = f"M{_x(size, low)} {_y(size, low * on.bandwidth)}L{_x(size, ridge)} {y}L{_x(size, right)} {y}"
        lines.append(f'<path class="roof" d="{path}"/>')
        label = _plain(f"{roof.name}: {quantity(roof.rate, 'FLOP/s')}")
        last = max(y + 4, last + 14)
        lines.append(f'<text class="soft" x="{_WIDE - _RIGHT + 8}" y="{last:.1f}">{label}</text>')
    return lines


def _point(size: Scale, point: Point, longest: float) -> str:
    floor = point.floor
    radius = round(4 + 8 * (floor.seconds / longest) ** 0.5, 1)
    words = [
        point.kernel.name,
        f"{quantity(floor.bytes, 'B')}, {quantity(floor.flops, 'FLOP')}, {point.x:.2g} FLOPs per byte",
        f"at least {time(floor.seconds)}: {floor.binds} binds",
    ]
    if point.kernel.measured_s:
        words.append(
            f"measured {time(point.kernel.measured_s)}, {floor.seconds / point.kernel.measured_s:.0%} of the limit"
        )
    words += [f"{line.path}:{line.line}" for line in point.kernel.lines[:4]]
    kind = "point" if point.measured else "floor"
    mark = _mark(floor.binds, _x(size, point.x), _y(size, point.y), radius, kind)
    return f"<g><title>{chr(10).join(map(_plain, words))}</title>{mark}</g>"


def _plain(text: str) -> str:
    """What a program named may hold markup, and characters that XML has none of."""
    return escape("".join(character if character.isprintable() else "?" for character in text))


def _mark(binds: str, x: float, y: float, r: float, kind: str) -> str:
    if binds == ARITHMETIC:
        place = f'x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r:.1f}" height="{2 * r:.1f}"'
        return f'<rect class="{kind} arithmetic" {place}/>'
    if binds == LAUNCH:
        corners = f"{x:.1f},{y - r:.1f} {x - r:.1f},{y + r:.1f} {x + r:.1f},{y + r:.1f}"
        return f'<polygon class="{kind} launch" points="{corners}"/>'
    return f'<circle class="{kind} memory" cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/>'


def _key(measured: bool, floors: bool) -> list[str]:
    y = _HIGH - 22
    kind = "point" if measured else "floor"
    words = {MEMORY: "memory binds", ARITHMETIC: "arithmetic binds", LAUNCH: "launching binds"}
    lines: list[str] = []
    for place, (name, text) in enumerate(words.items()):
        x = _LEFT + 6 + place * 140
        lines.append(_mark(name, x, y - 4, 5, kind))
        lines.append(f'<text x="{x + 12}" y="{y}">{text}</text>')
    if floors:
        text = "Hollow: a floor, not a time." if measured else "All points are floors, not times."
        lines.append(f'<text class="soft" x="{_WIDE - 20}" y="{y}" text-anchor="end">{text}</text>')
    return lines

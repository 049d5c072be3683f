"""A check in the HTML report: what was compared, how fast it is, the kernels and their distance from the limit."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from g2.check.devices import Device, architecture
from g2.check.model import Call, Check, Kernel, Line, Lowered
from g2.check.roofline import call_floor, call_wall, kernel_floor, meant
from g2.cli.checking import sentences
from g2.cli.checking.amounts import size, time
from g2.cli.checking.picture import svg
from g2.cli.text import inline, plural, short_path

_OUTCOMES = {"same": "equal", "close": "equal within rounding", "differs": "WRONG"}


def drawn(check: Check) -> dict[str, Any]:
    """What the template shows."""
    return {
        "headline": sentences.headline(check),
        "wrong": check.wrong,
        "calls": [_call(check, call) for call in check.calls],
        "operators": [
            (one.level, [f"{name} {count}" for name, count in one.counts], one.undecomposed) for one in check.operators
        ],
        "notes": check.notes,
    }


def _call(check: Check, call: Call) -> dict[str, Any]:
    return {
        "root": inline(call.root),
        "where": f"{short_path(call.line.path, check.cwd)}:{call.line.line}",
        "inputs": inline(call.inputs),
        "correct": list(sentences.correct(call)),
        "wrong": list(sentences.wrongs(call)),
        "speed": [*sentences.speed(call.speed), *sentences.here(call)] if call.speed else [],
        "targets": list(_targets(check, call)),
        "failed": [f"{part.name} could not be done: {part.why}" for part in call.failed],
        "notes": call.notes,
    }


def _targets(check: Check, call: Call) -> Iterator[dict[str, Any]]:
    for name in check.targets:
        target, on = architecture(name), meant(call, name)
        found = [one for graph in call.graphs for one in graph.lowered if one.target == target]
        if found:
            kernels = [kernel for one in found for kernel in one.kernels]
            yield {
                "name": name,
                "told": sentences.kernels(call, target),
                "limit": sentences.limit(call_wall(call, target), call_floor(call, target, on), on),
                "why": list(dict.fromkeys(one.why for one in found if one.why)),
                "kernels": [_kernel(check, kernel, one, on) for one in found for kernel in one.kernels],
                "measured": any(kernel.measured_s for kernel in kernels),
                "picture": _picture(kernels, on, f"{call.root}, {name}") if on and kernels else "",
            }


def _kernel(check: Check, kernel: Kernel, one: Lowered, on: Device | None) -> dict[str, Any]:
    floor = kernel_floor(kernel, on) if on else None
    made = kernel.assembled
    binary = [] if made is None or made.registers is None else [plural(made.registers, "register")]
    binary += [f"{size(made.spills)} spilled"] if made and made.spills else []
    binary += [f"{made.occupancy:.0%} occupancy"] if made and made.occupancy is not None else []
    binary += [made.why] if made and made.why else []
    return {
        "name": inline(kernel.name),
        "kind": kernel.kind,
        "lines": [_line(line, check.cwd) for line in kernel.lines],
        "ops": ", ".join(kernel.ops),
        "launches": kernel.launches,
        "moved": size(kernel.read + kernel.written),
        "floor": f"{time(floor.seconds)}, {floor.binds}" if floor else "",
        "measured": time(kernel.measured_s) if kernel.measured_s else "",
        "checked": _OUTCOMES.get(kernel.checked, kernel.checked),
        "wrong": kernel.checked == "differs",
        "binary": ", ".join(binary),
    }


def _line(line: Line, cwd: str) -> str:
    return f"{short_path(line.path, cwd)}:{line.line}" + (f" in {inline(line.function)}" if line.function else "")


def _picture(kernels: list[Kernel], on: Device, heading: str) -> str:
    """As an address, so that the picture's own style is its own."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(kernels, on, inline(heading)).encode()).decode()

"""A check for programs: JSON, format 1. Its schema is docs/check.schema.json."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from g2.check.devices import architecture
from g2.check.model import Call, Check, Line
from g2.check.roofline import call_floor, call_wall, here, kernel_floor, meant
from g2.cli.text import relative

FORMAT = 1


def render(check: Check) -> str:
    """The whole check, every field of it; with the floors of kernels and calls on their target."""
    document: dict[str, Any] = {"format": FORMAT, "wrong": check.wrong, **_plain(check, check.cwd)}
    for call, drawn in zip(check.calls, document["calls"], strict=True):
        drawn["here"] = _here(call)
        drawn["limits"] = {name: _limit(check, call, name) for name in check.targets}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _here(call: Call) -> dict[str, Any] | None:
    """How near the compiled call came to what the processor can do that it was measured on."""
    found = here(call)
    if found is None:
        return None
    rates = dict(found.on.vector)
    return {"device": found.on.name, "bandwidth": found.on.bandwidth, "rates": rates,
            "floor": _plain(found.floor, ""), "reached": found.reached}  # fmt: skip


def _limit(check: Check, call: Call, name: str) -> dict[str, Any]:
    """How far a call is from what a device can do; floors of kernels are by graph, in their order."""
    target, on = architecture(name), meant(call, name)
    floor, wall = call_floor(call, target, on), call_wall(call, target)
    kernels = [
        [_plain(kernel_floor(kernel, on), check.cwd) for kernel in one.kernels] if on else []
        for graph in call.graphs for one in graph.lowered if one.target == target
    ]  # fmt: skip
    return {
        "device": on.name if on else None,
        "floor": _plain(floor, check.cwd) if floor else None,
        "bytes": _plain(wall, check.cwd),
        "kernels": kernels,
    }


def _plain(value: Any, cwd: str) -> Any:
    if isinstance(value, Line):
        return {"path": relative(value.path, cwd), "line": value.line, "function": value.function}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name), cwd) for one in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(one, cwd) for one in value]
    return value

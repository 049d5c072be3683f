"""Random numbers of kernels: the recorded run drew from torch's stream, a kernel draws from Philox by seed and offset.

The two never agree. So that everything else of such a kernel can be compared, its draws are replaced by those that the
recorded run made: seeds are handed out as 0, 1, 2, ... , and a draw with seed k at offset i is element i of what the
graph's k-th random operator gave. The generator itself is looked at apart: it must give what its distribution says.
"""

from __future__ import annotations

import ast
import importlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import triton.language as tl
from triton.runtime.interpreter import TensorHandle

from g2.check.child.interpret.numbers import Array

_RANDOM = re.compile(r"inductor_random\.default\(")
_LOOKUP = re.compile(r"inductor_lookup_seed\.default\((\w+),\s*(\d+)\)")
_CALLED = ("rand4x", "randn4x", "randint64", "rand_eager_kernel")


@dataclass
class Draws:
    """What random operators gave, by the number of their seed."""

    by_seed: dict[int, torch.Tensor] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, values: Mapping[str, Any]) -> Draws:
        """From the graph's text and the recorded values. Nothing where the graph draws nothing, or they were not kept."""
        path = folder / "graph.py"
        draws = cls()
        if not path.exists():
            return draws
        seeds: dict[str, int] = {}
        for statement in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
                continue
            name, text = statement.targets[0].id, ast.unparse(statement.value)
            if found := _LOOKUP.search(text):
                seeds[name] = int(found[2])
            elif _RANDOM.search(text) and isinstance(statement.value, ast.Call) and len(statement.value.args) > 2:
                seed = seeds.get(ast.unparse(statement.value.args[1]))
                if seed is not None and isinstance(values.get(name), torch.Tensor):
                    draws.by_seed[seed] = values[name].contiguous().flatten()
                    draws.kinds[seed] = ast.literal_eval(statement.value.args[2])
        return draws


def follow(draws: Draws, scope: dict[str, Any]) -> None:
    """Have the kernels of a module draw what was recorded."""
    helpers: Any = importlib.import_module("torch._inductor.runtime.triton_helpers")
    if not draws.by_seed:
        return
    _count_seeds(scope)
    for name in _CALLED:
        if (theirs := getattr(helpers, name, None)) is not None and name != "randint64":
            setattr(helpers, name, _drawing(draws, theirs))
    for name in ("rand", "randn"):
        setattr(tl, name, _drawing(draws, getattr(tl, name)))


def _drawing(draws: Draws, theirs: Any) -> Any:
    theirs = getattr(theirs, "__wrapped_by_g2__", theirs)
    seen: set[int] = set()

    def draw(seed: Any, offset: Any, *rest: Any, **named: Any) -> Any:
        number = int(np.asarray(seed.handle.data).flat[0]) if isinstance(seed, tl.tensor) else int(seed)
        held = draws.by_seed.get(number)
        if held is None:
            return theirs(seed, offset, *rest, **named)
        data = offset.handle.data.astype(np.int64)
        if number not in seen:
            seen.add(number)
            said = wrong_distribution(theirs(seed, offset, *rest, **named).handle.data, draws.kinds[number])
            draws.notes.append(said or "random draws are those of the recorded run")
        made: Array = held.float().numpy()[np.clip(data, 0, held.numel() - 1)]
        return tl.tensor(TensorHandle(made, tl.float32), tl.block_type(tl.float32, list(made.shape)))

    draw.__wrapped_by_g2__ = theirs  # type: ignore[attr-defined]
    return draw


def wrong_distribution(drawn: Array, kind: str) -> str:
    """Whether draws could be those of "rand" (uniform in [0, 1)) or "randn", in words when not: mean and variance within
    6 standard errors.
    """
    count = drawn.size
    values = drawn.astype(np.float64)
    mean, variance, fourth = (0.5, 1 / 12, 1 / 80) if kind == "rand" else (0.0, 1.0, 3.0)
    if kind == "rand" and not ((values >= 0) & (values < 1)).all():
        return "the kernel's own random draws are not all in [0, 1)"
    off = abs(values.mean() - mean) / math.sqrt(variance / count)
    spread = abs(((values - mean) ** 2).mean() - variance) / math.sqrt((fourth - variance**2) / count)
    if off > 6 or spread > 6:
        return f"the kernel's own random draws are not {kind}: mean {values.mean():.4g}, variance {values.var():.4g}"
    return ""


def _count_seeds(scope: dict[str, Any]) -> None:
    """Seeds are drawn by aten.randint.low_out: give 0, 1, 2, ... instead."""
    ops = scope["aten"]

    class Seeds:
        def low_out(self, low: int, high: int, size: Any, *, out: torch.Tensor) -> torch.Tensor:
            if low == -(2**63):
                return out.copy_(torch.arange(out.numel()).reshape(out.shape))
            return torch.ops.aten.randint.low_out(low, high, size, out=out)

        def __getattr__(self, name: str) -> Any:
            return getattr(torch.ops.aten.randint, name)

    ops.randint = Seeds()

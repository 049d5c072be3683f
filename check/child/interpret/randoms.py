"""Random numbers of kernels that draw four at a time.

From torch 2.13 on Inductor's pointwise kernels draw by triton_helpers.rand4x and randn4x: the same generator and seeds,
but element i of a draw is word i % 4 of counter i // 4, where tl.rand takes the first word of counter i. The recorded
run draws as tl.rand does (g2.check.child.random). So that all else of such a kernel can be compared number by number,
it is given tl.rand's; what rand4x itself draws is looked at apart, by mean and variance.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import triton.language as tl

from g2.check.child.interpret.numbers import Array

_SIGMAS = 6.0


def follow(notes: list[str]) -> None:
    """Have kernels draw as the recorded run did. What is found about their own draws is added to `notes`."""
    helpers: Any = importlib.import_module("torch._inductor.runtime.triton_helpers")
    for name, plain, kind in (("rand4x", "rand", "rand"), ("randn4x", "randn", "randn")):
        theirs = getattr(helpers, name, None)
        if theirs is not None and not hasattr(theirs, "g2_original"):
            setattr(helpers, name, _drawing(theirs, getattr(tl, plain), kind, notes))


def _drawing(theirs: Any, plain: Any, kind: str, notes: list[str]) -> Callable[..., Any]:
    def draw(seed: Any, offsets: Any, *rest: Any, **named: Any) -> Any:
        said = wrong_distribution(np.asarray(theirs(seed, offsets, *rest, **named).handle.data), kind)
        words = (
            said or f"what {kind}4x draws was compared by statistics, all else with {kind}'s draws from the same seed"
        )
        if words not in notes:
            notes.append(words)
        return plain(seed, offsets)

    draw.g2_original = theirs  # type: ignore[attr-defined]
    return draw


def wrong_distribution(drawn: Array, kind: str) -> str:
    """Whether draws could be those of "rand" (uniform in [0, 1)) or "randn", in words when not: mean and variance
    within 6 standard errors. Nothing is said of fewer than 16.
    """
    values = drawn.astype(np.float64).ravel()
    if values.size < 16:
        return ""
    mean, variance, fourth = (0.5, 1 / 12, 1 / 80) if kind == "rand" else (0.0, 1.0, 3.0)
    if kind == "rand" and not ((values >= 0) & (values < 1)).all():
        return "the kernel's own random draws are not all in [0, 1)"
    off = abs(values.mean() - mean) / math.sqrt(variance / values.size)
    spread = abs(((values - mean) ** 2).mean() - variance) / math.sqrt((fourth - variance**2) / values.size)
    if off > _SIGMAS or spread > _SIGMAS:
        return f"the kernel's own random draws are not {kind}: mean {values.mean():.4g}, variance {values.var():.4g}"
    return ""

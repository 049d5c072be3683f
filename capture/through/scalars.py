"""Scalars that were computed before a break: Dynamo knows their value behind it (torch 2.11 to 2.15).

A 0-d int64 or float64 CPU tensor that enters a graph is given the number it holds (`item_memo`, set by
FakeTensorConverter.from_real_tensor), so `x.new_zeros(n)` with such an `n` is no break behind a break. In one trace
through all breaks nothing enters anew; so the scalars computed until then are given their numbers here.
"""

from __future__ import annotations

import math
from typing import Any

import torch


def know_scalars(tx: Any) -> None:
    """Give the scalars of the trace so far the numbers they hold."""
    for node in tx.output.graph.nodes:
        fake = node.meta.get("example_value")
        real = getattr(fake, "real_tensor", None)
        if type(real) is not torch.Tensor or real.dim() or real.device.type != "cpu":
            continue
        if real.dtype in (torch.int64, torch.float64) and not fake.requires_grad and fake.item_memo is None:
            number = real.item()
            if math.isfinite(number):
                fake.item_memo = number

"""Inductor's random streams in eager, so that generated kernels with dropout can be compared number by number.

Inductor draws seeds by one library call and numbers by Philox 4x32-10 (Salmon et al., "Parallel random numbers: as
easy as 1, 2, 3", SC 2011), as triton.language.random does: the counter is an element's place, the key the seed.

Private torch (2.11 to 2.15): the operators prims.inductor_seeds, inductor_random, inductor_randint.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

SEED = 0  # of torch's stream, before the library calls of a module draw from it
_LOW = 0xFFFFFFFF
_A, _B, _KEY_A, _KEY_B = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85


def philox(seed: int, counter: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four words of 32 bits (as int64) for each counter below 2**32."""
    c0, c1 = counter & _LOW, torch.zeros_like(counter)
    c2, c3 = torch.zeros_like(counter), torch.zeros_like(counter)
    k0, k1 = seed & _LOW, (seed >> 32) & _LOW
    for _ in range(10):
        a, b = c0 * _A, c2 * _B  # they wrap around, and leave the bits that are wanted as they are
        c0, c1, c2, c3 = ((b >> 32) & _LOW) ^ c1 ^ k0, b & _LOW, ((a >> 32) & _LOW) ^ c3 ^ k1, a & _LOW
        k0, k1 = (k0 + _KEY_A) & _LOW, (k1 + _KEY_B) & _LOW
    return c0, c1, c2, c3


def _uniform(word: Tensor) -> Tensor:
    signed = torch.where(word >= 1 << 31, word - (1 << 32), word)
    folded = torch.where(signed < 0, -signed - 1, signed)
    return folded.to(torch.float32) * torch.tensor(4.6566127342e-10, dtype=torch.float32)


def _random(size: list[int], seed: Tensor, mode: str, *, offset: int = 0, **_more: Any) -> Tensor:
    counter = torch.arange(math.prod(size)).reshape(size) + offset
    first, second, *_ = philox(int(seed), counter)
    if mode == "rand":
        return _uniform(first)
    radius = torch.sqrt(-2.0 * torch.log(_uniform(first).clamp_min(1.0e-7)))
    return radius * torch.cos(6.283185307179586 * _uniform(second))


def _randint(low: int, high: int, size: list[int], seed: Tensor, *, offset: int = 0, **_more: Any) -> Tensor:
    counter = torch.arange(math.prod(size)).reshape(size) + offset
    first, second, *_ = philox(int(seed), counter)
    span = high - low
    whole = (second % span) * ((1 << 32) % span) + first % span  # below span * 2**32: exact where span is below 2**31
    return whole % span + low


def _seeds(count: int, device: Any) -> Tensor:
    seeds = torch.empty(count, dtype=torch.int64)
    torch.ops.aten.randint.low_out(-(1 << 63), (1 << 63) - 1, [count], out=seeds)
    return seeds


def stand_ins() -> dict[Any, Callable[..., Any]]:
    """What runs in the place of each of Inductor's random operators. Those that this torch lacks are not among them."""
    prims: Any = torch.ops.prims
    pairs = (("inductor_seeds", _seeds), ("inductor_random", _random), ("inductor_randint", _randint))
    return {getattr(prims, name).default: function for name, function in pairs if hasattr(prims, name)}

"""What rounding at every step can come to: Monte Carlo arithmetic (D. S. Parker, UCLA CSD-970002, 1997).

A run in float64 in which every operator's result is moved, element by element, up or down by a unit in the last place
of the dtype that the program computes in. How far that carries the end results is what rounding in that dtype can do to
them, cancelling sums included: the gradient of a bias before a normalisation is nothing but rounding, and a sum of many
terms is off by some root of their number.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode  # 2.11 to 2.15
from torch.utils._pytree import tree_iter, tree_map

# They move numbers, compare them or draw them, and round nothing.
_NAMES = """
    _to_copy _unsafe_index _unsafe_view abs alias amax amin as_strided bernoulli cat clamp clamp_max clamp_min clone
    constant_pad_nd copy copy_ detach diagonal dropout embedding empty empty_like empty_strided exponential expand fill
    fill_ flip full full_like gather getitem index index_select inductor_lookup_seed inductor_random inductor_seeds
    iota max maximum min minimum native_dropout neg new_empty new_full new_ones new_zeros normal ones ones_like permute
    rand rand_like randn randn_like relu relu_ repeat reshape resize_ roll scalar_tensor select set_ slice
    slice_scatter sort split split_with_sizes squeeze stack t topk transpose unbind unfold uniform unsqueeze view where
    zero_ zeros zeros_like
"""
_EXACT = frozenset(_NAMES.split())


class EachRounded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Moves what every operator computes in float64 by `eps`, relative to each element, in a random direction."""

    def __init__(self, eps: float, seed: int = 0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._eps = eps
        self._source = torch.Generator().manual_seed(seed)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in _EXACT:
            return made
        if func._schema.is_mutable:
            for one in tree_iter(made):
                if _computed(one):
                    one.mul_(self._factor(one))
            return made
        held = {_storage(one) for one in tree_iter((args, kwargs)) if isinstance(one, torch.Tensor)}
        return tree_map(lambda one: self._moved(one, held), made)

    def _moved(self, value: Any, held: set[int]) -> Any:
        """A view of what was given is no new result."""
        return value if not _computed(value) or _storage(value) in held else value * self._factor(value)

    def _factor(self, value: torch.Tensor) -> torch.Tensor:
        return moves(value, self._eps, self._source)


def moves(value: torch.Tensor, eps: float, source: torch.Generator) -> torch.Tensor:
    """1 + eps or 1 - eps for each element. source: a generator of the CPU."""
    signs = torch.empty(value.shape, dtype=value.dtype).bernoulli_(0.5, generator=source)
    return signs.mul_(2 * eps).add_(1 - eps).to(value.device)


def _computed(value: Any) -> bool:
    return type(value) is torch.Tensor and value.dtype is torch.float64 and value.layout is torch.strided


def _storage(value: torch.Tensor) -> int:
    return int(value.untyped_storage()._cdata) if value.layout is torch.strided else id(value)

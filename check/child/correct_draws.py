"""The same random numbers in float64 as in eager: drawn in eager's dtype, then widened.

A draw in float64 takes other numbers from the stream than one in float32, and then a reference would be of other masks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from g2.rewrite.trial.gradients import tensors_of


def drawn_in(*things: Any) -> torch.dtype:
    """The dtype in which a call draws: that of the first floating tensor among its inputs and parameters."""
    found = (tensor.dtype for thing in things for _, tensor in tensors_of(thing, ""))
    return next((dtype for dtype in found if dtype.is_floating_point and dtype.itemsize > 1), torch.float32)


class SameDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While open, every op that draws random numbers does so in the dtype of the call before it was widened."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dtype = dtype

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        wide = [value for value in args if isinstance(value, torch.Tensor) and value.dtype == torch.float64]
        if func._schema.is_mutable:
            if not wide or args[0] is not wide[0]:
                return func(*args, **kwargs)
            drawn = args[0].to(self._dtype)
            func(drawn, *tree_map(self._narrow, args[1:]), **tree_map(self._narrow, kwargs))
            return args[0].copy_(drawn)
        asked = kwargs.get("dtype")
        if not wide and asked != torch.float64 and not (asked is None and torch.get_default_dtype() == torch.float64):
            return func(*args, **kwargs)
        if wide:  # attention may draw, for dropout; where it does not, float64 is what is wanted
            before = _state(wide[0].device)
            found = func(*args, **kwargs)
            if torch.equal(before, _state(wide[0].device)):
                return found
            _put_back(wide[0].device, before)
        given = {**kwargs, "dtype": self._dtype} if "dtype" in kwargs or not wide else kwargs
        if "dtype" in given and "dtype" not in {argument.name for argument in func._schema.arguments}:
            given = kwargs
        found = func(*tree_map(self._narrow, args), **tree_map(self._narrow, given))
        return tree_map(self._widen, found)

    def _narrow(self, value: Any) -> Any:
        return value.to(self._dtype) if isinstance(value, torch.Tensor) and value.dtype == torch.float64 else value

    def _widen(self, value: Any) -> Any:
        return value.double() if isinstance(value, torch.Tensor) and value.dtype == self._dtype else value


def _state(device: torch.device) -> torch.Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _put_back(device: torch.device, state: torch.Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)

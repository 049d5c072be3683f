"""The same call in float64: what eager's own rounding is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from g2.rewrite.trial.copies import Change, Inputs

_WIDER = {
    torch.float32: torch.float64,
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.complex64: torch.complex128,
}


def in_double(args: tuple[Any, ...], kwargs: Mapping[str, Any], owner: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Copies of the arguments with every floating tensor in float64.

    `owner`, when it is a module, is turned to float64 in place, and so is torch's default dtype: for a fork that makes
    this one call and ends. What the code itself casts to a smaller dtype stays there; `tolerance.py` does not believe a
    reference that is far off.
    """
    made = Inputs(args, kwargs).make(Change(values=lambda path, tensor: _wide(tensor)))
    if isinstance(owner, torch.nn.Module):
        for module in owner.modules():
            for name, value in list(vars(module).items()):
                if type(value) is torch.Tensor:  # a plain attribute: `double` does not know it
                    setattr(module, name, _wide(value))
        owner.double()
    torch.set_default_dtype(torch.float64)
    return made


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(_WIDER.get(tensor.dtype, tensor.dtype))

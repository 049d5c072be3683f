"""The same call in float64: what eager's own rounding is measured against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from g2.rewrite.trial.changes import generator
from g2.rewrite.trial.copies import Change, Inputs

_WIDER = {
    torch.float32: torch.float64,
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.complex64: torch.complex128,
}


def in_double(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], owner: Any, shaken: bool = False
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Copies of the arguments with every floating tensor in float64.

    `owner`, when it is a module, and modules among the arguments are turned to float64 in place, and so is torch's
    default dtype: for a fork that makes this one call and ends. What the code itself casts to a smaller dtype stays
    there; `tolerance.py` does not believe a reference that is far off.

    shaken: every element is moved by one unit in the last place of its dtype (of float32 where that is smaller), up or
    down: how far results move shows how well the computation is conditioned.
    """
    source = generator("shaken")

    def wide(tensor: torch.Tensor) -> torch.Tensor:
        made = _wide(tensor)
        return _shaken(made, tensor.dtype, source) if shaken and made.is_floating_point() else made

    made = Inputs(args, kwargs).make(Change(values=lambda path, tensor: wide(tensor)))
    for held in (owner, *args, *kwargs.values()):
        if isinstance(held, torch.nn.Module):
            _widen(held, wide)
            if shaken:
                _shake(held, source)
    torch.set_default_dtype(torch.float64)
    return made


def _widen(whole: torch.nn.Module, wide: Callable[[torch.Tensor], torch.Tensor]) -> None:
    done: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    for module in whole.modules():
        for name, value in list(vars(module).items()):
            if type(value) is torch.Tensor:  # a plain attribute: `double` does not know it
                setattr(module, name, done.setdefault(id(value), (value, wide(value)))[1])
    whole.double()


def _shake(module: torch.nn.Module, source: torch.Generator) -> None:
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(_shaken(tensor, torch.float32, source))


def _shaken(values: torch.Tensor, dtype: torch.dtype, source: torch.Generator) -> torch.Tensor:
    eps = max(torch.finfo(torch.float32).eps, torch.finfo(dtype).eps)
    signs = torch.randint(0, 2, values.shape, generator=source).to(values.device) * 2 - 1
    return values * (1 + signs * eps)


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(_WIDER.get(tensor.dtype, tensor.dtype))

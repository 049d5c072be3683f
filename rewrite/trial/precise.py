"""The same call in float64: what eager's own rounding is measured against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
    args: tuple[Any, ...], kwargs: Mapping[str, Any], held: Iterable[Any], shaken: bool = False
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Copies of the arguments with every floating tensor in float64.

    Modules among the arguments and in `held` (the owner, globals), and those that these hold as attributes, are turned
    to float64 in place, and so is torch's default dtype: for a fork that makes this one call and ends. What the code
    itself casts to a smaller dtype stays there; `tolerance.py` does not believe a reference that is far off.

    shaken: every element is moved by one unit in the last place of its dtype (of float32 where that is smaller), up or
    down: how far results move shows how well the computation is conditioned.
    """
    source = generator("shaken")

    def wide(tensor: torch.Tensor) -> torch.Tensor:
        made = _wide(tensor)
        return _shaken(made, tensor.dtype, source) if shaken and made.is_floating_point() else made

    made = Inputs(args, kwargs).make(Change(values=lambda path, tensor: wide(tensor)))
    for module in _modules((*held, *args, *kwargs.values())):
        _widen(module, wide)
        if shaken:
            _shake(module, source)
    torch.set_default_dtype(torch.float64)
    return made


def _modules(held: Iterable[Any]) -> list[torch.nn.Module]:
    """Outermost ones, each once."""
    found: dict[int, torch.nn.Module] = {}
    for one in held:
        inner = [one] if isinstance(one, torch.nn.Module) else list(getattr(one, "__dict__", {}).values())
        found.update({id(value): value for value in inner if isinstance(value, torch.nn.Module)})
    below = {id(part) for module in found.values() for part in module.modules() if part is not module}
    return [module for key, module in found.items() if key not in below]


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

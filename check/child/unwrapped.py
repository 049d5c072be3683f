"""Tensors without their subclass, as code that Inductor generates sees them.

AOTAutograd takes apart the subclasses that say how (__tensor_flatten__). Others, made by _make_subclass, reach a
compiler as they are: generated code only reads their memory, but operators would be dispatched on them.

Private torch used here (2.11 to 2.15): torch._C.DisableTorchFunctionSubclass.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch


def unwrapped(values: Iterable[Any]) -> list[Any]:
    """The same values; of a tensor's subclass the tensor, with the same memory."""
    return [_plain(one) if _is_subclass(one) else one for one in values]


def _is_subclass(value: Any) -> bool:
    if not isinstance(value, torch.Tensor) or type(value) in (torch.Tensor, torch.nn.Parameter):
        return False
    # One with operators of its own, a fake tensor for example, is what it is.
    kind, plain = cast(Any, type(value)), cast(Any, torch.Tensor)
    return bool(kind.__torch_dispatch__ is plain.__torch_dispatch__)


def _plain(value: torch.Tensor) -> torch.Tensor:
    core: Any = torch._C
    with core.DisableTorchFunctionSubclass():
        return value.as_subclass(torch.Tensor)

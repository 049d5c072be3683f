"""A real value -> Dynamo's variable, so that tracing goes on with it.

Dynamo would meet the same value as an input of the function that resumes behind the break, so the variable is what
Dynamo makes of an input: a constant, a tensor, or an object with a source. Torch 2.11 to 2.15.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import torch
from torch._dynamo import variables
from torch._dynamo.source import GlobalSource
from torch._dynamo.variables.base import ValueMutationNew, VariableTracker
from torch._dynamo.variables.builder import SourcelessBuilder, VariableBuilder, wrap_fx_proxy
from torch._dynamo.variables.lists import SizeVariable
from torch.utils._python_dispatch import _disable_current_modes

_PLAIN = (bool, int, float, str, complex, bytes, type(None), torch.dtype, torch.device, torch.layout)
_DEEPEST = 6
_numbers = itertools.count()

Pairs = Iterable[tuple[Any, VariableTracker]]


def symbolise(tx: Any, value: Any, pairs: Pairs = (), depth: int = 0) -> Any:
    """The variable for `value`. `pairs` are values made from variables: the same object, the same variable."""
    kind = type(value)
    if kind in _PLAIN:
        return SourcelessBuilder.create(tx, value)
    for known, variable in pairs:
        if known is value:
            return variable
    if kind in (torch.Tensor, torch.nn.Parameter):
        return _tensor(tx, value)
    if depth < _DEEPEST:
        if kind is torch.Size:
            return SizeVariable([symbolise(tx, item, pairs, depth + 1) for item in value])
        if kind is tuple:
            return variables.TupleVariable([symbolise(tx, item, pairs, depth + 1) for item in value])
        if kind is list:
            items = [symbolise(tx, item, pairs, depth + 1) for item in value]
            return variables.ListVariable(items, mutation_type=ValueMutationNew())
        if kind is slice:
            bounds = [symbolise(tx, item, pairs, depth + 1) for item in (value.start, value.stop, value.step)]
            return variables.SliceVariable(bounds, tx)
        if kind is dict and all(type(key) in (str, int) for key in value):
            entries = {
                SourcelessBuilder.create(tx, key): symbolise(tx, item, pairs, depth + 1) for key, item in value.items()
            }
            return variables.ConstDictVariable(entries, mutation_type=ValueMutationNew())
    try:
        return SourcelessBuilder.create(tx, value)
    except Exception:  # most objects need a source
        return _sourced(tx, value)


def _sourced(tx: Any, value: Any) -> Any:
    name = f"__g2_kept_{next(_numbers)}"
    tx.output.root_tx.f_globals[name] = value
    tx.output.global_scope[name] = value
    return VariableBuilder(tx, GlobalSource(name))(value)


def _tensor(tx: Any, value: torch.Tensor) -> Any:
    with _disable_current_modes():
        real = value.detach() if value.is_sparse else value.detach().clone()
        example = real.requires_grad_(True) if value.requires_grad else real
    fake = tx.fake_mode.from_tensor(example, static_shapes=True)
    if getattr(fake, "real_tensor", None) is None:
        fake.real_tensor = real.detach()
    proxy = tx.output.create_proxy("call_function", torch.zeros, (tuple(real.shape),), {})
    return wrap_fx_proxy(tx, proxy, example_value=fake)

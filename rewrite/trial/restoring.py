"""Putting back what a call changed, so that many calls can be made in one fork, each from about the same state.

Both versions of the code are called and put back alike: what is not put back is the same for both, and only makes the
later inputs others than they were named.
"""

from __future__ import annotations

import random
import sys
import types
from collections.abc import Iterable
from itertools import islice
from typing import Any

import torch

from g2.capture.containers import copied, elements, refill

_MOST = 64 << 20  # bytes of tensors that are copied; parameters of a larger model stay as a call leaves them
_THINGS = 20_000  # containers and objects looked into
_DEPTH = 6  # as deep as optimizers keep their state, below an object that holds one
_BELOW = 1_000  # items of one container that are looked at
_LEFT = (type, types.FunctionType, types.MethodType, types.ModuleType, types.BuiltinFunctionType)


class Kept:
    """The state of some objects (modules, optimizers, others, with what is below them) and of the random streams."""

    def __init__(self, things: Iterable[Any]) -> None:
        self._tensors: dict[int, tuple[torch.Tensor, torch.Tensor, Any]] = {}
        self._spaces: dict[int, tuple[dict[str, Any], dict[str, Any], Any]] = {}
        self._inside: dict[int, tuple[Any, Any]] = {}
        self._room = _MOST
        for thing in things:
            self._keep(thing, 0)
        self._torch = torch.get_rng_state()
        self._python = random.getstate()
        self._numpy = _numpy_random()

    def restore(self) -> None:
        """As it was when this was made."""
        for space, before, _ in self._spaces.values():
            space.clear()
            space.update(before)
        for container, inside in self._inside.values():
            refill(container, inside)
        with torch.no_grad():
            for tensor, values, grad in self._tensors.values():
                if tensor.shape == values.shape:
                    _write(tensor.data, values)
                if tensor.is_leaf:
                    tensor.grad = grad
        torch.set_rng_state(self._torch)
        random.setstate(self._python)
        if self._numpy is not None:
            sys.modules["numpy"].random.set_state(self._numpy)

    def _keep(self, thing: Any, depth: int) -> None:
        if isinstance(thing, torch.Tensor):
            self._tensor(thing)
            return
        if isinstance(thing, torch.nn.Module):
            depth = 0
        if depth > _DEPTH or len(self._inside) + len(self._spaces) > _THINGS:
            return
        if isinstance(thing, (dict, list, set)):
            if id(thing) not in self._inside:
                inside = copied(thing)
                self._inside[id(thing)] = (thing, inside)
                self._all(islice(inside.values() if isinstance(thing, dict) else inside, _BELOW), depth + 1)
        elif isinstance(thing, tuple):
            self._all(elements(thing, _BELOW), depth + 1)
        elif id(thing) not in self._spaces and not isinstance(thing, _LEFT) and not _is_stdlib(thing):
            space = getattr(thing, "__dict__", None)
            if isinstance(space, dict):
                self._spaces[id(thing)] = (space, dict(space), thing)
                self._all(list(space.values()), depth + 1)

    def _all(self, values: Iterable[Any], depth: int) -> None:
        for value in values:
            self._keep(value, depth)

    def _tensor(self, value: torch.Tensor) -> None:
        size = value.numel() * value.element_size()
        if id(value) in self._tensors or size > self._room or value.layout is not torch.strided or value.is_meta:
            return
        self._room -= size
        grad = value.grad if value.is_leaf else None
        self._tensors[id(value)] = (value, value.detach().clone(), grad)
        if grad is not None:
            self._tensor(grad)


def _write(tensor: torch.Tensor, values: torch.Tensor) -> None:
    """Into an expanded tensor, too: torch writes only where each element has a place of its own."""
    for dim, (size, step) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        if step == 0 and size > 1:
            tensor, values = tensor.narrow(dim, 0, 1), values.narrow(dim, 0, 1)
    tensor.copy_(values)


def _is_stdlib(thing: Any) -> bool:
    room = type(thing).__module__.partition(".")[0]
    return room in sys.stdlib_module_names and room != "__main__" and not isinstance(thing, types.SimpleNamespace)


def _numpy_random() -> Any:
    numpy: Any = sys.modules.get("numpy")
    return numpy.random.get_state() if numpy is not None and "numpy.random" in sys.modules else None

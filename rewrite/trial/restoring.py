"""Putting back what a call changed, so that many calls can be made in one fork, each from about the same state.

Both versions of the code are called and put back alike: what is not put back is the same for both, and only makes the
later inputs others than they were named.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from typing import Any

import torch

_MOST = 64 << 20  # bytes of tensors that are copied; parameters of a larger model stay as a call leaves them
_PLAIN = (dict, list, set)


class Kept:
    """The state of some objects (modules with all that is below them) and of the random streams."""

    def __init__(self, things: Iterable[Any]) -> None:
        self._tensors: dict[int, tuple[torch.Tensor, torch.Tensor, Any]] = {}
        self._spaces: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._inside: dict[int, tuple[Any, Any]] = {}
        self._room = _MOST
        for thing in things:
            for one in thing.modules() if isinstance(thing, torch.nn.Module) else [thing]:
                self._keep(one)
        self._torch = torch.get_rng_state()
        self._python = random.getstate()
        self._numpy = _numpy_random()

    def restore(self) -> None:
        """As it was when this was made."""
        for space, before in self._spaces:
            space.clear()
            space.update(before)
        for container, inside in self._inside.values():
            container.clear()
            container.extend(inside) if isinstance(container, list) else container.update(inside)
        with torch.no_grad():
            for tensor, values, grad in self._tensors.values():
                if tensor.shape == values.shape:
                    tensor.data.copy_(values)
                if tensor.is_leaf:
                    tensor.grad = grad
        torch.set_rng_state(self._torch)
        random.setstate(self._python)
        if self._numpy is not None:
            sys.modules["numpy"].random.set_state(self._numpy)

    def _keep(self, thing: Any) -> None:
        space = getattr(thing, "__dict__", None)
        if not isinstance(space, dict):
            self._one(thing)
            return
        self._spaces.append((space, dict(space)))
        for value in list(space.values()):
            self._one(value)

    def _one(self, value: Any) -> None:
        if isinstance(value, torch.Tensor):
            self._tensor(value)
        elif type(value) in _PLAIN and id(value) not in self._inside:
            self._inside[id(value)] = (value, value.copy())
            for one in list(value.values() if isinstance(value, dict) else value)[:1000]:
                if isinstance(one, torch.Tensor):
                    self._tensor(one)

    def _tensor(self, value: torch.Tensor) -> None:
        size = value.numel() * value.element_size()
        if id(value) in self._tensors or size > self._room or value.layout is not torch.strided or value.is_meta:
            return
        self._room -= size
        grad = value.grad if value.is_leaf else None
        self._tensors[id(value)] = (value, value.detach().clone(), grad)
        if grad is not None:
            self._tensor(grad)


def _numpy_random() -> Any:
    numpy: Any = sys.modules.get("numpy")
    return numpy.random.get_state() if numpy is not None and "numpy.random" in sys.modules else None

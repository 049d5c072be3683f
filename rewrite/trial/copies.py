"""Copies of a call's inputs with other tensors and numbers in them: of the same structure, sharing the same memory."""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from g2.capture.containers import elements, entries
from g2.rewrite.trial.tensors import storage

Values = Callable[
    [str, torch.Tensor], torch.Tensor
]  # path, detached recorded tensor -> new values, maybe of other shape
Number = Callable[[str, int | float], int | float]
Finish = Callable[[str, torch.Tensor, torch.Tensor], torch.Tensor]  # path, recorded, new -> new

DEPTH = 8


@dataclasses.dataclass(frozen=True)
class Change:
    """What is done to the tensors and the numbers of the inputs. The default does nothing.

    grad: whether floats require grad; None for as they did.
    """

    values: Values = lambda path, tensor: tensor
    number: Number = lambda path, number: number
    finish: Finish = lambda path, recorded, new: new
    grad: bool | None = None


AS_RECORDED = Change()


class Inputs:
    """The inputs of one call. names: of the positional arguments, for the paths.

    kept: the recorded tensors are copied when the first inputs are made, for calls in a row that may write to them.
    """

    def __init__(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], names: Sequence[str] = (), kept: bool = False
    ) -> None:
        self._args, self._kwargs = args, dict(kwargs)
        self._names = [*names, *(f"argument {place}" for place in range(len(names), len(args)))][: len(args)]
        self._kept = kept
        self.tensors: list[tuple[str, torch.Tensor]] = []
        self.numbers: list[tuple[str, int | float]] = []
        _Copier(Change(), self.tensors, self.numbers).all(self._names, self._args, self._kwargs, look=True)

    def make(self, change: Change = AS_RECORDED) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The inputs with that change made, in new tensors."""
        if self._kept:
            self._args, self._kwargs = _Copier(AS_RECORDED).all(self._names, self._args, self._kwargs)
            self._kept = False
        return _Copier(change).all(self._names, self._args, self._kwargs)


class _Copier:
    def __init__(
        self,
        change: Change,
        tensors: list[tuple[str, torch.Tensor]] | None = None,
        numbers: list[tuple[str, int | float]] | None = None,
    ) -> None:
        self._change = change
        self._tensors = tensors if tensors is not None else []
        self._numbers = numbers if numbers is not None else []
        self._done: dict[int, tuple[Any, Any]] = {}  # holds the original, so that its id stays its own
        self._storages: dict[int, torch.Tensor] = {}
        self._shared: set[int] = set()
        self._look = False

    def all(
        self, names: list[str], args: tuple[Any, ...], kwargs: dict[str, Any], look: bool = False
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        self._look = look
        if not look:
            found = Inputs(args, kwargs, names).tensors
            keys = [key for _, tensor in found if (key := storage(tensor)) is not None]
            self._shared = {key for key in keys if keys.count(key) > 1}
        with torch.no_grad():
            return (
                tuple(self._any(name, value, 0) for name, value in zip(names, args, strict=True)),
                {name: self._any(name, value, 0) for name, value in kwargs.items()},
            )

    def _any(self, path: str, value: Any, depth: int) -> Any:
        if id(value) in self._done:
            return self._done[id(value)][1]
        if isinstance(value, torch.Tensor):
            made = self._tensor(path, value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and type(value) in (int, float):
            self._numbers.append((path, value))
            return self._change.number(path, value)  # numbers have no identity
        elif depth >= DEPTH or isinstance(value, (str, bytes, torch.nn.Module, type, torch.Size)):
            return value
        else:
            made = self._structure(path, value, depth + 1)
        self._done[id(value)] = (value, made)
        return made

    def _structure(self, path: str, value: Any, depth: int) -> Any:
        if isinstance(value, (list, tuple, deque)):
            items = [self._any(f"{path}[{place}]", item, depth) for place, item in enumerate(elements(value))]
            if hasattr(value, "_fields"):
                return type(value)(*items)
            return value if isinstance(value, tuple) and type(value) is not tuple else _like(value, items)
        if isinstance(value, dict):
            made = copy.copy(value)
            for key, item in entries(value):
                made[key] = self._any(f"{path}[{key!r}]", item, depth)
            if dataclasses.is_dataclass(value):
                for field in dataclasses.fields(value):
                    object.__setattr__(made, field.name, self._any(path, getattr(value, field.name), depth))
            return made
        if _is_stdlib(value) or not hasattr(value, "__dict__"):
            return value
        held = vars(value)
        inner = {name: self._any(f"{path}.{name}", item, depth) for name, item in held.items()}
        if self._look or all(inner[name] is item for name, item in held.items()):
            return value
        try:
            made = copy.copy(value)
        except Exception:  # the object's own code
            return value
        vars(made).update(inner)
        return made

    def _tensor(self, path: str, tensor: torch.Tensor) -> torch.Tensor:
        self._tensors.append((path, tensor))
        if self._look or type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.layout is not torch.strided:
            return tensor
        recorded = tensor.detach()
        new = self._placed(recorded, self._change.values(path, recorded))
        new = self._change.finish(path, recorded, new)
        if isinstance(tensor, torch.nn.Parameter):
            return torch.nn.Parameter(new, requires_grad=tensor.requires_grad)
        wanted = tensor.requires_grad if self._change.grad is None else self._change.grad
        if not wanted or not (new.is_floating_point() or new.is_complex()):
            return new
        new.requires_grad_()
        if tensor.is_leaf and tensor.requires_grad:
            return new
        with torch.enable_grad():  # the program may write into one that is no leaf
            return new.clone()

    def _placed(self, recorded: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """The values in memory of their own, laid out as the recorded tensor is, shared with those it shares with."""
        key = storage(recorded)
        if values.shape != recorded.shape or values.dtype != recorded.dtype:
            return values.clone(memory_format=torch.contiguous_format)
        if key in self._shared:
            assert key is not None
            if key not in self._storages:
                self._storages[key] = _whole(recorded).clone()
            new = self._storages[key].as_strided(recorded.shape, recorded.stride(), recorded.storage_offset())
        elif any(step == 0 and size > 1 for step, size in zip(recorded.stride(), recorded.shape, strict=True)):
            new = _whole(recorded).clone().as_strided(recorded.shape, recorded.stride(), recorded.storage_offset())
        else:
            new = torch.empty_strided(recorded.shape, recorded.stride(), dtype=recorded.dtype, device=recorded.device)
        if values is not recorded or key not in self._shared:
            for place, (step, size) in enumerate(zip(recorded.stride(), recorded.shape, strict=True)):
                if step == 0 and size > 1:  # all these elements are one
                    new, values = new.narrow(place, 0, 1), values.narrow(place, 0, 1)
            try:
                new.copy_(values)
            except RuntimeError:  # elements that share memory with each other in another way, as those of an unfold do
                return values.clone(memory_format=torch.contiguous_format)
            new = new.expand(recorded.shape)
        return new


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    """Everything that the tensor's storage holds, as its dtype."""
    held = tensor.untyped_storage()
    count = held.nbytes() // tensor.element_size()
    return torch.empty(0, dtype=tensor.dtype, device=tensor.device).set_(held, 0, (count,), (1,))


def _like(value: Any, items: list[Any]) -> Any:
    if type(value) in (list, tuple):
        return type(value)(items)
    made = copy.copy(value)
    for place, item in enumerate(items):
        made[place] = item
    return made


def _is_stdlib(value: Any) -> bool:
    module = type(value).__module__
    return module != "__main__" and module.partition(".")[0] in sys.stdlib_module_names

"""Values in a few words, without calling a `__repr__` of the user's classes."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

import torch

_LONGEST = 80
_PLAIN = (int, float, complex, str, bytes, bool, type(None))
_TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format)


def show(value: Any, depth: int = 2) -> str:
    """At most about 80 characters: numbers and strings as written, tensors by dtype and shape, "
    "other objects by type."""
    if type(value) in _PLAIN:
        return _cut(repr(value))
    if isinstance(value, _TORCH):
        return str(value)
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{object.__getattribute__(value, '_name_')}"
    if isinstance(value, torch.Tensor):
        return tensor(value)
    if isinstance(value, torch.Size):
        return str(tuple(value))
    if depth and type(value) in (list, tuple, set, frozenset):
        return _cut(_items(value, depth - 1))
    if depth and type(value) is dict:
        return _cut(
            "{" + ", ".join(f"{show(k, depth - 1)}: {show(v, depth - 1)}" for k, v in _some(value.items())) + "}"
        )
    if isinstance(value, types.FunctionType):
        return f"function {code(value.__code__)}"
    if isinstance(value, types.CodeType):
        return f"function {code(value)}"
    if isinstance(value, types.MethodType):
        return f"method {value.__func__.__qualname__}" if hasattr(value.__func__, "__qualname__") else "method"
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, type):
        return f"class {value.__qualname__}"
    return f"{type(value).__qualname__} object"


def tensor(value: torch.Tensor) -> str:
    """Type, dtype and shape: "Tensor float32[3, 4]"."""
    shape = torch.Tensor.size(value)
    return f"{type(value).__name__} {str(value.dtype).removeprefix('torch.')}{list(shape)}"


def code(value: types.CodeType) -> str:
    name = value.co_qualname.replace("<locals>.", "")
    return f"{name} ({PurePath(value.co_filename).name}:{value.co_firstlineno})"


def keys(value: Mapping[Any, Any]) -> str:
    """The keys of a mapping, in order."""
    return _cut(
        "{" + ", ".join(show(k, 1) for k in _some(dict.keys(value) if isinstance(value, dict) else value)) + "}"
    )


def _items(value: Any, depth: int) -> str:
    inner = ", ".join(show(v, depth) for v in _some(value))
    if isinstance(value, list):
        return f"[{inner}]"
    if isinstance(value, tuple):
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return f"{{{inner}}}" if value else "set()"


def _some(values: Iterable[Any], most: int = 24) -> Iterator[Any]:
    for index, value in enumerate(values):
        if index == most:
            return
        yield value


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."

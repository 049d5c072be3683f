"""What a function reaches besides its arguments: through global names, its closure, and functions that those name.

A training step finds its model and its optimizer so.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

import torch

from g2.rewrite.trial.codes import every_code

_DEPTH = 2  # a function that the function calls, and one that this one calls
_MOST = 64
_DATA = (torch.nn.Module, torch.Tensor, dict, list, set)
_OF_TORCH = ("torch.optim", "torch.amp", "torch.cuda.amp")  # optimizers, schedulers, scalers
_NO_STATE = (FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, type)


def reached(function: Any, codes: Iterable[CodeType]) -> dict[str, Any]:
    """By name in words, what a call of `function` may change when it runs any of these codes."""
    found: dict[str, Any] = {}
    if isinstance(function, FunctionType):
        for path, value in _named(function, tuple(codes), 0, set()):
            if len(found) < _MOST and _has_state(value):
                found.setdefault(path, value)
    return found


def _named(
    function: FunctionType, codes: tuple[CodeType, ...], depth: int, seen: set[int]
) -> Iterator[tuple[str, Any]]:
    seen.add(id(function))
    space = function.__globals__
    names = {name for code in codes for inner in every_code(code) for name in inner.co_names}
    held = [(f"the global {name}", space[name]) for name in sorted(names & space.keys())]
    held += [(f"the closure's {name}", value) for name, value in _cells(function)]
    for path, value in held:
        inner = _plain_function(value)
        if inner is None:
            yield path, value
        elif depth < _DEPTH and id(inner) not in seen and not _is_library(inner.__module__):
            yield from _named(inner, (inner.__code__,), depth + 1, seen)


def _cells(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield name, cell.cell_contents
        except ValueError:  # empty
            continue


def _plain_function(value: Any) -> FunctionType | None:
    """The function that a name stands for, decorators taken off."""
    for _ in range(8):
        inner = getattr(value, "__wrapped__", None) if isinstance(value, FunctionType) else None
        if inner is None:
            break
        value = inner
    return value if isinstance(value, FunctionType) else None


def _has_state(value: Any) -> bool:
    if isinstance(value, _DATA):
        return True
    if isinstance(value, _NO_STATE) or not hasattr(value, "__dict__"):
        return False
    return type(value).__module__.startswith(_OF_TORCH) or not _is_library(type(value).__module__)


def _is_library(module: str | None) -> bool:
    room = (module or "").partition(".")[0]
    return room in ("torch", "numpy", "g2") or (room in sys.stdlib_module_names and room != "__main__")

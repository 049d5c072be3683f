"""Child side: what a compiled thing is called, and where it is written."""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any

import torch


def described(what: Any) -> tuple[str, types.CodeType | None]:
    """A root's name as a person says it ("Net.forward", "train_step"), and its code."""
    if isinstance(what, torch.nn.Module):
        forward = type(what).forward
        return f"{type(what).__qualname__}.forward", getattr(inspect.unwrap(forward), "__code__", None)
    if isinstance(what, functools.partial):
        return described(what.func)
    function = inspect.unwrap(what) if callable(what) else what
    if function is not what:  # Dynamo wraps what has no frame of its own: a module of torch.nn, a callable object
        return described(function)
    function = getattr(function, "__func__", function)
    if callable(function) and not hasattr(function, "__code__"):
        call = inspect.unwrap(type(function).__call__)
        if hasattr(call, "__code__"):
            function = call
    name = getattr(function, "__qualname__", type(what).__name__).replace("<locals>.", "")
    return name, getattr(function, "__code__", None)

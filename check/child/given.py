"""The inputs of a call: others that the person gives, another dtype, and what they are in words."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import torch

from g2.check.child.moment import Moment
from g2.check.child.said import said
from g2.rewrite.trial.copies import Change, Inputs
from g2.rewrite.trial.forking import attempt

_SHOWN = 6  # inputs that are named


class NotGiven(Exception):
    """The person's function gave no inputs; the message is a sentence."""


def other(moment: Moment, where: str) -> Moment:
    """The call with what `module:function` gives: a tuple of arguments, a dict of named ones, or one tensor.

    Raises NotGiven.
    """
    found = _found(where)
    before = moment.args[:1] if moment.args and moment.args[0] is moment.module else ()
    if isinstance(found, Mapping):
        return replace(moment, args=before, kwargs=dict(found))
    if isinstance(found, torch.Tensor):
        found = (found,)
    if not isinstance(found, (tuple, list)):
        kind = "None" if found is None else f"{type(found).__name__}"
        wanted = "a tuple of arguments, a dict of named ones, or one tensor"
        raise NotGiven(f"{where} returned {kind}; it is to return {wanted}")
    return replace(moment, args=(*before, *found), kwargs={})


def _found(where: str) -> Any:
    name, _, function = where.partition(":")
    try:
        module = importlib.import_module(name)
    except BaseException as error:  # the person's own code
        raise NotGiven(f"the module {name} could not be imported: {said(error)}") from error
    if not callable(call := getattr(module, function, None)):
        what = f"{function} is no function in" if call is not None else f"there is no function {function} in"
        raise NotGiven(f"{what} the module {name} ({getattr(module, '__file__', None) or 'built in'})")
    try:
        return call()
    except BaseException as error:
        raise NotGiven(f"{where} raised {said(error)}") from error


def accepted(moment: Moment, where: str, seconds: float) -> None:
    """Raises NotGiven when eager cannot be called with what was given. It is called in a fork."""

    def work(answer: BinaryIO) -> None:
        try:
            moment.eager(*moment.args, **moment.kwargs)
        except Exception as error:
            answer.write(said(error).encode())

    if refused := attempt(work, seconds).data:
        name = moment.root.partition("@")[0]
        raise NotGiven(f"{name} does not take what {where} gives: {refused.decode()}")



def cast(moment: Moment, name: str) -> Moment:
    """The call with floating inputs, parameters and buffers in another dtype. The module is turned in place."""
    dtype: torch.dtype = getattr(torch, name)

    def turned(path: str, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    for held in moment.held:
        if isinstance(held, torch.nn.Module):
            held.to(dtype)
    first = moment.args[:1] if moment.args and moment.args[0] is moment.module else ()
    args, kwargs = Inputs(moment.args[len(first) :], moment.kwargs).make(Change(values=turned))
    return replace(moment, args=(*first, *args), kwargs=kwargs)


def told(moment: Moment) -> dict[str, Any]:
    """The call in words, for its event."""
    name, _, place = moment.root.partition("@")
    path, _, line = place.rpartition(":")
    given = [value for value in moment.args if value is not moment.module]
    names = _names(moment)
    names += [f"argument {at}" for at in range(len(names) + 1, len(given) + 1)]
    words = [_said(label, value) for label, value in [*zip(names, given, strict=False), *moment.kwargs.items()]]
    words = [word for word in words if word]
    left = len(words) - _SHOWN
    text = ", ".join(words[:_SHOWN]) + (f" and {left} more" if left > 0 else "")
    return {
        "root": name, "path": path, "line": int(line or 0), "number": moment.number, "inputs": text,
        "trains": moment.trains,
    }  # fmt: skip


def _names(moment: Moment) -> list[str]:
    """Of the positional arguments, as the function has them."""
    function = moment.module.forward if moment.module is not None else moment.eager
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of C
        return []
    return [one.name for one in found if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]


def _said(name: str, value: Any) -> str:
    if isinstance(value, torch.Tensor):
        sizes = ", ".join(str(int(size)) for size in value.shape)
        return f"{name}: {str(value.dtype).removeprefix('torch.')}[{sizes}]"
    if isinstance(value, (bool, int, float)):
        return f"{name}: {value}"
    if isinstance(value, (list, tuple, dict)):
        return f"{name}: {type(value).__name__} of {len(value)}"
    return ""

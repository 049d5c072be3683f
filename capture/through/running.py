"""Running one instruction for real, in the middle of Dynamo's trace: what may run, what is dropped, what is undone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from g2.capture.through.quiet import Forbidden
from g2.capture.through.values import Unreal

# Their result is None or thrown away, and they cannot run here: the values of a trace carry no autograd history, and an
# optimizer would move the parameters before the frame itself runs.
_DROPPED_METHODS = {"backward": torch.Tensor, "step": torch.optim.Optimizer, "zero_grad": torch.optim.Optimizer}
_DROPPED = (time.sleep, torch.autograd.backward)


class Undo:
    """What was changed for real during a trace, put back before the frame itself runs."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []
        self._open: list[AbstractContextManager[Any]] = []

    def add(self, step: Callable[[], object]) -> None:
        self._steps.append(step)

    def enter(self, context: AbstractContextManager[Any]) -> Any:
        self.leave(context)  # Dynamo may have started the trace of this frame again
        result = context.__enter__()
        self._open.append(context)
        return result

    def leave(self, context: AbstractContextManager[Any]) -> None:
        for known in self._open:
            if known is context:
                self._open.remove(known)
                context.__exit__(None, None, None)
                return

    def all(self) -> None:
        for context in reversed(self._open):
            with suppress(BaseException):
                context.__exit__(None, None, None)
        for step in reversed(self._steps):
            with suppress(BaseException):
                step()
        self._open.clear()
        self._steps.clear()


def set_attribute(undo: Undo, target: Any, name: str, value: Any) -> None:
    """setattr, undone at the end of the trace."""
    missing = object()
    old = getattr(target, name, missing)
    _guarded(lambda: setattr(target, name, value))
    undo.add(lambda: delattr(target, name) if old is missing else setattr(target, name, old))


def set_item(undo: Undo, target: Any, key: Any, value: Any) -> None:
    """target[key] = value. A tensor's value belongs to the trace alone; anything else is undone."""
    if not isinstance(target, torch.Tensor):
        missing = object()
        try:
            old = target[key]
        except (KeyError, IndexError, TypeError):
            old = missing
        undo.add(lambda: target.__delitem__(key) if old is missing else target.__setitem__(key, old))
    with torch.no_grad():
        _guarded(lambda: target.__setitem__(key, value))


def is_dropped(function: Any) -> bool:
    if function in _DROPPED:
        return True
    owner = _DROPPED_METHODS.get(getattr(function, "__name__", ""))
    return owner is not None and isinstance(getattr(function, "__self__", None), owner)


def run(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], *, result_used: bool = True) -> Any:
    """function(*args, **kwargs) outside fake mode; a module's buffers are as before afterwards. Raises Unreal."""
    try:
        dropped = is_dropped(function)
    except Exception:  # an object's own __eq__ may raise
        dropped = False
    if dropped:
        return None
    if function is open:
        args, kwargs = _to_nowhere(args, kwargs)
    kept = [
        (buffer, buffer.detach().clone())
        for owner in (getattr(function, "__self__", None), function, *args[:1])
        if isinstance(owner, torch.nn.Module)
        for buffer in owner.buffers()
    ]
    before = Forbidden.raised
    try:
        result = _guarded(lambda: function(*args, **kwargs))
    except Unreal as error:
        # A refused effect (an OSError; Forbidden is one too) whose result nobody wants: tracing goes on without it.
        if not result_used and isinstance(error.__cause__, OSError):
            return None
        raise
    finally:
        with torch.no_grad(), _disable_current_modes():
            for buffer, value in kept:
                buffer.copy_(value)
    if result_used and Forbidden.raised != before:
        raise Unreal("the call had an effect that is not repeated, so its result is not known")
    return result


def _to_nowhere(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The arguments of open(); a file to write becomes the null device, so that the code that writes it is traced."""
    mode = args[1] if len(args) > 1 else kwargs.get("mode", "r")
    if isinstance(mode, str) and set(mode) & set("wax"):
        if args:
            return [os.devnull, *args[1:]], kwargs
        return args, {**kwargs, "file": os.devnull}
    return args, kwargs


def code_of(function: Any) -> list[Any]:
    """The code objects that a call of `function` may enter first."""
    out = []
    for _ in range(8):
        if isinstance(function, torch.nn.Module):
            function = type(function).forward
        function = getattr(function, "__func__", function)
        if not hasattr(function, "__code__"):
            function = getattr(function, "func", None) or type(function).__dict__.get("__call__")
        code = getattr(function, "__code__", None)
        if code is None:
            break
        out.append(code)
        function = getattr(function, "__wrapped__", None)
        if function is None:
            break
    return out


def enters_for_real(context: Any) -> bool:
    """A mode of torch's dispatcher, or a profiler, would meet Dynamo's own work: such a context is left out."""
    names = {kind.__module__.split(".")[:2][-1] for kind in type(context).__mro__}
    return not isinstance(context, TorchDispatchMode) and not names & {"profiler", "overrides"}


def _guarded(action: Callable[[], Any]) -> Any:
    with _disable_current_modes():
        try:
            return action()
        except BaseException as error:  # the script may raise anything, SystemExit too
            raise Unreal(f"{type(error).__name__} when run for real") from error

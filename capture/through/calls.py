"""Calls, done on real values: Python 3.11 to 3.13."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch._dynamo import variables
from torch._dynamo.variables.base import VariableTracker
from torch._dynamo.variables.lazy import LazyVariableTracker
from torch._dynamo.variables.misc import NullVariable

from g2.capture.through.running import code_of, run
from g2.capture.through.stop import Stop
from g2.capture.through.values import Unreal, realise

NEW_CALL = sys.version_info >= (3, 13)  # there the callable lies below NULL or self, before that above


def call(stop: Stop) -> None:
    stop.tx.kw_names = None
    names: tuple[str, ...] = ()
    stack, extra = stop.stack, 0
    if stop.inst.opname == "CALL_KW":
        names, stack, extra = stop.real(-1), stack[:-1], 1
    elif stop.kw_names is not None:
        names = stop.kw_names.value
    size = stop.inst.arg + 2
    contents = stack[-size:]
    function, first = (contents[0], contents[1]) if NEW_CALL else (contents[1], contents[0])
    if not NEW_CALL and not isinstance(contents[0], NullVariable):
        function, first = contents[0], contents[1]
    args = ([] if isinstance(first, NullVariable) else [first]) + contents[2:]
    split = len(args) - len(names)
    _apply(stop, function, args[:split], dict(zip(names, args[split:], strict=True)), size + extra)


def calls_recurrent(inst: Any, stack: list[Any]) -> bool:
    """Whether the instruction calls a recurrent layer of torch's."""
    if inst.opname == "CALL_FUNCTION_EX":
        base = len(stack) - (4 if inst.argval & 1 else 3)
        candidates = stack[base : base + 2]
    elif inst.opname in ("CALL", "CALL_KW"):
        base = len(stack) - inst.arg - 2 - (inst.opname == "CALL_KW")
        candidates = stack[base : base + 2]
    else:
        return False
    return any(
        isinstance(getattr(candidate, "value", None), torch.nn.RNNBase)
        for candidate in candidates
        if not isinstance(candidate, LazyVariableTracker) or candidate.is_realized()
    )


def call_ex(stop: Stop) -> None:
    with_kwargs = bool(stop.inst.argval & 1)
    popped = 4 if with_kwargs else 3
    base = len(stop.stack) - popped
    function = stop.stack[base] if NEW_CALL else stop.stack[base + 1]
    given = stop.stack[base + 2].realize()
    listed = isinstance(given, variables.BaseListVariable)
    items = given.items if listed else [stop.variable(x) for x in stop.real(base + 2)]
    kwargs: dict[str, Any] = {}
    if with_kwargs:
        named = stop.stack[-1].realize()
        if isinstance(named, variables.ConstDictVariable):
            kwargs = {realise(stop.tx, key.vt): value for key, value in named.items.items()}
        else:
            kwargs = {key: stop.variable(value) for key, value in stop.real(-1).items()}
    _apply(stop, function, list(items), kwargs, popped)


def _apply(stop: Stop, function: Any, args: list[Any], kwargs: dict[str, Any], popped: int) -> None:
    tx = stop.tx
    real = realise(tx, function)
    real_args = [realise(tx, arg) for arg in args]
    real_kwargs = {key: realise(tx, arg) for key, arg in kwargs.items()}
    pairs = [*zip(real_args, args, strict=True), *((real_kwargs[key], kwargs[key]) for key in kwargs)]
    owner = getattr(function, "obj", None)
    if isinstance(owner, VariableTracker) and hasattr(real, "__self__"):
        pairs.append((real.__self__, owner))
    before = [_copied(value) for value, _ in pairs]
    stop.entered.update(code_of(real))
    result = run(real, real_args, real_kwargs, result_used=stop.result_used)
    for (value, variable), old in zip(pairs, before, strict=True):
        if old is not None and _changed(old, value):
            _write_back(stop, value, variable, pairs)
    stop.done(popped, stop.variable(result, pairs))


def _copied(value: Any) -> Any:
    if type(value) is list:
        return list(value)
    return dict(value) if type(value) is dict else None


def _changed(old: Any, new: Any) -> bool:
    if len(old) != len(new):
        return True
    if isinstance(old, dict):
        return any(key not in new or new[key] is not value for key, value in old.items())
    return any(one is not other for one, other in zip(old, new, strict=True))


def _write_back(stop: Stop, value: Any, variable: Any, pairs: Any) -> None:
    """The call changed a container of the trace."""
    variable = variable.realize()
    made = stop.variable(value)
    if type(made) is not type(variable) or not variable.is_mutable():
        raise Unreal("the call changed a container that the trace cannot change")
    stop.tx.output.side_effects.mutation(variable)
    variable.items = made.items

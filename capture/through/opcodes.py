"""What each bytecode instruction does, done on real values: Python 3.11 to 3.13.

`recover(stop)` leaves the tracer's stack as the instruction would have, or raises Unreal.
"""

from __future__ import annotations

import builtins
import contextlib
import itertools
import operator
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch._dynamo import variables
from torch._dynamo.variables.base import ValueMutationNew
from torch._dynamo.variables.misc import NullVariable

from g2.capture.through import calls, contexts
from g2.capture.through.calls import NEW_CALL
from g2.capture.through.running import run, set_attribute, set_item
from g2.capture.through.stop import Stop
from g2.capture.through.values import Unreal

_LONGEST = 10_000  # items taken from an iterator; more is taken for endless

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "@": operator.matmul, "&": operator.and_, "|": operator.or_,
    "^": operator.xor, "<<": operator.lshift, ">>": operator.rshift,
}  # fmt: skip
_INPLACE: dict[str, Callable[[Any, Any], Any]] = {
    "+=": operator.iadd, "-=": operator.isub, "*=": operator.imul, "/=": operator.itruediv, "//=": operator.ifloordiv,
    "%=": operator.imod, "**=": operator.ipow, "@=": operator.imatmul, "&=": operator.iand, "|=": operator.ior,
    "^=": operator.ixor, "<<=": operator.ilshift, ">>=": operator.irshift,
}  # fmt: skip
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_UNARY: dict[str, Callable[[Any], Any]] = {
    "UNARY_NOT": operator.not_, "UNARY_NEGATIVE": operator.neg, "UNARY_INVERT": operator.invert,
}  # fmt: skip


def recover(stop: Stop) -> None:
    """Do the instruction on real values. Raises Unreal."""
    name = stop.inst.opname
    if "JUMP" in name and "IF" in name:
        return _jump(stop, name)
    if name in _UNARY:
        return stop.operate(1, _UNARY[name])
    action = _ACTIONS.get(name)
    if action is None:
        raise Unreal(name)
    return action(stop)


def _run(function: Any, *args: Any) -> Any:
    return run(function, args, {})


def _jump(stop: Stop, name: str) -> None:
    if name.endswith("NONE"):
        truth = (stop.real(-1) is None) != name.endswith("NOT_NONE")
        taken = truth
    else:
        truth = bool(_run(bool, stop.real(-1)))
        taken = truth if "IF_TRUE" in name else not truth
    keep = taken and name.endswith("OR_POP")
    stop.done(0 if keep else 1)
    if taken:
        stop.tx.jump(stop.inst)


def _binary(stop: Stop) -> None:
    sign = stop.inst.argrepr or ""
    action = _BINARY.get(sign) or _INPLACE.get(sign)
    if action is None:
        raise Unreal(f"BINARY_OP {sign}")
    with torch.no_grad() if sign in _INPLACE else contextlib.nullcontext():
        stop.operate(2, action)


def _attribute(stop: Stop) -> None:
    value = _run(getattr, stop.real(-1), stop.inst.argval)
    variable = stop.variable(value)
    as_method = stop.inst.opname == "LOAD_METHOD" or (sys.version_info >= (3, 12) and stop.inst.arg & 1)
    if not as_method:
        return stop.done(1, variable)
    return stop.done(1, *((variable, NullVariable()) if NEW_CALL else (NullVariable(), variable)))


def _global(stop: Stop) -> None:
    tx, name = stop.tx, stop.inst.argval
    missing = object()
    value = tx.f_globals.get(name, getattr(builtins, name, missing))
    if value is missing:
        raise Unreal(f"no global {name}")
    variable = stop.variable(value)
    if stop.inst.opname != "LOAD_GLOBAL" or not stop.inst.arg & 1:
        return stop.done(0, variable)
    return stop.done(0, *((variable, NullVariable()) if NEW_CALL else (NullVariable(), variable)))


def _import(stop: Stop) -> None:
    names, level = stop.real(-1), stop.real(-2)
    module = _run(__import__, stop.inst.argval, stop.tx.f_globals, None, names, level)
    stop.done(2, stop.variable(module))


def _import_from(stop: Stop) -> None:
    stop.done(0, stop.variable(_run(getattr, stop.real(-1), stop.inst.argval)))


def _taken(stop: Stop, iterator: Any) -> list[Any]:
    items = _run(lambda: list(itertools.islice(iterator, _LONGEST + 1)))
    if len(items) > _LONGEST:
        raise Unreal("an iterator without an end")
    return [stop.variable(item) for item in items]


def _get_iter(stop: Stop) -> None:
    items = _taken(stop, _run(iter, stop.real(-1)))
    stop.done(1, variables.ListIteratorVariable(items, mutation_type=ValueMutationNew()))


def _for_iter(stop: Stop) -> None:
    _get_iter(stop)
    stop.again(stop.tx, stop.inst)


def _unpack(stop: Stop) -> None:
    items = _taken(stop, _run(iter, stop.real(-1)))
    if len(items) != stop.inst.argval:
        raise Unreal("unpacking another number of values")
    stop.done(1, *reversed(items))


def _store_attribute(stop: Stop) -> None:
    set_attribute(stop.undo, stop.real(-1), stop.inst.argval, stop.real(-2))
    stop.done(2)


def _store_item(stop: Stop) -> None:
    set_item(stop.undo, stop.real(-2), stop.real(-1), stop.real(-3))
    stop.done(3)


def _store_slice(stop: Stop) -> None:
    set_item(stop.undo, stop.real(-3), slice(stop.real(-2), stop.real(-1)), stop.real(-4))
    stop.done(4)


def _store_global(stop: Stop) -> None:
    space, name, missing = stop.tx.f_globals, stop.inst.argval, object()
    old = space.get(name, missing)
    space[name] = stop.real(-1)
    stop.undo.add(lambda: space.pop(name) if old is missing else space.__setitem__(name, old))
    stop.done(1)


def _list_extend(stop: Stop) -> None:
    items = _taken(stop, _run(iter, stop.real(-1)))
    target = stop.stack[-1 - stop.inst.arg]
    if not isinstance(target, variables.ListVariable):
        raise Unreal("extending something else than a list")
    stop.tx.output.side_effects.mutation(target)
    target.items = [*target.items, *items]
    stop.done(1)


def _format(stop: Stop) -> None:
    flags = stop.inst.arg
    popped = 2 if flags & 4 else 1
    value, spec = stop.real(-popped), stop.real(-1) if flags & 4 else ""
    convert = {0: None, 1: str, 2: repr, 3: ascii}[flags & 3]
    text = _run(lambda: format(convert(value) if convert else value, spec))
    stop.done(popped, stop.variable(text))


def _convert(stop: Stop) -> None:
    convert: dict[int, Callable[[Any], str]] = {1: str, 2: repr, 3: ascii}
    stop.operate(1, convert[stop.inst.arg])


def _build_string(stop: Stop) -> None:
    count = stop.inst.arg
    stop.done(count, stop.variable("".join(stop.real(position) for position in range(-count, 0))))


def _build_slice(stop: Stop) -> None:
    count = stop.inst.arg
    bounds = [stop.real(position) for position in range(-count, 0)]
    whole = [bound.item() if isinstance(bound, torch.Tensor) else bound for bound in bounds]
    stop.done(count, variables.SliceVariable([stop.variable(bound) for bound in whole], stop.tx))


def _intrinsic(stop: Stop) -> None:
    # INTRINSIC_UNARY_POSITIVE, INTRINSIC_LIST_TO_TUPLE
    actions: dict[int, Callable[[Any], Any]] = {5: operator.pos, 6: tuple}
    action = actions.get(stop.inst.arg)
    if action is None:
        raise Unreal(f"CALL_INTRINSIC_1 {stop.inst.arg}")
    stop.operate(1, action)


def _slice(stop: Stop) -> None:
    stop.operate(3, lambda value, start, end: value[start:end])


def _contains(stop: Stop) -> None:
    stop.operate(2, lambda item, group: (item in group) != bool(stop.inst.arg))


_ACTIONS: dict[str, Callable[[Stop], None]] = {
    "CALL": calls.call,
    "CALL_KW": calls.call,
    "CALL_FUNCTION_EX": calls.call_ex,
    "BINARY_OP": _binary,
    "BINARY_SUBSCR": lambda stop: stop.operate(2, operator.getitem),
    "BINARY_SLICE": _slice,
    "COMPARE_OP": lambda stop: stop.operate(2, _COMPARE[stop.inst.argval]),
    "CONTAINS_OP": _contains,
    "IS_OP": lambda stop: stop.operate(2, lambda one, other: (one is other) != bool(stop.inst.arg)),
    "LOAD_ATTR": _attribute,
    "LOAD_METHOD": _attribute,
    "LOAD_GLOBAL": _global,
    "LOAD_NAME": _global,
    "IMPORT_NAME": _import,
    "IMPORT_FROM": _import_from,
    "GET_ITER": _get_iter,
    "FOR_ITER": _for_iter,
    "UNPACK_SEQUENCE": _unpack,
    "STORE_ATTR": _store_attribute,
    "STORE_SUBSCR": _store_item,
    "STORE_SLICE": _store_slice,
    "STORE_GLOBAL": _store_global,
    "LIST_EXTEND": _list_extend,
    "FORMAT_VALUE": _format,
    "FORMAT_SIMPLE": lambda stop: stop.operate(1, format),
    "FORMAT_WITH_SPEC": lambda stop: stop.operate(2, format),
    "CONVERT_VALUE": _convert,
    "BUILD_STRING": _build_string,
    "BUILD_SLICE": _build_slice,
    "CALL_INTRINSIC_1": _intrinsic,
    "BEFORE_WITH": contexts.enter,
}

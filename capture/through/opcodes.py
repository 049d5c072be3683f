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
from dataclasses import dataclass
from typing import Any

import torch
from torch._dynamo import variables
from torch._dynamo.variables.base import ValueMutationNew, VariableTracker
from torch._dynamo.variables.lazy import LazyVariableTracker
from torch._dynamo.variables.misc import NullVariable

from g2.capture.through import contexts
from g2.capture.through.running import Undo, code_of, run, set_attribute, set_item
from g2.capture.through.symbols import symbolise
from g2.capture.through.values import Unreal, realise

_LONGEST = 10_000  # items taken from an iterator; more is taken for endless
_NEW_CALL = sys.version_info >= (3, 13)  # callable below NULL or self; before, above

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


@dataclass(frozen=True, slots=True)
class Stop:
    """An instruction that Dynamo could not trace, with the stack as it was before."""

    tx: Any
    inst: Any
    stack: list[Any]
    kw_names: Any
    undo: Undo
    entered: set[Any]  # code that is run for real is noted here
    again: Callable[[Any, Any], Any]  # Dynamo's own handler of the instruction

    def real(self, position: int) -> Any:
        return realise(self.tx, self.stack[position])

    def variable(self, value: Any, pairs: Any = ()) -> Any:
        return symbolise(self.tx, value, pairs)

    def done(self, popped: int, *pushed: Any) -> None:
        self.tx.stack[:] = self.stack[: len(self.stack) - popped]
        for variable in pushed:
            self.tx.push(variable)

    def operate(self, count: int, function: Callable[..., Any]) -> None:
        """Replace the top `count` operands by function(*operands), the top one last."""
        operands = self.stack[len(self.stack) - count :]
        values = [realise(self.tx, operand) for operand in operands]
        result = run(function, values, {})
        self.done(count, self.variable(result, list(zip(values, operands, strict=True))))

    @property
    def result_used(self) -> bool:
        return self.tx.instruction_pointer is None or self.tx.next_instruction.opname != "POP_TOP"


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


def _call(stop: Stop) -> None:
    stop.tx.kw_names = None
    names: tuple[str, ...] = ()
    stack, extra = stop.stack, 0
    if stop.inst.opname == "CALL_KW":
        names, stack, extra = stop.real(-1), stack[:-1], 1
    elif stop.kw_names is not None:
        names = stop.kw_names.value
    size = stop.inst.arg + 2
    contents = stack[-size:]
    function, first = (contents[0], contents[1]) if _NEW_CALL else (contents[1], contents[0])
    if not _NEW_CALL and not isinstance(contents[0], NullVariable):
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


def _call_ex(stop: Stop) -> None:
    with_kwargs = bool(stop.inst.argval & 1)
    popped = 4 if with_kwargs else 3
    base = len(stop.stack) - popped
    function = stop.stack[base] if _NEW_CALL else stop.stack[base + 1]
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
    return stop.done(1, *((variable, NullVariable()) if _NEW_CALL else (NullVariable(), variable)))


def _global(stop: Stop) -> None:
    tx, name = stop.tx, stop.inst.argval
    missing = object()
    value = tx.f_globals.get(name, getattr(builtins, name, missing))
    if value is missing:
        raise Unreal(f"no global {name}")
    variable = stop.variable(value)
    if stop.inst.opname != "LOAD_GLOBAL" or not stop.inst.arg & 1:
        return stop.done(0, variable)
    return stop.done(0, *((variable, NullVariable()) if _NEW_CALL else (NullVariable(), variable)))


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
    "CALL": _call,
    "CALL_KW": _call,
    "CALL_FUNCTION_EX": _call_ex,
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

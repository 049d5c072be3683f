"""Dynamo's variable -> the value it stands for, at this very call.

Tensors carry their value because `fake_tensor_propagate_real_tensors` is on; everything else is a constant, an object
that exists, or is built from such. What has no value raises `Unreal`: nothing is ever guessed. Torch 2.11 to 2.15.
"""

from __future__ import annotations

import collections
import copy
import types
from collections.abc import Callable
from typing import Any

import torch
from torch._dynamo import variables
from torch._dynamo.variables.base import VariableTracker
from torch._dynamo.variables.lazy import LazyVariableTracker
from torch._dynamo.variables.misc import NullVariable
from torch._dynamo.variables.tensor import SymNodeVariable
from torch.utils._python_dispatch import _disable_current_modes

Variable = VariableTracker
_DEEPEST = 12


class Unreal(Exception):
    """The value cannot be had. Tracing goes on one frame further out, where the call is run whole."""


def realise(tx: Any, variable: Variable, depth: int = 0) -> Any:
    """The value of `variable` in the frame that `tx` traces. Raises Unreal."""
    if depth > _DEEPEST:
        raise Unreal("too deep")
    if isinstance(variable, LazyVariableTracker):
        variable = variable.realize()
    if isinstance(variable, NullVariable):
        raise Unreal("NULL")

    def inner(other: Variable) -> Any:
        return realise(tx, other, depth + 1)

    if isinstance(variable, SymNodeVariable):
        return _symbol(variable)
    if isinstance(variable, variables.TensorVariable):
        return _tensor(variable)
    constant = _constant(variable)
    if constant is not _NONE:
        return constant
    build = _BUILD.get(type(variable).__name__)
    if build is not None:
        return build(tx, variable, inner)
    if isinstance(variable, variables.ConstDictVariable):
        return {inner(key.vt): inner(value) for key, value in variable.items.items()}
    if type(variable).__name__ == "NNModuleVariable":
        return tx.output.get_submodule(variable.module_key)  # type: ignore[attr-defined]
    wrapper: Any = getattr(variable, "wrapper_obj", None)
    if wrapper is not None:
        return wrapper
    value: Any = getattr(variable, "value", None)
    if value is not None and not isinstance(value, VariableTracker):
        return _object(tx, variable, value, inner)
    function: Any = getattr(variable, "fn", None)
    if callable(function):
        return function
    if isinstance(variable, variables.BaseListVariable):
        return [inner(item) for item in variable.items]
    raise Unreal(type(variable).__name__)


_NONE = object()


def _constant(variable: Variable) -> Any:
    try:
        if variable.is_python_constant():
            return variable.as_python_constant()
    except Exception:  # as_python_constant refuses in many ways; the other roads below remain
        pass
    return _NONE


def _symbol(variable: Any) -> Any:
    node = variable.sym_num.node
    hint = node.hint
    if hint is None:
        known = getattr(node.shape_env, "real_tensor_prop_unbacked_vals", None) or {}
        try:
            hint = node.pytype(node.expr.xreplace(known))
        except TypeError as error:
            raise Unreal("symbol without a value") from error
    return hint


def _tensor(variable: Any) -> Any:
    fake = variable.as_proxy().node.meta.get("example_value")
    real = getattr(fake, "real_tensor", None)
    if real is None:
        raise Unreal("tensor without a value")
    if type(variable).__name__ == "NumpyNdarrayVariable":
        return real.numpy()
    # Under fake mode the values are computed below autograd, so they never require grad themselves.
    if fake.requires_grad and torch.is_grad_enabled() and real.is_floating_point() and not real.requires_grad:
        with _disable_current_modes():
            real = real.detach().requires_grad_(True)
    return real


def _object(tx: Any, variable: Variable, value: Any, inner: Callable[[Variable], Any]) -> Any:
    pending = tx.output.side_effects.store_attr_mutations.get(variable)
    if not pending:
        return value
    # What the trace has stored is not yet in the object, and must not be: the frame runs once more afterwards.
    changed = copy.copy(value)
    for name, new in pending.items():
        object.__setattr__(changed, name, inner(new))
    return changed


def _items(variable: Any, inner: Callable[[Variable], Any]) -> list[Any]:
    return [inner(item) for item in variable.items[getattr(variable, "index", 0) or 0 :]]


def _method(tx: Any, variable: Any, inner: Callable[[Variable], Any]) -> Any:
    function = inner(variable.fn) if isinstance(variable.fn, VariableTracker) else variable.fn
    return types.MethodType(function, inner(variable.obj))


def _nested(tx: Any, variable: Any, inner: Callable[[Variable], Any]) -> Any:
    """A function made by the traced code. Its cells are filled with what they hold now."""
    try:
        return variable.get_function()
    except Exception:  # raised by Dynamo whenever a cell holds more than a constant
        pass
    code = inner(variable.code)
    cells = None
    if variable.closure is not None:
        effects = tx.output.side_effects
        cells = tuple(types.CellType(inner(effects.load_cell(cell))) for cell in variable.closure.items)
    defaults = tuple(inner(item) for item in variable.defaults.items) if variable.defaults is not None else None
    made = types.FunctionType(code, variable.f_globals, inner(variable.fn_name), defaults, cells)
    if variable.kwdefaults is not None:
        made.__kwdefaults__ = inner(variable.kwdefaults)
    return made


_BUILD: dict[str, Callable[[Any, Any, Callable[[Variable], Any]], Any]] = {
    "ListVariable": lambda tx, variable, inner: _items(variable, inner),
    "TupleVariable": lambda tx, variable, inner: tuple(_items(variable, inner)),
    "SizeVariable": lambda tx, variable, inner: torch.Size(_items(variable, inner)),
    "DequeVariable": lambda tx, variable, inner: collections.deque(_items(variable, inner)),
    "ListIteratorVariable": lambda tx, variable, inner: iter(_items(variable, inner)),
    "TupleIteratorVariable": lambda tx, variable, inner: iter(_items(variable, inner)),
    "SliceVariable": lambda tx, variable, inner: slice(*[inner(item) for item in variable.items]),
    "RangeVariable": lambda tx, variable, inner: range(*[inner(item) for item in variable.items]),
    "SetVariable": lambda tx, variable, inner: {inner(key.vt) for key in variable.items},
    "DictKeySetVariable": lambda tx, variable, inner: {inner(key.vt) for key in variable.items},
    "FrozensetVariable": lambda tx, variable, inner: frozenset(inner(key.vt) for key in variable.items),
    "UserMethodVariable": _method,
    "BoundMethodVariable": _method,
    "BoundBuiltinMethodVariable": lambda tx, variable, inner: getattr(
        inner(variable.obj), variable.descriptor.__name__
    ),
    "CallMethodVariable": lambda tx, variable, inner: getattr(inner(variable.obj), variable.method_name),
    "GetAttrVariable": lambda tx, variable, inner: getattr(inner(variable.obj), variable.name),
    "NestedUserFunctionVariable": _nested,
    "UserFunctionVariable": lambda tx, variable, inner: variable.fn,
    "ExceptionVariable": lambda tx, variable, inner: variable.exc_type(*[inner(arg) for arg in variable.args]),
}

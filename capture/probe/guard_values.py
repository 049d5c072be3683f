"""Values of guard sources, read without running the user's code.

Dynamo's own accessors are C++ and not offered to Python; plain `eval` would call properties, `__getattr__`
and `__missing__`. So
the expression is walked here, and a step that could run Python code of the user's makes the value Unknown.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import math
import operator
import types
import weakref
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

import torch

from g2.capture import containers


class _Named(NamedTuple):
    field: int


class Unknown(Exception):
    """The value cannot be read without running the user's code."""


class Missing(Exception):
    """The attribute, key or index is not there any more."""


_BINARY: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
}  # fmt: skip
_UNARY: Mapping[type[ast.AST], Callable[[Any], Any]] = {
    ast.Not: operator.not_, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip
_NUMBERS = (int, float, bool, complex)
_FIELD = type(vars(_Named)["field"])  # reads a field of a named tuple
_C_DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType, _FIELD)
_KEYS = (str, int, float, bool, bytes, type(None), tuple, Enum, torch.dtype, torch.device, type)
_READS = {"size", "stride", "storage_offset", "dim", "numel"}
_HELPERS = {"___from_numpy", "___as_tensor", "___tuple_iterator_getitem", "___tuple_iterator_len",
            "___dataclass_fields", "___namedtuple_fields", "___get_torch_function_mode_stack_at", "__load_module",
            "__math_isnan", "__numpy_isnan"}  # fmt: skip


@functools.lru_cache(maxsize=16384)
def parsed(text: str) -> ast.expr:
    """The expression; raises Unknown for text that is none."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise Unknown(str(error)) from None


class Reader:
    """Reads sources in one frame: `scope` holds L, G and the helpers that Dynamo's guards use."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.scope = scope

    def value(self, text: str, start: Any = None) -> Any:
        """The value of `text`, in which the name `_` stands for `start`. Raises Unknown or Missing."""
        try:
            return self._value(parsed(text), start)
        except (Unknown, Missing):
            raise
        except (AttributeError, KeyError, IndexError):
            raise Missing(text) from None
        except Exception as error:
            raise Unknown(f"{type(error).__name__}: {error}") from None

    def _value(self, node: ast.expr, start: Any) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id="_"):
                return start
            case ast.Name(id=name):
                if name not in self.scope:
                    raise Unknown(name)
                return self.scope[name]
            case ast.Attribute(value=base, attr=attr):
                return attribute(self._value(base, start), attr)
            case ast.Subscript(value=base, slice=index):
                return item(self._value(base, start), self._value(index, start))
            case ast.Call(func=function, args=arguments, keywords=[]):
                return self._call(function, arguments, start)
            case ast.Compare(left=left, ops=ops, comparators=rights):
                value = self._value(left, start)
                for op, right in zip(ops, rights, strict=True):
                    other = self._value(right, start)
                    if not _compared(op, value, other):
                        return False
                    value = other
                return True
            case ast.BoolOp(op=op, values=values):
                results = (self._value(v, start) for v in values)
                return all(results) if isinstance(op, ast.And) else any(results)
            case ast.BinOp(left=left, op=op, right=right):
                return _BINARY[type(op)](_number(self._value(left, start)), _number(self._value(right, start)))
            case ast.UnaryOp(op=op, operand=operand):
                return _UNARY[type(op)](_number(self._value(operand, start)))
            case ast.Tuple(elts=elements):
                return tuple(self._value(e, start) for e in elements)
            case ast.List(elts=elements):
                return [self._value(e, start) for e in elements]
            case _:
                raise Unknown(type(node).__name__)

    def _call(self, function: ast.expr, arguments: list[ast.expr], start: Any) -> Any:
        match function:
            case ast.Attribute(value=ast.Name(id="dict"), attr="keys"):
                mapping = self._value(arguments[0], start)
                if isinstance(mapping, dict):
                    return dict.keys(mapping)
                raise Unknown("keys")
            case ast.Attribute(value=base, attr=attr) if attr in _READS:
                tensor = self._value(base, start)
                if isinstance(tensor, torch.Tensor):
                    return getattr(torch.Tensor, attr)(tensor)
                raise Unknown(attr)
            case ast.Attribute(value=base, attr="item"):  # a 0-d tensor whose number stands in the graph
                tensor = self._value(base, start)
                if isinstance(tensor, torch.Tensor) and tensor.device.type == "cpu" and not tensor.dim():
                    return torch.Tensor.item(tensor)
                raise Unknown("item")
            case _:
                pass
        values = [self._value(a, start) for a in arguments]
        if isinstance(function, ast.Name):
            name = function.id
            if name == "type":
                return type(values[0])
            if name == "len":
                return length(values[0])
            if name == "list" and isinstance(values[0], type({}.keys())):
                return list(values[0])
            if name == "dict" and type(values[0]) in (dict, types.MappingProxyType):  # dict(type(x).__dict__)
                return values[0]
            if name == "hasattr":
                return self._has(values[0], values[1])
            if name in ("max", "min", "abs", "int", "float", "round"):
                return getattr(builtins, name)(*map(_number, values))
            if name in _HELPERS and name in self.scope:
                return self.scope[name](*values)
        called = self._value(function, start)
        if isinstance(called, weakref.ref) and not values:
            return called()
        if getattr(called, "__module__", None) in ("math", "torch", "torch.fx.experimental.symbolic_shapes") or (
            called in (max, min, abs) or getattr(math, getattr(called, "__name__", ""), None) is called
        ):
            return called(*map(_number, values))
        raise Unknown(ast.unparse(function))

    @staticmethod
    def _has(value: Any, name: str) -> bool:
        try:
            attribute(value, name)
        except Missing:
            return False
        return True


def _number(value: Any) -> Any:
    if isinstance(value, (*_NUMBERS, str)) or value is None:
        return value
    raise Unknown(type(value).__name__)


def _compared(op: ast.cmpop, left: Any, right: Any) -> bool:
    if isinstance(op, ast.Is | ast.IsNot):
        return bool(_BINARY[type(op)](left, right))
    plain = (
        *_NUMBERS,
        str,
        bytes,
        type(None),
        torch.dtype,
        torch.device,
        torch.Size,
        tuple,
        list,
        set,
        frozenset,
        type,
    )
    if type(op) in _BINARY and isinstance(left, plain) and isinstance(right, plain):
        return bool(_BINARY[type(op)](left, right))
    raise Unknown("comparison")


def attribute(value: Any, name: str) -> Any:
    """The attribute, without calling properties, `__getattr__` or `__getattribute__` of the user's classes."""
    if isinstance(value, types.ModuleType):
        names = types.ModuleType.__getattribute__(value, "__dict__")
        if name not in names:
            raise _absent(value, name, "__getattr__" in names)
        return names[name]
    if name == "__class__":
        return type(value)
    found = inspect.getattr_static(value, name, _ABSENT)
    if found is _ABSENT:
        if isinstance(value, torch.nn.Module):
            for store in ("_parameters", "_buffers", "_modules"):
                held = object.__getattribute__(value, "__dict__").get(store) or {}
                if name in held:
                    return held[name]
        raise _absent(value, name)
    if isinstance(value, type):
        if isinstance(found, staticmethod | classmethod):
            return found.__func__
        return type.__getattribute__(value, name) if name in ("__dict__", "__mro__", "__name__") else found
    if isinstance(found, _C_DESCRIPTORS):
        return object.__getattribute__(value, name)
    if isinstance(found, staticmethod):
        return found.__func__
    if isinstance(found, types.FunctionType) and name not in _instance_dict(value):
        return types.MethodType(found, value)
    if hasattr(type(found), "__get__") and name not in _instance_dict(value):
        raise Unknown(name)
    return found


def _absent(value: Any, name: str, answers: bool = False) -> Unknown | Missing:
    """What to raise for an attribute that is not there: a `__getattr__`, its own or its class's, may answer for it."""
    own = (vars(kind)["__getattr__"] for kind in type(value).__mro__ if "__getattr__" in vars(kind))
    answers = answers or next(own, torch.nn.Module.__getattr__) is not torch.nn.Module.__getattr__
    return Unknown(name) if answers else Missing(name)


def _instance_dict(value: Any) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found


def item(value: Any, key: Any) -> Any:
    """The item, without calling `__getitem__` or `__missing__` of the user's classes."""
    if isinstance(value, dict):
        if not isinstance(key, _KEYS):
            raise Unknown("key")
        if not dict.__contains__(value, key):
            raise Missing(repr(key))
        return dict.__getitem__(value, key)
    kinds: tuple[Any, ...] = (list, tuple, str, range)
    for kind in kinds:
        if isinstance(value, kind):
            return kind.__getitem__(value, key)
    if isinstance(value, types.MappingProxyType):
        return value[key]
    raise Unknown(type(value).__name__)


def length(value: Any) -> int:
    """The length of a built-in container (or a subclass, by the built-in's own method)."""
    try:
        return containers.length(value)
    except TypeError:
        raise Unknown(type(value).__name__) from None


_ABSENT = object()

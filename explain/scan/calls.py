"""Calls: what is called, what it gives, and what has to be looked up in other files."""

from __future__ import annotations

import ast

from g2.explain.scan import library, operate, tables
from g2.explain.scan.body import EXPRESSIONS, Body, Keywords
from g2.explain.scan.constructs import BUILT, built
from g2.explain.scan.detector import Event
from g2.explain.scan.elements import element_of
from g2.explain.scan.values import (
    ARRAY,
    NONE,
    NOTHING,
    NUMBER,
    TENSOR,
    TENSORS,
    UNKNOWN,
    Value,
    called_name,
    instance,
    is_tensor,
    join,
    outside,
    wrapped,
)

_MAKERS = frozenset(
    """
    zeros ones empty full rand randn randint arange linspace eye tensor as_tensor randperm manual_seed device
    Generator Size from_numpy no_grad enable_grad set_grad_enabled autocast save load finfo iinfo is_tensor
    broadcast_shapes logspace
    """.split()  # noqa: SIM905  read as words
)
_GROWING = frozenset({"append", "add", "insert", "extend", "update", "appendleft"})
_HOOKS = frozenset({"register_forward_hook", "register_forward_pre_hook"})
_REGISTERS = frozenset({"register_buffer", "register_parameter"})
_LOGGERS = frozenset({"getLogger", "get_logger", "get_logger_with_name", "getChild"})


def call(body: Body, node: ast.Call) -> Value:
    """What a call gives."""
    func = node.func
    receiver: Value = NOTHING
    method = ""
    if isinstance(func, ast.Attribute):
        method = func.attr
        inner = func.value
        held = body.env.get(f"{inner.id}.{method}") if isinstance(inner, ast.Name) and inner.id in body.dotted else None
        receiver = body.value(inner)
        callee = held if held is not None else _attribute(receiver, method)
    else:
        callee = body.value(func)
    name = called_name(callee)
    if name == "builtins.super":
        return ("s",)
    args: list[Value] = []
    starred = False
    for each in node.args:
        if isinstance(each, ast.Starred):
            starred = True
            args.append(("*", body.value(each.value)))
        else:
            args.append(body.value(each))
    keywords: Keywords = tuple([(each.arg, body.value(each.value)) for each in node.keywords]) if node.keywords else ()
    known = isinstance(callee, frozenset)
    table = body.sheet.table
    if name and known:
        looks = table.named.get(name)
        if looks is None:
            looks = table.of_name(name)
    else:
        looks = table.lasts.get(method)
        if looks is None:
            looks = table.of_method(method)
    if looks:
        said = {key: value for key, value in keywords if key is not None}
        body.ask(looks, Event("call", node, callee, name if known else "", method, receiver, args, said))
    if name and isinstance(callee, frozenset):
        return _outside(body, node, name, args, keywords, starred)
    if method and name == "":
        return _method(body, node, receiver, method, callee, args, keywords)
    return _inside(body, node, callee, args, keywords)


def _attribute(receiver: Value, method: str) -> Value:
    if isinstance(receiver, frozenset):
        for atom in receiver if len(receiver) == 1 else ():
            if isinstance(atom, tuple) and atom[0] == "X":
                return outside(f"{atom[1]}.{method}")
        return NOTHING
    if receiver[0] == "g":
        return ("g", f"{receiver[1]}.{method}")
    return NOTHING


def _outside(
    body: Body,
    node: ast.Call,
    name: str,
    args: list[Value],
    keywords: Keywords,
    starred: bool,
) -> Value:
    """A call of something known by name to be torch's, Python's or another package's."""
    maker = BUILT.get(name)
    if maker is not None:
        return built(body, node, maker, args, keywords)
    if name.startswith("torch."):
        short = name[6:]
        if args and not starred and short not in _MAKERS:
            body.used_as_tensor(args[0])
        if short in tables.REDUCED_WITH_INDICES:
            more = len(args) > 1 or any(key in {"dim", "axis"} for key, _ in keywords)
            return operate.method(
                TENSOR, short, [NUMBER] if more and not (len(args) > 1 and is_tensor(args[1])) else []
            )
        found = library.function(short)
        return found if found is not None else _passed(body, node, name, args, keywords)
    if name.startswith("builtins."):
        found = tables.BUILTINS.get(name[9:])
        if found is not None:
            return found
        return _passed(body, node, name, args, keywords)
    if name.startswith("math."):
        return NUMBER
    if name.startswith("numpy."):
        last = name.rpartition(".")[2]
        return instance(name) if last[:1].isupper() or last in {"default_rng"} else ARRAY
    if name.rpartition(".")[2] in _LOGGERS:
        return instance("logging.Logger")
    return _passed(body, node, name, args, keywords)


def _passed(body: Body, node: ast.Call, name: str, args: list[Value], keywords: Keywords) -> Value:
    """A function outside that may call what it is given: functions among its arguments are noted as called."""
    last = name.rpartition(".")[2]
    if last[:1].isupper() and name.partition(".")[0] not in {"builtins"}:
        return instance(name)
    values = [*args, *(value for _, value in keywords)]
    for value in values:
        if isinstance(value, tuple) and value[0] in {"f", "g", ".", "p"} and _callable(value):
            body.call(node, ("passed", value), ())
    if name.startswith("builtins."):
        return UNKNOWN
    tensors = [value for value in args if isinstance(value, frozenset) and value & TENSORS]
    return frozenset({"t", "~", "?"}) if tensors else UNKNOWN


def _callable(value: Value) -> bool:
    return isinstance(value, tuple) and value[0] in {"f", "g"}


def _method(
    body: Body,
    node: ast.Call,
    receiver: Value,
    method: str,
    callee: Value,
    args: list[Value],
    keywords: Keywords,
) -> Value:
    if isinstance(callee, tuple) or callee:
        return _inside(body, node, callee, args, keywords)  # what a name's attribute was set to
    if isinstance(receiver, frozenset) and method not in _HOOKS:
        if method in _GROWING and isinstance(node.func, ast.Attribute) and args:
            _grow(body, node.func.value, receiver, args[-1], method)
        kinds = [value if isinstance(value, frozenset) else UNKNOWN for value in args]
        if method in tables.REDUCED_WITH_INDICES and not args and any(key == "dim" for key, _ in keywords):
            kinds = [NUMBER]
        return operate.method(receiver, method, kinds)
    tag = "" if isinstance(receiver, frozenset) else str(receiver[0])
    if (
        method in _REGISTERS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ):
        body.stores.append((node.args[0].value, _registered([*args[1:], *(value for _, value in keywords)])))
        return NONE
    if tag == "s":
        return body.call(node, ("super", method), tuple(args), keywords)
    if method in tables.TENSOR_ONLY:
        body.used_as_tensor(receiver)
        known = library.method(method, len(args) or len([1 for key, _ in keywords if key == "dim"]))
        if known is TENSOR:
            return ("|", receiver)
        return known if known & TENSORS == frozenset() and method != "tolist" else _like(receiver, known)
    if tag in {"|", "<"} or method in {"size", "dim", "device"}:
        if method in {"size", "dim"}:
            body.used_as_tensor(receiver)
        return library.method(method, len(args)) if method in tables.METHODS else ("|", receiver)
    if method in _GROWING and isinstance(node.func, ast.Attribute) and args:
        _grow(body, node.func.value, receiver, args[-1], method)
    if method in _LOGGERS:
        return instance("logging.Logger")
    return body.call(node, ("m", receiver, method), tuple(args), keywords)


def _registered(values: list[Value]) -> Value:
    """What a registered buffer or parameter holds: a tensor, unless it is seen to be None."""
    if values and isinstance(values[0], frozenset) and (values[0] <= {"t", "tb", "N"} and values[0]):
        return values[0]
    return TENSOR


def _like(receiver: Value, known: Value) -> Value:
    """The result of a method that only tensors have, on something that is probably a tensor."""
    if known == frozenset({"tb"}):
        return ("<", receiver)
    return known


def _grow(body: Body, holder: ast.expr, receiver: Value, value: Value, method: str) -> None:
    """`xs.append(x)`: the list holds that too."""
    if not isinstance(holder, ast.Name) or (isinstance(value, tuple) and value[0] == "*"):
        return
    if method in {"extend", "update"}:
        value = element_of(value)
    held: Value
    if isinstance(receiver, frozenset):
        inner = [atom for atom in receiver if isinstance(atom, tuple) and atom[0] == "L"]
        if not inner:
            return
        held = wrapped("L", join(*(atom[1] for atom in inner), value))
    elif receiver[0] == "L":
        held = wrapped("L", join(receiver[1], value))
    else:
        return
    body.env[holder.id] = held


def _inside(body: Body, node: ast.Call, callee: Value, args: list[Value], keywords: Keywords) -> Value:
    """A call of something that may be part of what is scanned."""
    if isinstance(callee, frozenset):
        if not any(isinstance(atom, tuple) and atom[0] in "IS" for atom in callee):
            return operate.called(callee) if callee else UNKNOWN
    elif callee[0] == "g" and callee[1].replace(":", ".").rpartition(".")[2] in _LOGGERS:
        return instance("logging.Logger")
    return body.call(node, callee, tuple(args), keywords)


EXPRESSIONS[ast.Call] = call

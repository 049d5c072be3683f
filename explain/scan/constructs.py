"""Calls of Python's own and torch's functions whose result depends on what they are given."""

from __future__ import annotations

import ast
from collections.abc import Callable

from g2.explain.scan.body import Body, Keywords
from g2.explain.scan.detector import Event
from g2.explain.scan.elements import element_of
from g2.explain.scan.expressions import attribute_of
from g2.explain.scan.facts import Class
from g2.explain.scan.values import (
    NOTHING,
    NUMBER,
    TENSOR,
    TENSOR_LIST,
    UNKNOWN,
    Value,
    combined,
    join,
    ordered,
    tupled,
    wrapped,
)

Maker = Callable[[Body, ast.Call, list[Value], Keywords], Value]


def built(body: Body, node: ast.Call, maker: Maker, args: list[Value], keywords: Keywords) -> Value:
    """What such a call gives."""
    return maker(body, node, [_plain(value) for value in args], keywords)


def _plain(value: Value) -> Value:
    return element_of(value[1]) if isinstance(value, tuple) and value[0] == "*" else value


def _listed(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return wrapped("L", element_of(args[0]) if args else NOTHING)


def _tuple(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return _listed(body, node, args, keywords)


def _dict(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    values = [value for _, value in keywords]
    if (
        args
        and isinstance(args[0], frozenset)
        and all(isinstance(a, tuple) and a[0] == "D" for a in args[0])
        and args[0]
    ):
        values.append(element_of(args[0]))
    elif args:
        values.append(UNKNOWN)
    return wrapped("D", join(*values) if values else NOTHING)


def _zip(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return wrapped("L", tupled(tuple(element_of(value) for value in args)))


def _enumerate(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return wrapped("L", tupled((NUMBER, element_of(args[0]) if args else UNKNOWN)))


def _extreme(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    if len(args) == 1:
        return element_of(args[0])
    return combined(args) if args else UNKNOWN


def _sum(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return combined((element_of(args[0]), *args[1:])) if args else UNKNOWN


def _same(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return args[0] if args else UNKNOWN


def _next(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    first = element_of(args[0]) if args else UNKNOWN
    return join(first, args[1]) if len(args) > 1 else first


def _getattr(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) and isinstance(node.args[1].value, str):
        found = attribute_of(body, args[0], node.args[1].value)
        return join(found, args[2]) if len(args) > 2 else found
    return UNKNOWN


def _map(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    if len(args) < 2:
        return UNKNOWN
    if isinstance(args[0], frozenset):
        known = {"builtins.int", "builtins.float", "builtins.len", "builtins.str"}
        name = next((atom[1] for atom in ordered(args[0]) if isinstance(atom, tuple) and atom[0] == "X"), "")
        if name in known:
            if name in {"builtins.int", "builtins.float"}:
                body.see(Event("call", node, args[0], name=name, args=[element_of(args[1])]))
            return wrapped("L", NUMBER)
        return wrapped("L", UNKNOWN)
    return wrapped("L", body.call(node, args[0], tuple([element_of(value) for value in args[1:]])))


def _filter(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    if len(args) < 2:
        return UNKNOWN
    if isinstance(args[0], tuple):
        body.call(node, args[0], (element_of(args[1]),))
    return wrapped("L", element_of(args[1]))


def _sequential(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return wrapped("S", join(*args) if args else NOTHING)


def _modules(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return _listed(body, node, args, keywords)


def _module_dict(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return wrapped("D", element_of(args[0]) if args else UNKNOWN)


def _checkpoint(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    if not args:
        return UNKNOWN
    inner = tuple((key, value) for key, value in keywords if key not in {"use_reentrant", "preserve_rng_state"})
    return body.call(node, args[0], tuple(args[1:]), inner)


def _compile(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    if not args:
        return UNKNOWN
    body.call(node, ("compile", args[0]), ())
    return args[0]


def _cond(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    operands = args[3] if len(args) > 3 else NOTHING
    results: list[Value] = []
    for branch in args[1:3]:
        if isinstance(branch, tuple):
            results.append(body.call(node, branch, (("*", operands),)))
    return join(*results) if results else TENSOR


def _partial(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return ("partial", args[0], tuple(args[1:]), keywords) if args and isinstance(args[0], tuple) else UNKNOWN


def _where(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    if args:
        body.used_as_tensor(args[0])
    return TENSOR_LIST if len(args) + len(keywords) == 1 else TENSOR


def _unique(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    extra = [key for key, _ in keywords if key in {"return_inverse", "return_counts"}]
    if args:
        body.used_as_tensor(args[0])
    return frozenset({("T", (TENSOR,) * (1 + len(extra)))}) if extra else TENSOR


def _nonzero(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return TENSOR_LIST if any(key == "as_tuple" for key, _ in keywords) else TENSOR


def _tensor(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return TENSOR


def _grads(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    return TENSOR_LIST


def _named_tuple(body: Body, node: ast.Call, args: list[Value], keywords: Keywords) -> Value:
    """`namedtuple("Name", "a b c")` is a class with these fields."""
    if len(node.args) < 2:
        return UNKNOWN
    try:
        names = ast.literal_eval(node.args[1])
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return UNKNOWN
    if isinstance(names, str):
        names = names.replace(",", " ").split()
    fields = [name[0] if isinstance(name, tuple) else name for name in names]
    body.sheet.classes.append(Class("namedtuple", node.lineno, fields={str(name): UNKNOWN for name in fields}))
    return ("k", len(body.sheet.classes) - 1)


BUILT: dict[str, Maker] = {
    "builtins.list": _listed,
    "builtins.set": _listed,
    "builtins.frozenset": _listed,
    "builtins.sorted": _listed,
    "builtins.reversed": _listed,
    "builtins.iter": _listed,
    "collections.deque": _listed,
    "builtins.tuple": _tuple,
    "builtins.dict": _dict,
    "collections.OrderedDict": _dict,
    "builtins.zip": _zip,
    "builtins.enumerate": _enumerate,
    "builtins.max": _extreme,
    "builtins.min": _extreme,
    "builtins.sum": _sum,
    "builtins.abs": _same,
    "builtins.pow": lambda body, node, args, keywords: combined(args),
    "builtins.round": _same,
    "builtins.next": _next,
    "builtins.getattr": _getattr,
    "builtins.map": _map,
    "builtins.filter": _filter,
    "builtins.all": lambda body, node, args, keywords: NUMBER,
    "builtins.any": lambda body, node, args, keywords: NUMBER,
    "collections.namedtuple": _named_tuple,
    "copy.copy": _same,
    "copy.deepcopy": _same,
    "typing.cast": lambda body, node, args, keywords: args[1] if len(args) > 1 else UNKNOWN,
    "functools.partial": _partial,
    "torch.nn.Sequential": _sequential,
    "torch.nn.ModuleList": _modules,
    "torch.nn.ParameterList": _modules,
    "torch.nn.ModuleDict": _module_dict,
    "torch.nn.DataParallel": _same,
    "torch.utils.checkpoint.checkpoint": _checkpoint,
    "torch.compile": _compile,
    "torch._dynamo.optimize": _compile,
    "torch.jit.script": _same,
    "torch.jit.trace": lambda body, node, args, keywords: frozenset({("I", "torch.jit.ScriptModule")}),
    "torch.cond": _cond,
    "torch.where": _where,
    "torch.unique": _unique,
    "torch.unique_consecutive": _unique,
    "torch.nonzero": _nonzero,
    "torch.autograd.grad": _grads,
    "einops.rearrange": _tensor,
    "einops.repeat": _tensor,
    "einops.reduce": _tensor,
    "einops.einsum": _tensor,
    "einops.unpack": _grads,
    "einops.pack": lambda body, node, args, keywords: frozenset({("T", (TENSOR, frozenset({("L", UNKNOWN)})))}),
}

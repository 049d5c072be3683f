"""How a guard's source is written by a person: `L['self']._modules['layers']._modules['0']` is `self.layers.0`.

Dynamo's sources are Python expressions over L (the function's locals) and G (its globals). Pure text in, text out.
"""

from __future__ import annotations

import ast
import functools
import re

_STORES = {"_modules", "_parameters", "_buffers", "__dict__"}  # dictionaries behind an attribute
_SILENT = {"__code__", "__dict__", *_STORES}
_UNWRAPPED = {"___from_numpy", "___as_tensor"}
_INDEXED = {"___tuple_iterator_getitem", "___odict_getitem"}


def readable(source: str, resumed_at: int | None = None) -> str:
    """`source` as a person writes it. `resumed_at` is the line where a resume function goes on:
    its operand stack (`___stack0`) holds values computed before that line. Text that is no expression comes back as
    it is."""
    try:
        tree = _parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return source
    return _text(tree, resumed_at)


@functools.lru_cache(maxsize=4096)
def _parse(source: str) -> ast.expr:
    return ast.parse(source.strip(), mode="eval").body


def dimension(node: ast.AST) -> tuple[ast.expr, str, int] | None:
    """(tensor, "size" or "stride", dimension) when `node` is `tensor.size()[dimension]`, else None."""
    match node:
        case ast.Subscript(
            value=ast.Call(func=ast.Attribute(value=tensor, attr="size" | "stride" as what), args=[]),
            slice=ast.Constant(value=int(dim)),
        ):
            return tensor, what, dim
        case _:
            return None


def _text(node: ast.expr, at: int | None) -> str:
    found = dimension(node)
    if found is not None:
        return f"{_text(found[0], at)}.{found[1]}({found[2]})"
    match node:
        case ast.Subscript(value=ast.Name(id="L" | "G"), slice=ast.Constant(value=str(name))):
            return _variable(name, at)
        case ast.Subscript(
            value=ast.Subscript(slice=ast.Constant(value=str(name))), slice=ast.Constant(value=str(key))
        ) if name.startswith("__builtins_dict"):
            return key
        case ast.Subscript(
            value=ast.Attribute(value=base, attr=store)
            | ast.Subscript(value=ast.Attribute(value=base, attr="__dict__"), slice=ast.Constant(value=str(store))),
            slice=ast.Constant(value=str(key)),
        ) if store in _STORES:
            return _attribute(_text(base, at), key)
        case ast.Attribute(
            value=ast.Subscript(value=ast.Attribute(value=function, attr="__closure__"), slice=index),
            attr="cell_contents",
        ):
            return f"closure variable {ast.unparse(index)} of {_text(function, at)}"
        case ast.Subscript(value=ast.Attribute(value=function, attr="__defaults__"), slice=index):
            return f"default argument {ast.unparse(index)} of {_text(function, at)}"
        case ast.Subscript(
            value=ast.Attribute(value=function, attr="__kwdefaults__"), slice=ast.Constant(value=str(key))
        ):
            return f"default of {key} in {_text(function, at)}"
        case ast.Subscript(
            value=ast.Call(
                func=ast.Name(id="list"),
                args=[ast.Call(func=ast.Attribute(value=ast.Name(id="dict"), attr="keys"), args=[of])],
            ),
            slice=index,
        ):
            return f"key {ast.unparse(index)} of {_text(of, at)}"
        case ast.Subscript(
            value=ast.Call(
                func=ast.Name(id="dict"),
                args=[ast.Attribute(value=ast.Call(func=ast.Name(id="type"), args=[of]), attr="__dict__")],
            ),
            slice=ast.Constant(value=str(key)),
        ):
            return _attribute(_text(of, at), key)  # an attribute that the class holds
        case ast.Subscript(value=base, slice=index):
            return f"{_text(base, at)}[{_text(index, at)}]"
        case ast.Attribute(value=base, attr=attr):
            return _text(base, at) if attr in _SILENT else _attribute(_text(base, at), attr)
        case ast.Call(func=ast.Name(id=name), args=[inner]) if name in _UNWRAPPED:
            return _text(inner, at)
        case ast.Call(func=ast.Name(id=name), args=[inner, index]) if name in _INDEXED:
            return f"{_text(inner, at)}[{_text(index, at)}]"
        case ast.Call(func=ast.Subscript() as reference, args=[]):
            return _text(reference, at)
        case ast.Call(func=ast.Attribute(value=base, attr=attr), args=arguments):
            return f"{_text(base, at)}.{attr}({', '.join(_text(a, at) for a in arguments)})"
        case ast.Name(id=name):
            return name
        case _:
            return ast.unparse(_Renamed(at).generic_visit(_copy(node)))


def _copy(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


class _Renamed(ast.NodeTransformer):
    """Sources inside a longer expression become names, which ast.unparse writes as they are."""

    def __init__(self, at: int | None) -> None:
        self.at = at

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
            return ast.Name(id=_text(node, self.at))
        return self.generic_visit(node)


def _attribute(base: str, name: str) -> str:
    if not base:
        return name
    plain = all(part.isidentifier() or part.isdigit() for part in name.split("."))
    return f"{base}.{name}" if plain else f"{base}[{name!r}]"


def _variable(name: str, at: int | None) -> str:
    if re.fullmatch(r"___stack\d+", name):
        number = int(name[8:])
        which = "a value" if number == 0 else f"value {number + 1}"
        return f"({which} computed before line {at})" if at else f"({which} computed before this line)"
    if name.startswith("__import_"):
        return name[len("__import_") :].replace("_dot_", ".")
    if name == ".0":
        return "(the iterable of a comprehension)"
    return name

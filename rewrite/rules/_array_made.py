"""The one NumPy array that a function makes and returns: its dtype, and its shape by the function's parameters."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from g2.rewrite.source import Source

_MAKERS = ("zeros", "ones", "empty", "full")
_DTYPES = {
    "bool": "bool", "np.bool_": "bool", "np.int64": "int64", "np.int32": "int32", "np.float32": "float32",
    "np.float64": "float64", "float": "float64",
}  # fmt: skip
_EFFECTS = {"print", "open", "input", "exec", "eval", "setattr", "globals"}


class NotMade(Exception):
    """The function is not of this form; str() is a clause."""


@dataclass(frozen=True, slots=True)
class Made:
    """shape: as text, by the function's parameters. dtype: torch's name."""

    shape: str
    dtype: str


def made(function: ast.FunctionDef, source: Source) -> Made:
    """Raises NotMade."""
    own = [node for node in _own(function)]
    parameters = [arg.arg for arg in function.args.args]
    _only_computes(function, parameters, source)
    names = {ast.unparse(node.value) if node.value is not None else "" for node in own if isinstance(node, ast.Return)}
    if len(names) != 1 or not next(iter(names)).isidentifier():
        raise NotMade(f"`{function.name}` does not return one array by its name")
    name = next(iter(names))
    given = [node for node in own if isinstance(node, ast.Assign) and any(_binds(t, name) for t in node.targets)]
    value = given[0].value if len(given) == 1 else None
    if not isinstance(value, ast.Call) or not value.args:
        raise NotMade(f"`{name}` is not made once, by np.zeros or the like")
    maker = ast.unparse(value.func)
    if maker not in {f"{module}.{one}" for module in ("np", "numpy") for one in _MAKERS}:
        raise NotMade(f"`{name}` is not made once, by np.zeros or the like")
    dtypes = [ast.unparse(one.value).replace("numpy.", "np.") for one in value.keywords if one.arg == "dtype"]
    dtype = _DTYPES.get(dtypes[0]) if dtypes else None
    if dtype is None:
        raise NotMade(f"the dtype of `{name}` is not written")
    return Made(_shape(value.args[0], own, parameters), dtype)


def _shape(node: ast.expr, own: list[ast.AST], parameters: list[str]) -> str:
    """Raises NotMade where it is not told by parameters alone."""
    stores = [one.id for one in own if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
    sizes = node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]
    unpacked = _unpacked(own, parameters, stores)
    parts: list[str] = []
    for size in sizes:
        if isinstance(size, ast.Constant) and isinstance(size.value, int):
            parts.append(str(size.value))
        elif isinstance(size, ast.Name) and size.id in parameters and size.id not in stores:
            parts.append(size.id)
        elif isinstance(size, ast.Name) and size.id in unpacked:
            parts.append(unpacked[size.id])
        else:
            raise NotMade(f"the size `{ast.unparse(size)}` is not one that the caller gives")
    if not isinstance(node, (ast.Tuple, ast.List)):
        return parts[0]
    owner = parts[0].partition("[")[0] if parts else ""
    whole = [f"{owner}[{index}]" for index in range(len(parts))]
    if parts == whole and sum(text.startswith(f"{owner}[") for text in unpacked.values()) == len(parts):
        return owner
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _unpacked(own: list[ast.AST], parameters: list[str], stores: list[str]) -> dict[str, str]:
    """Names of `rows, columns = shape`, with `shape` a parameter: "rows" is "shape[0]"."""
    found: dict[str, str] = {}
    for node in own:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in parameters:
            target = node.targets[0]
            if len(node.targets) == 1 and isinstance(target, ast.Tuple) and node.value.id not in stores:
                for index, one in enumerate(target.elts):
                    if isinstance(one, ast.Name) and stores.count(one.id) == 1:
                        found[one.id] = f"{node.value.id}[{index}]"
    return found


def _only_computes(function: ast.FunctionDef, parameters: list[str], source: Source) -> None:
    """Raises NotMade where the function does more than to compute and draw."""
    for node in ast.walk(function):
        if isinstance(node, (ast.Global, ast.Nonlocal, ast.Yield, ast.YieldFrom, ast.Await, ast.Import)):
            raise NotMade(f"`{function.name}` reads or changes what is outside of it")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _EFFECTS:
            raise NotMade(f"`{function.name}` calls `{node.func.id}`")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in parameters and node.func.attr.endswith("_"):
                raise NotMade(f"`{ast.unparse(node.func)}` changes an argument")
            if isinstance(owner, ast.Name) and owner.id in ("logger", "logging", "warnings", "log"):
                raise NotMade(f"`{function.name}` logs or warns")
        match node:
            case ast.Attribute(value=ast.Name(id=name), ctx=ast.Store()) if name in parameters:
                raise NotMade(f"`{ast.unparse(node)}` changes an argument")
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store()) if name in parameters:
                raise NotMade(f"`{ast.unparse(node)}` changes an argument")
            case _:
                pass


def _own(function: ast.FunctionDef) -> list[ast.AST]:
    """Nodes of the function, those of functions in it left out."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)
    return found


def _binds(target: ast.expr, name: str) -> bool:
    names = [one for one in ast.walk(target) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
    return name in {one.id for one in names}

"""The module that Inductor writes, read as text: which kernels it defines and what its call() launches, in order.

What is read: `name = async_compile.triton('name', '''source''', ...)` at the top, and in functions the calls
`name.run(args..., stream=...)`, `extern_kernels.mm(...)`, `torch.ops.aten.sort.stable(...)` and the like (torch 2.11 to
2.15).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TypeGuard

_VIEWS = frozenset(("reinterpret_tensor", "_reinterpret_tensor", "alloc_from_pool", "_alloc_from_pool"))


@dataclass(frozen=True, slots=True)
class Launch:
    """kernel: its name. kind: "triton", "cpp" or "library". args: names of buffers, and numbers. made: the names that
    it is given to. line: in the module.
    """

    kernel: str
    kind: str
    args: tuple[str | int | float, ...]
    made: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Module:
    """sources: of each Triton kernel, by its name. launches: in order. reused: whose memory a buffer goes on with."""

    sources: dict[str, str]
    launches: tuple[Launch, ...]
    reused: dict[str, str]


def read(text: str) -> Module:
    """Raises SyntaxError when it is no Python."""
    tree = ast.parse(text)
    sources: dict[str, str] = {}
    host: set[str] = set()
    launches: list[Launch] = []
    reused: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_call(node.value, "triton") and len(node.value.args) > 1:
            source = node.value.args[1]
            if isinstance(source, ast.Constant) and isinstance(source.value, str):
                sources |= {target.id: source.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("async_compile.cpp"):
            host |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for function in _functions(tree):
        for statement in _statements(function):
            launches += _launched(statement, sources, host)
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                if isinstance(statement.value, ast.Name):
                    reused[statement.targets[0].id] = statement.value.id
                elif _is_call(statement.value, "reinterpret_tensor"):
                    before = _buffer(statement.value)
                    if isinstance(before, str):
                        reused[statement.targets[0].id] = before
    return Module(sources, tuple(launches), reused)


def _functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """Those with kernels' calls; not what runs the module by itself, nor what reads its inputs for that."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found = [one for one in found if one.name not in ("benchmark_compiled_module", "get_args", "__init__")]
    return sorted(found, key=lambda one: one.lineno)


def _statements(function: ast.FunctionDef) -> list[ast.stmt]:
    """In the order of the text; those that hold others are opened."""
    out: list[ast.stmt] = []
    waiting: list[ast.stmt] = list(reversed(function.body))
    while waiting:
        one = waiting.pop()
        inner = [name for name in ("body", "orelse", "finalbody") if getattr(one, name, None)]
        if inner:
            below = [child for name in inner for child in getattr(one, name)]
            waiting += reversed([child for child in below if not isinstance(child, (ast.FunctionDef, ast.ClassDef))])
        else:
            out.append(one)
    return out


def _launched(statement: ast.stmt, sources: dict[str, str], host: set[str]) -> list[Launch]:
    made: tuple[str, ...] = ()
    if isinstance(statement, ast.Assign):
        made = tuple(node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name))
    found: list[Launch] = []
    for call in ast.walk(statement):
        if not isinstance(call, ast.Call):
            continue
        name = ast.unparse(call.func)
        owner, _, last = name.rpartition(".")
        if last == "run" and (owner in sources or owner.startswith(("triton_", "multi_kernel"))):
            found.append(Launch(owner, "triton", _arguments(call), (), call.lineno))
        elif name in host:
            found.append(Launch(name, "cpp", _arguments(call), (), call.lineno))
        elif _computes(call.func, name, last):
            out = next((_buffer(word.value) for word in call.keywords if word.arg == "out"), None)
            written = (*made, out) if isinstance(out, str) else made
            found.append(Launch(name, "library", _arguments(call), written, call.lineno))
    return found


def _computes(function: ast.expr, name: str, last: str) -> bool:
    if last in _VIEWS or not isinstance(function, ast.Attribute):
        return False
    if name.startswith(("extern_kernels.", "torch.ops.", "aten.", "inductor_ops.", "quantized.", "_quantized.")):
        return True
    return last in ("zero_", "copy_", "fill_")


def _arguments(call: ast.Call) -> tuple[str | int | float, ...]:
    words = [word.value for word in call.keywords if word.arg != "stream"]
    return tuple(one for one in (_buffer(value) for value in (*call.args, *words)) if one is not None)


def _buffer(value: ast.expr) -> str | int | float | None:
    """The name of the buffer that an argument is, or is a view of; or the number."""
    if isinstance(value, ast.Name):
        return value.id
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, (int, float)) and not isinstance(value.value, bool) else None
    if isinstance(value, ast.Call) and value.args:
        return _buffer(value.args[0])
    if isinstance(value, ast.Subscript):
        return _buffer(value.value)
    return None


def _is_call(value: ast.expr, last: str) -> TypeGuard[ast.Call]:
    return isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] == last

"""Inductor's wrapper, run with a look at every buffer after every kernel.

The wrapper is a Python function that allocates buffers and calls kernels. A copy of it calls us after each of its
statements; the kernels are the compiled ones, not made anew. Which node of the graph a buffer holds is known from
GraphLowering.name_to_buffer and get_origin_node (private, 2.11 to 2.15).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from g2.check.child.locate_hooks import Inner, Run, cloned
from g2.check.child.locate_values import Values
from g2.check.model import Worst

_SEEN = "_g2_seen"
_RUNNER = frozenset({"Runner", "runner", "call", "recursively_apply_fns"})
_SILENT = ("empty_strided", "assert_", "reinterpret_tensor", "args.", "print", "alloc_from_pool")
_BUFFER = re.compile(r"buf\d+")


@dataclass(frozen=True, slots=True)
class WrongBuffer:
    """The first buffers that are wrong, all after one statement. right: nodes whose buffers were right before or with
    it. overwritten: (node whose buffer was right and is not any more, the kernel that did it), where one was before.
    """

    kernel: str
    wrong: dict[str, Worst]
    right: frozenset[str]
    overwritten: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Statement:
    kernel: str
    names: tuple[str, ...]


def first_wrong(inner: Inner, run: Run, values: Values) -> WrongBuffer:
    """Run the wrapper on the run's inputs; no kernel where no buffer of a known node is wrong. Raises what the code
    raises.
    """
    origins = _origins(inner.lowering)
    right: set[str] = set()
    found: list[WrongBuffer] = []
    lost: list[tuple[str, str]] = []

    def seen(statement: _Statement, held: dict[str, Any]) -> None:
        if found or not statement.kernel:
            return
        wrong: dict[str, Worst] = {}
        for name, value in held.items():
            node = origins.get(name)
            if node in right and not lost and isinstance(value, torch.Tensor) and values.wrong(str(node), value):
                lost.append((str(node), statement.kernel))
        for name in statement.names:
            node, value = origins.get(name), held.get(name)
            if node is None or not isinstance(value, torch.Tensor):
                continue
            worst = values.wrong(node, value)
            if worst is not None and node not in right:
                wrong[node] = worst
            elif worst is None and node in values.eager:
                right.add(node)
        if wrong:
            found.append(WrongBuffer(statement.kernel, wrong, frozenset(right), lost[0] if lost else None))

    call = _instrumented(inner.wrapper, seen)
    torch.set_rng_state(run.stream)
    with torch.no_grad():
        call([cloned(value) for value in run.inputs])
    return found[0] if found else WrongBuffer("", {}, frozenset(right))


def kernel_of(inner: Inner, node: str) -> str:
    """The kernel whose call is the first to name a node's buffer in the wrapper; empty where that is not known."""
    names = {buffer for buffer, origin in _origins(inner.lowering).items() if origin == node}
    for function in _functions(ast.parse(_source(inner.wrapper))):
        for statement in function.body:
            described = _described(statement)
            if described.kernel and names & set(described.names):
                return described.kernel
    return ""


def _origins(lowering: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, buffer in lowering.name_to_buffer.items():
        node = buffer.get_origin_node() if hasattr(buffer, "get_origin_node") else None
        if node is not None:
            found[name] = node.name
    return found


def _source(wrapper: Any) -> str:
    return Path(wrapper.__file__).read_text("utf-8")


def _instrumented(wrapper: Any, seen: Callable[[_Statement, dict[str, Any]], None]) -> Callable[[list[Any]], Any]:
    module = ast.parse(_source(wrapper))
    statements: list[_Statement] = []
    for function in _functions(module):
        function.body = _watched(function.body, statements)
    module.body = [one for one in module.body if _is_call(one)]
    ast.fix_missing_locations(module)
    space = dict(vars(wrapper))
    space[_SEEN] = lambda number, held: seen(statements[number], held)
    exec(compile(module, wrapper.__file__, "exec"), space)
    found: Callable[[list[Any]], Any] = space["call"]
    return found


def _functions(module: ast.Module) -> list[ast.FunctionDef]:
    return [
        one
        for one in ast.walk(module)
        if isinstance(one, ast.FunctionDef) and (one.name == "call" or one.name.startswith("partition_"))
    ]


def _is_call(one: ast.stmt) -> bool:
    if isinstance(one, (ast.FunctionDef, ast.ClassDef)):
        return one.name in _RUNNER or one.name.startswith("partition_")
    return isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and one.targets[0].id in _RUNNER


def _watched(body: list[ast.stmt], statements: list[_Statement]) -> list[ast.stmt]:
    made: list[ast.stmt] = []
    for one in body:
        for name in ("body", "orelse"):
            inside = getattr(one, name, None)
            if isinstance(one, (ast.With, ast.If, ast.For)) and inside:
                setattr(one, name, _watched(inside, statements))
        made.append(one)
        described = _described(one)
        if described.kernel:
            made.append(ast.parse(f"{_SEEN}({len(statements)}, locals())").body[0])
            statements.append(described)
    return made


def _described(one: ast.stmt) -> _Statement:
    """The kernel that a statement calls, and the buffers that it names; no kernel for other statements."""
    value = one.value if isinstance(one, (ast.Expr, ast.Assign)) else None
    if not isinstance(value, ast.Call):
        return _Statement("", ())
    kernel = ast.unparse(value.func)
    named = (node.id for node in ast.walk(one) if isinstance(node, ast.Name))
    names = tuple(dict.fromkeys(name for name in named if _BUFFER.fullmatch(name)))
    silent = kernel.startswith(_SILENT)
    return _Statement("" if silent or not names else kernel.removesuffix(".run"), names)

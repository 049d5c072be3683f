"""An ATen graph, kept as the text of its `forward`, run in float64: what rounding is measured against.

The text is FX's own (GraphModule.code, torch 2.11 to 2.15): one statement for each node, then `name = None` where a
value is last used. Casts inside the graph to a smaller floating dtype go to float64 too. Random operators give what
they gave in the recorded run.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from g2.check.child import attention
from g2.check.child import random as streams
from g2.check.child.rounding import EachRounded, moves

_WIDER = {torch.float32: torch.float64, torch.float16: torch.float64, torch.bfloat16: torch.float64,
          torch.complex64: torch.complex128}  # fmt: skip
_RANDOM = ("rand", "bernoulli", "dropout", "seed", "multinomial", "normal_", "normal.", "exponential", "uniform",
           "cauchy", "geometric", "philox")  # fmt: skip


@dataclass(frozen=True)
class Exact:
    """values: of nodes, by name. inputs: what they hold after the call."""

    values: dict[str, Any] = field(default_factory=dict)
    outputs: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)


class Inexact(Exception):
    """A graph that cannot be run in float64, and why."""


class _InDouble(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "view.dtype" not in str(func) and "view_dtype" not in str(func):
            args, kwargs = tree_map(_wider, (args, dict(kwargs or {})))
        return func(*args, **(kwargs or {}))


def _wider(value: Any) -> Any:
    return _WIDER.get(value, value) if isinstance(value, torch.dtype) else value


def run(
    text: str,
    inputs: Sequence[Any],
    constants: Mapping[str, Any],
    wanted: set[str],
    drawn: Mapping[str, torch.Tensor],
    shaken: bool = False,
) -> Exact:
    """The values of the `wanted` nodes, the outputs and the inputs, in float64. shaken: floating inputs, and what each
    operator computes, are moved up or down by one unit in the last place of float32 (rounding.py). drawn: what random
    operators gave, by node. Raises Inexact.
    """
    function = next((one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef)), None)
    if function is None:
        raise Inexact("the graph's text has no function")
    source = torch.Generator().manual_seed(0)

    def wide(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.dtype not in _WIDER:
            return value.clone() if isinstance(value, torch.Tensor) else value
        eps = max(torch.finfo(torch.float32).eps, torch.finfo(value.dtype).eps)
        made = value.to(_WIDER[value.dtype])
        return made * moves(made, eps, source) if shaken and made.is_floating_point() else made

    importlib.import_module(
        "torch._inductor.inductor_prims"
    )  # defines torch.ops.prims._low_memory_max_pool... and others
    attention.stand_in()
    torch.manual_seed(streams.SEED)
    names = [one.arg for one in function.args.args if one.arg != "self"]
    scope: dict[str, Any] = {
        "torch": torch, "device": torch.device, "inf": math.inf, "nan": math.nan, "math": math,
        "self": type("Held", (), {name: wide(value) for name, value in constants.items()}),
    }  # fmt: skip
    given = [wide(one) for one in inputs]
    scope.update(zip(names, given, strict=False))
    kept: dict[str, Any] = {name: scope[name] for name in names if name in wanted}
    outputs: list[Any] = []
    rounded = EachRounded(torch.finfo(torch.float32).eps) if shaken else contextlib.nullcontext()
    with torch.no_grad(), rounded, _InDouble():  # type: ignore[no-untyped-call]
        for statement in function.body:
            try:
                done = _step(statement, scope, drawn)
                for name in wanted.intersection(_made(statement), scope):
                    kept[name] = _copied(scope[name])
            except Inexact:
                raise
            except Exception as error:
                what = ast.unparse(statement)[:120]
                said = (str(error).splitlines() or [""])[0][:200]
                raise Inexact(f"`{what}` cannot be run in float64: {type(error).__name__}: {said}") from None
            if done is not None:
                outputs = list(done) if isinstance(done, (tuple, list)) else [done]
    return Exact(kept, outputs, given)


def _step(statement: ast.stmt, scope: dict[str, Any], drawn: Mapping[str, torch.Tensor]) -> Any:
    """What the graph returns, at its end."""
    if isinstance(statement, ast.Return) and statement.value is not None:
        return eval(compile(ast.Expression(statement.value), "graph", "eval"), scope)
    if not isinstance(statement, ast.Assign):
        exec(compile(ast.Module([statement], []), "graph", "exec"), scope)
        return None
    names = _made(statement)
    if isinstance(statement.value, ast.Constant) and statement.value.value is None:
        for name in names:
            scope.pop(name, None)
        return None
    called = ast.unparse(statement.value).partition("(")[0]
    instead = {f"torch.ops.{name}": function for name, function in _streams().items()}.get(called)
    if instead is not None and isinstance(statement.value, ast.Call):
        scope["g2_stream"] = instead
        call = ast.Call(ast.Name("g2_stream", ast.Load()), statement.value.args, statement.value.keywords)
        made = ast.fix_missing_locations(ast.copy_location(ast.Expression(call), statement))
        scope[names[0]] = eval(compile(made, "graph", "eval"), scope)
    elif "lookup_seed" not in called and any(word in called for word in _RANDOM):
        if names[0] not in drawn:
            raise Inexact(f"what {called} drew was not kept")
        value = drawn[names[0]]
        scope[names[0]] = value.to(_WIDER.get(value.dtype, value.dtype))
    else:
        exec(compile(ast.Module([statement], []), "graph", "exec"), scope)
    return None


def _made(statement: ast.stmt) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return [one.id for one in targets if isinstance(one, ast.Name)]


def _streams() -> dict[str, Any]:
    """Inductor's random operators, by the name that a graph's text has for them."""
    return {str(name): function for name, function in streams.stand_ins().items()}


def _copied(value: Any) -> Any:
    """What a graph writes into later is not to change what was kept."""
    return value.clone() if isinstance(value, torch.Tensor) else value

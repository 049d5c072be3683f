"""A script that shows a wrong result without g2: the smallest graph that was found, its inputs beside it."""

from __future__ import annotations

import importlib
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from g2.check.child.locate_stages import Found
from g2.check.model import Wrong

NAME = "repro.py"
INPUTS = "repro.pt"
_OURS = frozenset({"compile_threads", "fx_graph_cache", "force_disable_caches", "fallback_random"})

_TEMPLATE = '''\
"""{title}

Runs this graph in eager, in float64 and compiled by Inductor from the inputs in {inputs}, and shows the worst element.
Exit code 1: compiled is further from float64 than eager's own error allows. 0: it is not. Written by g2 check with
torch {version}; needs torch alone.
"""

import sys
from pathlib import Path

import torch
import torch._inductor.compile_fx
from torch.utils._pytree import tree_map
{imports}
{config}

class Graph(torch.nn.Module):
{attributes}{code}

FLOATS = (torch.float32, torch.float16, torch.bfloat16)


class Wide(torch.fx.Interpreter):
    """The graph in float64."""

    def call_function(self, target, args, kwargs):
        args, kwargs = tree_map(widened, (args, kwargs))
        return super().call_function(target, args, kwargs)


def widened(value):
    return torch.float64 if isinstance(value, torch.dtype) and value in FLOATS else value


def wide(value):
    return value.double() if isinstance(value, torch.Tensor) and value.dtype in FLOATS else value


def copied(values):
    return [value.clone() if isinstance(value, torch.Tensor) else value for value in values]


def error(got, exact):
    gap = torch.where((got == exact) | (got.isnan() & exact.isnan()), 0.0, (got - exact).abs())
    return torch.where(gap.isnan(), torch.inf, gap)


def shown(place, eager, got, exact):
    """Whether one output is wrong, and its worst element."""
    if not isinstance(eager, torch.Tensor) or not eager.numel():
        return False
    if eager.shape != got.shape or eager.dtype != got.dtype:
        print(f"output {{place}}: {{got.dtype}} {{list(got.shape)}}, eager {{eager.dtype}} {{list(eager.shape)}}")
        return True
    if not eager.is_floating_point():
        print(f"output {{place}}: {{int((eager != got).sum())}} of {{eager.numel()}} elements differ")
        return bool((eager != got).any())
    eps = torch.finfo(eager.dtype).eps
    eager, got, exact = eager.double(), got.double(), exact.double()
    own, other = error(eager, exact), error(got, exact)
    scale = exact.abs().nan_to_num(nan=0.0, posinf=0.0)
    allowed = {factor:g} * own.nan_to_num(posinf=0.0).amax() + eps * ({ulps:g} * scale + {floor:g} * scale.amax())
    excess = torch.where(own.isinf(), 0.0, other - allowed)
    index = [int(part) for part in torch.unravel_index(excess.argmax(), excess.shape)] if excess.dim() else []
    at = tuple(index)
    wrong = bool(excess[at] > 0)
    verdict = "WRONG" if wrong else "right"
    values = f"eager {{eager[at]:.9g}}, compiled {{got[at]:.9g}}, float64 {{exact[at]:.9g}}"
    print(f"output {{place}}: {{verdict}}; at {{index}} {{values}}")
    return wrong


def main():
    inputs = torch.load(Path(__file__).with_name({inputs!r}), weights_only=True)
    graph = torch.fx.symbolic_trace(Graph())
    with torch.no_grad():
        torch.manual_seed(0)
        eager = graph(*copied(inputs))
        torch.manual_seed(0)
        exact = Wide(graph).run(*(wide(value) for value in copied(inputs)))
        torch.manual_seed(0)
        compiled = {compile}
    sides = [side if isinstance(side, (list, tuple)) else [side] for side in (eager, compiled, exact)]
    wrong = [shown(place, *values) for place, values in enumerate(zip(*sides))]
    return 1 if any(wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
'''
_ATEN = "torch._inductor.compile_fx.compile_fx_inner(graph, copied(inputs))(copied(inputs))"
_TORCH = "torch.compile(graph)(*copied(inputs))"


def written(found: Found, folder: Path, number: int = 0) -> Wrong:
    """Write both files; where the graph cannot be written as a script, `detail` says why.

    Raises OSError when the folder cannot be written.
    """
    if found.graph is None:
        return found.wrong
    try:
        text = script(found)
        inputs = [_saved(value) for value in found.inputs]
    except (TypeError, ValueError, AttributeError) as error:
        return replace(found.wrong, detail=f"{found.wrong.detail}; no repro script: {error}")
    stem = f"-{number}" if number else ""
    path = folder / NAME.replace(".", f"{stem}.")
    text = text.replace(INPUTS, INPUTS.replace(".", f"{stem}."))
    try:
        torch.save(inputs, folder / INPUTS.replace(".", f"{stem}."))
    except RuntimeError as error:
        raise OSError(str(error)) from error
    path.write_text(text, "utf-8")
    return replace(found.wrong, repro=str(path))


def script(found: Found) -> str:
    """The text. Raises ValueError where a part of the graph has no source."""
    from g2.check.child.correct_rule import room
    from g2.rewrite.trial.tolerance import FACTOR

    graph = found.graph
    assert graph is not None
    code = graph.graph.python_code("self")
    dtypes = [value.dtype for value in found.inputs if isinstance(value, torch.Tensor) and value.is_floating_point()]
    ulps, floor = room(dtypes[0] if dtypes else torch.float32)
    where = "; ".join(f"{line.path}:{line.line}" for line in found.wrong.lines[:3])
    aten = any(isinstance(node.target, torch._ops.OpOverload) for node in graph.graph.nodes)
    what, place = found.wrong.op or "a graph", found.wrong.graph or "a compiled graph"
    title = f"{what} in {place}: {found.wrong.detail} ({where})"
    source = "\n".join(f"    {line}" if line else "" for line in code.src.splitlines()).replace("\n    \n", "\n\n")
    return _TEMPLATE.format(
        title=title.replace('"""', "'''").replace("\\", "/"),
        inputs=INPUTS,
        version=torch.__version__,
        imports="\n".join(_imports(code.globals, code.src)),
        config="\n".join(_config()),
        attributes=_attributes(graph),
        code=source,
        factor=FACTOR,
        ulps=ulps,
        floor=floor,
        compile=_ATEN if aten else _TORCH,
    )


def _imports(names: dict[str, Any], source: str) -> list[str]:
    found: list[str] = []
    for name, value in sorted(names.items()):
        if name in ("torch", "NoneType", "fx_pytree", "pytree") or f"{name}" not in source:
            continue
        if isinstance(value, types.ModuleType):
            found.append(f"import {value.__name__} as {name}")
        elif isinstance(value, float):
            found.append(f"from math import {name}")
        elif value is type(None):
            found.append(f"{name} = type(None)")
        elif getattr(value, "__module__", None) and getattr(value, "__qualname__", None):
            found.append(f"from {value.__module__} import {value.__qualname__} as {name}")
        else:
            raise ValueError(f"{name} in its code has no source")
    return found


def _config() -> list[str]:
    """Inductor's settings that are not at their defaults, but for those that are ours."""
    config: Any = importlib.import_module("torch._inductor.config")
    found: list[str] = []
    for line in str(config.codegen_config()).splitlines():
        name, _, value = line.removeprefix("torch._inductor.config.").partition(" = ")
        entry = getattr(config, "_config", {}).get(name)
        changed = entry is None or repr(entry.default) != value
        if line.startswith("torch._inductor.config.") and name not in _OURS and "<" not in line and changed:
            found.append(line)
    return found


def _attributes(graph: torch.fx.GraphModule) -> str:
    names = [str(node.target) for node in graph.graph.nodes if node.op == "get_attr"]
    if not names:
        return ""
    rows: list[str] = ["    def __init__(self):", "        super().__init__()"]
    for name in dict.fromkeys(names):
        value = getattr(graph, name, None)
        if not isinstance(value, torch.Tensor) or value.numel() > 64:
            raise ValueError(f"its attribute {name} cannot be written as source")
        rows.append(f"        self.{name} = torch.tensor({value.tolist()!r}, dtype={value.dtype})")
    return "\n".join(rows) + "\n\n"


def _saved(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        if type(value) not in (torch.Tensor, torch.nn.Parameter):
            raise TypeError(f"an input is a {type(value).__name__}")
        return value.detach()
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    if isinstance(value, torch.SymInt):
        return int(value)
    raise TypeError(f"an input is a {type(value).__name__}")



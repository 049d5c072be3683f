"""Is it wrong before Inductor has its graphs: in a decomposition, in AOTAutograd's tracing, in Dynamo's?

The call is traced once more without decompositions; each op that Inductor would decompose is then computed both ways
from the same values. Where these agree, the call is run with Dynamo's graphs op by op, then with AOTAutograd's.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx.node import map_arg
from torch.utils._pytree import tree_map

from g2.check.child.correct_judge import Verdict, verdict
from g2.check.child.correct_runs import How, Runs, Setting, prepared
from g2.check.child.locate_hooks import Record, cloned, copied
from g2.check.child.locate_lines import lines_of, op_of
from g2.check.child.locate_stages import Found
from g2.check.child.locate_values import Values, values_of, wrong
from g2.check.model import Worst, Wrong
from g2.rewrite.trial.subject import Case

_STAGES = (("eager", "Dynamo's tracing"), ("aot_eager", "AOTAutograd's tracing"))


def found(runs: Runs, case: Case, record: Record) -> Found | None:
    """record: of the compiled call."""
    traced = _Traced()
    with prepared(runs.moment, How.COMPILED, Setting(traced.backend, runs.mode)) as call:
        runs.observed(case, call)
    table = _decompositions()
    for graph, inputs, stream in traced.graphs:
        values = values_of(graph, inputs, stream)
        for node in graph.graph.nodes:
            decomposition = table.get(node.target)
            worst = _decomposed(node, decomposition, values) if decomposition is not None else None
            if worst is not None:
                detail = f"Inductor's decomposition of {op_of(node)} computes something else"
                return Found(Wrong(op=op_of(node), lines=lines_of([node]), worst=worst, detail=detail), *_whole(record))
    return _by_backend(runs, case, record)


def _by_backend(runs: Runs, case: Case, record: Record) -> Found | None:
    with prepared(runs.moment, How.EAGER, Setting()) as call:
        eager = runs.observed(case, call)
    if eager.raised is not None:
        return None
    torch.compiler.set_stance("default")
    for backend, what in _STAGES:
        with prepared(runs.moment, How.COMPILED, Setting(backend, runs.mode)) as call:
            one = runs.observed(case, call)
        seen: Verdict = verdict(eager, one)
        if seen.outcome == "differs":
            nodes = [node for made in record.graphs for node in made.graph.graph.nodes if node.op != "placeholder"]
            detail = f"{what} is wrong: with its graphs run op by op, {seen.detail}"
            graph = record.graphs[0].id if record.graphs else ""
            return Found(Wrong(graph=graph, lines=lines_of(nodes), worst=seen.worst, detail=detail))
    return None


class _Traced:
    """AOTAutograd's graphs without decompositions, with what they were run on."""

    def __init__(self) -> None:
        self.graphs: list[tuple[torch.fx.GraphModule, list[Any], torch.Tensor]] = []

    def backend(self, graph: torch.fx.GraphModule, inputs: Sequence[Any], **options: Any) -> Callable[..., Any]:
        common: Any = importlib.import_module("torch._dynamo.backends.common")
        boxed: Any = importlib.import_module("functorch.compile").make_boxed_func

        def compiler(module: torch.fx.GraphModule, _: Sequence[Any]) -> Any:
            kept = copied(module)

            def run(*args: Any) -> Any:
                self.graphs.append((kept, [cloned(arg) for arg in args], torch.get_rng_state()))
                return module.forward(*args)

            return boxed(run)

        found: Callable[..., Any] = common.aot_autograd(fw_compiler=compiler, bw_compiler=compiler)(graph, list(inputs))
        return found


def _decomposed(node: torch.fx.Node, decomposition: Callable[..., Any], values: Values) -> Worst | None:
    tags = getattr(node.target, "tags", ())
    if torch.Tag.nondeterministic_seeded in tags or getattr(node.target, "_schema", None) is None:
        return None
    if any(arg.name not in values.eager for arg in node.all_input_nodes):
        return None

    def given(value: Any) -> Any:
        return cloned(values.eager[value.name]) if isinstance(value, torch.fx.Node) else value

    try:
        with torch.no_grad():
            got = decomposition(*map_arg(node.args, given), **map_arg(node.kwargs, given))
    except Exception:  # it is for other arguments
        return None
    sides: list[list[Any]] = []
    for side in (values.eager.get(node.name), got, values.exact.get(node.name)):
        sides.append(list(side) if isinstance(side, (list, tuple)) else [side])
    exact = sides[2] if len(sides[2]) == len(sides[0]) else [None] * len(sides[0])
    for one, other, third in zip(sides[0], sides[1], exact, strict=False):
        worst = wrong(node.name, one, other, third)
        if worst is not None:
            return worst
    return None


def _whole(record: Record) -> tuple[torch.fx.GraphModule | None, tuple[Any, ...]]:
    made = record.graphs[0] if record.graphs else None
    if made is None or not made.runs:
        return None, ()
    return made.graph, tuple(tree_map(cloned, made.runs[0].inputs))


def _decompositions() -> dict[Any, Callable[..., Any]]:
    """Inductor's, by op."""
    module: Any = importlib.import_module("torch._inductor.decomposition")
    found: dict[Any, Callable[..., Any]] = module.select_decomp_table()
    return found

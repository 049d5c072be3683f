"""Which operators the script needs at each level, and how often: what a new backend must provide for it.

Levels: "torch" (the graph that Dynamo makes), "aten" (as AOTAutograd hands it on, forward and backward, nothing
decomposed), "core aten" (torch._decomp.core_aten_decompositions), "prims" (every decomposition that torch has, its
references with them), "inductor" (Inductor's own choice). An operator is undecomposed where it stays at a level
though it does not belong to it: without the tag `core`, outside of `prims`, or without a lowering in Inductor, which
then calls it.

Private torch used here (2.11 to 2.15): torch._decomp.decomposition_table, torch._inductor.decomposition's
select_decomp_table, torch._inductor.lowering's lowerings and fallbacks, torch._dynamo.backends.common.aot_autograd.
"""

from __future__ import annotations

import importlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch._ops import HigherOrderOperator, OpOverload

from g2.capture.codec import plain
from g2.check.asked import Asked
from g2.check.child.decomposed import Table, decomposed
from g2.check.child.moment import Moment, Tell
from g2.check.child.timing_call import Called
from g2.check.child.unwrapped import unwrapped
from g2.check.model import Operators

_CALLS = frozenset({"call_function", "call_method", "call_module"})
# Inductor's passes over the joint graph (fx_passes/replace_random.py) put prims.inductor_random in their place.
_DRAWN = ("aten.rand.", "aten.randn.", "aten.randint.", "aten.rand_like.", "aten.randn_like.")
_SILENT = frozenset({"getitem"})  # takes one of several outputs: no operator


@dataclass(slots=True)
class Graphs:
    """What the call was made of. captured: counts of Dynamo's graphs. aten: the others, with their inputs."""

    captured: Counter[str] = field(default_factory=Counter[str])
    aten: list[tuple[torch.fx.GraphModule, list[Any]]] = field(
        default_factory=list[tuple[torch.fx.GraphModule, list[Any]]]
    )


def work(moment: Moment, asked: Asked, folder: Path, tell: Tell) -> None:
    """Tell the levels, each on its own. Raises what the call raises as Dynamo compiles it."""
    begin = time.perf_counter()
    graphs = graphs_of(moment)
    tell({"e": "spent", "what": "compile", "s": round(time.perf_counter() - begin, 6)})
    if not graphs.captured:  # the kernels part says so
        return
    _tell(tell, Operators("torch", _sorted(graphs.captured)))
    for level, table, left in levels():
        begin = time.perf_counter()
        try:
            counts, undecomposed = at_level(graphs, table(), left)
        except Exception as error:  # an operator that cannot be traced so, or a name that this torch does not have
            text = (str(error).strip().splitlines() or [""])[0]
            tell({"e": "failed", "name": f"operators {level}", "why": f"{type(error).__name__}: {text[:300]}"})
            continue
        tell({"e": "spent", "what": "compile", "s": round(time.perf_counter() - begin, 6)})
        _tell(tell, Operators(level, _sorted(counts), tuple(sorted(undecomposed))))


def graphs_of(moment: Moment) -> Graphs:
    """Dynamo's graphs and AOTAutograd's of one call, backward ones with them where gradients flow."""
    graphs = Graphs()
    called = Called(moment, time.perf_counter)
    run = moment.compiled(_compiler(graphs))
    called.make(run)
    return graphs


def levels() -> tuple[tuple[str, Callable[[], Table | None], Callable[[Any], bool]], ...]:
    """(name, its decompositions or None for those of "aten", whether an operator has no business at the level)."""
    return (
        ("aten", lambda: None, lambda op: False),
        ("core aten", lambda: dict(_of("torch._decomp", "core_aten_decompositions")()), _is_not_core),
        ("prims", lambda: dict(_of("torch._decomp", "decomposition_table")), _is_no_prim),
        ("inductor", _inductors, _is_not_lowered),
    )


def _inductors() -> Table:
    importlib.import_module("torch._inductor.lowering")  # some of its decompositions ask there, and do not import it
    return dict(_of("torch._inductor.decomposition", "select_decomp_table")())


def at_level(graphs: Graphs, table: Table | None, left: Callable[[Any], bool]) -> tuple[Counter[str], set[str]]:
    """How often each operator stands in the graphs once decomposed by `table`, and those that do not belong there."""
    counts: Counter[str] = Counter()
    undecomposed: set[str] = set()
    for module, inputs in graphs.aten:
        traced = module if table is None else decomposed(module, inputs, table)
        for target in _targets(traced):
            counts[name_of(target)] += 1
            if left(target):
                undecomposed.add(name_of(target))
    return counts, undecomposed


def name_of(target: Any) -> str:
    """ "aten.add.Tensor", "flex_attention", "torch.nn.functional.gelu", "Tensor.view", "nn.Linear"."""
    if isinstance(target, OpOverload):
        return str(target)
    if isinstance(target, HigherOrderOperator):
        return str(target._name)
    if isinstance(target, str):
        return f"Tensor.{target}"
    if isinstance(target, torch.nn.Module):
        return f"nn.{type(target).__name__}"
    name = getattr(target, "__name__", "") or type(target).__name__
    room = getattr(target, "__module__", "") or ""
    room = {"_operator": "operator", "torch._C._nn": "torch.nn.functional", "builtins": ""}.get(room, room)
    if not room and getattr(torch, name, None) is target:
        room = "torch"
    return f"{room}.{name}" if room else name


def _compiler(graphs: Graphs) -> Callable[..., Any]:
    aot_autograd: Any = _of("torch._dynamo.backends.common", "aot_autograd")
    boxed: Any = _of("functorch.compile", "make_boxed_func")

    def keep(module: torch.fx.GraphModule, inputs: Sequence[Any]) -> Any:
        graphs.aten.append((module, list(inputs)))
        return boxed(lambda *args: module.forward(*unwrapped(args)))

    def compiler(module: torch.fx.GraphModule, inputs: Sequence[Any], **_options: Any) -> Any:
        graphs.captured.update(name_of(target) for target in _targets(module))
        return aot_autograd(fw_compiler=keep, bw_compiler=keep, decompositions={})(module, list(inputs))

    return compiler


def _targets(module: torch.fx.GraphModule) -> list[Any]:
    """What every node calls, in the bodies of higher-order operators too."""
    found: list[Any] = []
    for held in module.modules():
        if not isinstance(held, torch.fx.GraphModule):
            continue
        for node in held.graph.nodes:
            if node.op not in _CALLS:
                continue
            target = held.get_submodule(str(node.target)) if node.op == "call_module" else node.target
            if getattr(target, "__name__", "") not in _SILENT and not isinstance(target, torch.fx.GraphModule):
                found.append(target)
    return found


def _is_not_core(target: Any) -> bool:
    if isinstance(target, OpOverload):
        return (target.namespace == "aten" and torch.Tag.core not in target.tags) or target.namespace not in (
            "aten",
            "prims",
        )
    return isinstance(target, HigherOrderOperator)


def _is_no_prim(target: Any) -> bool:
    if isinstance(target, OpOverload):
        return target.namespace != "prims" and not _of_sizes(target)
    return isinstance(target, HigherOrderOperator)


def _is_not_lowered(target: Any) -> bool:
    lowerings, fallbacks = _of("torch._inductor.lowering", "lowerings"), _of("torch._inductor.lowering", "fallbacks")
    if isinstance(target, OpOverload):
        if str(target).startswith(_DRAWN):
            return False
        packet = target.overloadpacket
        known = target in lowerings or packet in lowerings
        return not _of_sizes(target) and (not known or target in fallbacks or packet in fallbacks)
    return isinstance(target, HigherOrderOperator) and target not in lowerings


def _of_sizes(target: OpOverload) -> bool:
    """Asks for a size or a stride: a backend computes nothing for it."""
    return str(target).startswith(("aten.sym_", "aten._assert", "aten.is_"))


def _of(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _sorted(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _tell(tell: Tell, one: Operators) -> None:
    tell({"e": "operators", "operators": plain(one)})

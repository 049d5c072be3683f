"""What is kept of a graph beside its modules: its nodes with their lines, and reference values of a run on the CPU."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
import torch.utils._pytree as pytree

from g2.check.child import graphs, lines, reference
from g2.check.child import random as streams
from g2.check.child.graphs import INPUTS, Recorded
from g2.check.child.provenance import op_of
from g2.check.child.reference import Reference

GRAPH, VALUES, MODULE, KERNELS = "graph.json", "values.pt", "module.py", "kernels.json"
TEXT, CONSTANTS = "graph.py", "constants.pt"  # the plan as FX writes it, on the CPU, and the tensors that it holds


def describe(recorded: Recorded) -> None:
    """Write graph.json. Raises OSError when the disk is full."""
    nodes = [_node(node, recorded) for node in recorded.module.graph.nodes if node.op == "call_function"]
    data = {
        "id": recorded.id, "kind": recorded.kind, "nodes": nodes, "values": recorded.values, "why": recorded.why,
        "written": graphs.written(recorded.module), "random": reference.is_random(recorded.module),
        "seed": streams.SEED,
    }  # fmt: skip
    recorded.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (recorded.folder / GRAPH).write_text(json.dumps(data), "utf-8")


def _node(node: torch.fx.Node, recorded: Recorded) -> dict[str, Any]:
    where = lines.of_node(node) or recorded.line
    told = [[one.path, one.line, one.function] for one in where]
    return {"name": node.name, "op": op_of(node), "lines": told, **_form(node.meta.get("val"))}


def _form(value: Any) -> dict[str, Any]:
    if not isinstance(value, torch.Tensor):
        return {"shape": None, "dtype": ""}
    return {"shape": [one if type(one) is int else str(one) for one in value.shape], "dtype": str(value.dtype)}


def values(recorded: Recorded, folder: Path, graph: torch.fx.GraphModule, wanted: frozenset[str]) -> str:
    """Reference values of a post-grad graph, in the graph's own folder for the first target, in the target's where its
    graph is another one. Why there are none, or not all of them; empty where there are.
    """
    text = graph.code + ",".join(sorted(wanted))
    mark = recorded.folder / "values.sha256"
    key = hashlib.sha256(text.encode()).hexdigest()
    if not mark.exists():
        place = recorded.folder
    elif mark.read_text() == key:
        return ""
    else:
        place = folder
    here = on_cpu(graph)
    (place / TEXT).write_text(here.code, "utf-8")
    held = dict([*recorded.module.named_buffers(), *recorded.module.named_parameters()])  # the plan's own are fake
    if held:
        torch.save({name: value.detach() for name, value in held.items()}, place / CONSTANTS)
    running = Reference(here, wanted)
    try:
        _run(running, recorded)
    except Exception as error:
        return f"the plan could not be run on the CPU: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
    torch.save(running.values, place / VALUES)
    if place == recorded.folder:
        mark.write_text(key)
    return f"only {reference.MOST >> 30} GiB of values were kept" if running.left_out else ""


def _run(running: Reference, recorded: Recorded) -> None:
    inputs = torch.load(recorded.folder / INPUTS, weights_only=True)
    torch.manual_seed(streams.SEED)
    with torch.no_grad():
        running.run(*inputs)


def on_cpu(graph: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """A copy whose device arguments are the CPU."""
    made = graphs.copied(graph)
    for module in graphs.nested(made):
        for node in module.graph.nodes:
            node.args, node.kwargs = pytree.tree_map(
                lambda one: torch.device("cpu") if isinstance(one, torch.device) else one,
                (node.args, dict(node.kwargs)),
            )
        module.recompile()
    return made

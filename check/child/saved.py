"""What is kept of a graph beside its modules: its nodes with their lines, and reference values of a run on the CPU."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
import torch.utils._pytree as pytree

from g2.check.child import graphs, lines
from g2.check.child import random as streams
from g2.check.child.graphs import INPUTS, OUTPUTS, WRITTEN, Recorded
from g2.check.child.provenance import op_of

GRAPH, VALUES, MODULE, KERNELS = "graph.json", "values.pt", "module.py", "kernels.json"
_MOST = 1 << 30  # bytes of reference values of one graph


def describe(recorded: Recorded) -> None:
    """Write graph.json. Raises OSError when the disk is full."""
    nodes = [
        {
            "name": node.name, "op": op_of(node), "lines": [[one.path, one.line, one.function] for one in lines.of_node(node)],
            **_form(node.meta.get("val")),
        }
        for node in recorded.module.graph.nodes
        if node.op == "call_function"
    ]  # fmt: skip
    data = {
        "id": recorded.id, "kind": recorded.kind, "nodes": nodes, "values": recorded.values, "why": recorded.why,
        "written": graphs.written(recorded.module), "random": False, "seed": streams.SEED,
    }  # fmt: skip
    recorded.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (recorded.folder / GRAPH).write_text(json.dumps(data), "utf-8")


def _form(value: Any) -> dict[str, Any]:
    if not isinstance(value, torch.Tensor):
        return {"shape": None, "dtype": ""}
    return {"shape": [str(one) if not isinstance(one, int) else one for one in value.shape], "dtype": str(value.dtype)}


class Reference(torch.fx.Interpreter):
    """Runs a graph on the CPU with Inductor's random streams, and keeps values by the names of nodes."""

    def __init__(self, graph: torch.fx.GraphModule, wanted: frozenset[str] = frozenset()) -> None:
        super().__init__(graph)
        self.values: dict[str, torch.Tensor] = {}
        self.left_out = False
        self._wanted = wanted
        self._room = _MOST
        self._instead = streams.stand_ins()

    def run_node(self, n: torch.fx.Node) -> Any:
        value = super().run_node(n)
        if n.name in self._wanted and isinstance(value, torch.Tensor):
            size = value.numel() * value.element_size()
            if size > self._room:
                self.left_out = True
            else:
                self._room -= size
                self.values[n.name] = graphs.alone(value)  # a later node may write into it
        return value

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        return super().call_function(self._instead.get(target, target), args, kwargs)


def is_random(graph: torch.fx.GraphModule) -> bool:
    """Whether it draws from Inductor's own streams."""
    known = streams.stand_ins()
    return any(node.op == "call_function" and node.target in known for node in graph.graph.nodes)


def outputs_again(recorded: Recorded, joint: torch.fx.GraphModule) -> None:
    """Outputs of a graph with dropout and the like, drawn from the streams that its kernels will draw from."""
    again = _run(Reference(joint), recorded)
    graphs.save(recorded.folder / OUTPUTS, list(again[0]), _MOST)
    if again[1]:
        graphs.save(recorded.folder / WRITTEN, again[1], _MOST)
    path = recorded.folder / GRAPH
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "random": True}), "utf-8")


def values(recorded: Recorded, folder: Path, graph: torch.fx.GraphModule, wanted: frozenset[str]) -> str:
    """Reference values of a post-grad graph, in the graph's own folder for the first target, in the target's where its graph
    is another one. Why there are none, or not all of them; empty where there are.
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
    reference = Reference(on_cpu(graph), wanted)
    try:
        _run(reference, recorded)
    except Exception as error:
        return f"the plan could not be run on the CPU: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
    torch.save(reference.values, place / VALUES)
    if place == recorded.folder:
        mark.write_text(key)
    return f"only {_MOST >> 30} GiB of values were kept" if reference.left_out else ""


def _run(reference: Reference, recorded: Recorded) -> tuple[Any, dict[int, Any]]:
    inputs = torch.load(recorded.folder / INPUTS, weights_only=True)
    torch.manual_seed(streams.SEED)
    with torch.no_grad():
        outputs = reference.run(*inputs)
    return outputs, {at: inputs[at] for at in graphs.written(recorded.module)}


def on_cpu(graph: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """A copy whose device arguments are the CPU."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        made = torch.fx.GraphModule(graph, copy.deepcopy(graph.graph))
    for node in made.graph.nodes:
        node.args, node.kwargs = pytree.tree_map(
            lambda one: torch.device("cpu") if isinstance(one, torch.device) else one, (node.args, dict(node.kwargs))
        )
    made.recompile()
    return made

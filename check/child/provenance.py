"""From Inductor's scheduler and the module that it wrote to Kernels: lines, ATen ops, launches, bytes.

Private torch (2.11 to 2.15): codegen.triton.TritonScheduling.define_kernel, GraphLowering.scheduler.nodes,
IR nodes' origins and get_origin_node, CachingAutotuner._interpret_args_grid.
"""

from __future__ import annotations

import contextlib
import importlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from g2.check.child import lines, traffic, wrapper
from g2.check.child.buffers import nodes_of_buffers
from g2.check.child.lower import Planned
from g2.check.child.traffic import Moved
from g2.check.model import Kernel, Line


@dataclass(slots=True)
class Work:
    """One launch: the scheduler's nodes that it computes, and the FX nodes that these come from."""

    kernel: str
    kind: str
    nodes: list[Any] = field(default_factory=list[Any])
    origins: list[torch.fx.Node] = field(default_factory=list[torch.fx.Node])
    moved: Moved = field(default_factory=Moved)
    dtype: str = ""
    graph: Any = None  # Inductor's GraphLowering that has the nodes: a branch of torch.cond has one of its own


@dataclass(frozen=True, slots=True)
class Traced:
    """kernels: in order of their first launch. buffers: name -> post-grad node. calls: as kernels.json holds them."""

    kernels: tuple[Kernel, ...]
    buffers: dict[str, str]
    calls: list[dict[str, Any]]


@contextlib.contextmanager
def watching(made: Planned) -> Iterator[None]:
    """While Inductor works: which nodes go into each Triton kernel that it defines, and what they move."""
    triton: Any = importlib.import_module("torch._inductor.codegen.triton")
    virtualized: Any = importlib.import_module("torch._inductor.virtualized")
    real = triton.TritonScheduling.define_kernel

    def define(self: Any, source: str, schedule: Any, *rest: Any, **more: Any) -> str:
        name: str = real(self, source, schedule, *rest, **more)
        nodes = [leaf for one in schedule for leaf in _leaves(one)]
        made.kernels.append(Work(name, "triton", nodes, graph=virtualized.V.graph))
        return name

    triton.TritonScheduling.define_kernel = define
    try:
        yield
    finally:
        triton.TritonScheduling.define_kernel = real


def trace(made: Planned, otherwise: tuple[Line, ...] = ()) -> Traced:
    """otherwise: the line of what has none of its own. Raises SyntaxError when the module is no Python."""
    module = wrapper.read(made.module)
    virtualized: Any = importlib.import_module("torch._inductor.virtualized")
    with virtualized.V.set_graph_handler(made.lowering):
        works = _works(made, module)
    for work in works:
        work.origins = _origins(work)
        graph = made.lowering if work.graph is None else work.graph
        with virtualized.V.set_graph_handler(graph):
            if work.kind != "library":
                work.moved, work.dtype = traffic.of_nodes(graph, work.nodes)
            elif work.origins:
                work.moved, work.dtype = traffic.of_call(work.origins[0])
    grids = _grids(module)
    names = _named(works)
    kernels = _merged(works, names, grids, otherwise)
    buffers = nodes_of_buffers(made.lowering)
    calls = [_call(launch, work, name) for launch, work, name in zip(module.launches, works, names, strict=True)]
    return Traced(kernels, buffers, calls)


def _works(made: Planned, module: wrapper.Module) -> list[Work]:
    """One for each launch of the module: the k-th of a Triton kernel is the k-th schedule that it was defined for."""
    waiting: dict[str, list[Work]] = defaultdict(list)
    for work in made.kernels:
        waiting[work.kernel].append(work)
    libraries = _Libraries([made.lowering, *(work.graph for work in made.kernels)])
    found = []
    for launch in module.launches:
        if launch.kind == "triton":
            known = waiting[launch.kernel]
            first = known.pop(0) if len(known) > 1 else known[0] if known else Work(launch.kernel, "triton")
            found.append(Work(first.kernel, "triton", first.nodes, graph=first.graph))
        else:
            nodes = libraries.take(launch) if launch.kind == "library" else libraries.making(launch.args)
            found.append(Work(launch.kernel, launch.kind, nodes))
    return found


class _Libraries:
    """Scheduler nodes of calls that are not generated, found by the buffer each makes or, failing that, by turn."""

    def __init__(self, graphs: list[Any]) -> None:
        different = {id(graph): graph for graph in graphs}.values()
        leaves = [leaf for graph in different for one in graph.scheduler.nodes for leaf in _leaves(one)]
        self._all = leaves
        self._waiting = [one for one in leaves if _is_call(one)]
        self._by_buffer = {name: one for one in self._waiting for name in _outputs(one)}

    def making(self, names: Iterable[object]) -> list[Any]:
        """Those that make one of the buffers: what a kernel for the CPU computes, which is generated elsewhere."""
        known = set(names)
        return [one for one in self._all if known.intersection(_outputs(one))]

    def take(self, launch: wrapper.Launch) -> list[Any]:
        names = [*launch.made, *(one for one in launch.args if isinstance(one, str))]
        node = next(
            (self._by_buffer[name] for name in names[: max(len(launch.made), 1)] if name in self._by_buffer), None
        )
        if node is None:
            named = [
                one
                for one in self._waiting
                if _kernel_name(one) in (launch.kernel, launch.kernel.replace("torch.ops.", ""))
            ]
            node = named[0] if named else None
        if node is None:
            return []
        if node in self._waiting:
            self._waiting.remove(node)
        return [node]


def _is_call(node: Any) -> bool:
    return type(node).__name__ == "ExternKernelSchedulerNode" and type(node.node).__name__ != "MultiOutput"


def _kernel_name(node: Any) -> str:
    named: Any = getattr(node.node, "python_kernel_name", None)
    return str(named or getattr(node.node, "op_overload", ""))


def _outputs(node: Any) -> list[str]:
    names = [str(one.get_name()) for one in node.get_outputs()]
    ir = node.node
    with contextlib.suppress(Exception):  # an operation that writes into what it is given names it nowhere else
        names += [str(name) for name in ir.get_mutation_names()]
    return names


def _leaves(node: Any) -> list[Any]:
    """The scheduler's nodes inside one; nothing for the marks of loops between them."""
    if isinstance(node, type) or not hasattr(node, "read_writes"):
        return []
    inner = node.get_nodes() if hasattr(node, "get_nodes") else [node]
    if len(inner) == 1 and inner[0] is node:
        return [node]
    return [leaf for one in inner for leaf in _leaves(one)]


def _origins(work: Work) -> list[torch.fx.Node]:
    """The FX nodes that a launch computes; what it is named after stands first."""
    found: dict[torch.fx.Node, None] = {}
    for node in work.nodes:
        ir = node.node
        if ir is None:
            continue
        with contextlib.suppress(Exception):
            first = ir.get_origin_node()
            if first is not None:
                found[first] = None
        own: Callable[[], Iterable[torch.fx.Node]] | None = getattr(ir, "get_origins", None)
        origins = list(own()) if own is not None else list(getattr(ir, "origins", ()))
        data = getattr(ir, "data", None)
        origins += list(getattr(data, "origins", ()))
        found |= dict.fromkeys(sorted(origins, key=_place))
    if work.kind == "library":  # its IR also names what its inputs come from
        called = [one for one in found if _matches(one, work.kernel)]
        return called[:1] or list(found)[:1]
    return list(found)


def _place(node: torch.fx.Node) -> tuple[str, str]:
    return str(node.target), node.name


def _matches(node: torch.fx.Node, kernel: str) -> bool:
    packet = getattr(node.target, "overloadpacket", None)
    return packet is not None and str(packet).rpartition(".")[2].strip("_") in kernel


def op_of(node: torch.fx.Node) -> str:
    """ "aten.gelu.default"; of a node that decomposition made, what it was made from is in its meta."""
    return (
        str(node.target)
        if isinstance(node.target, torch._ops.OpOverload)
        else getattr(node.target, "__name__", str(node.target))
    )


def _ops(nodes: list[torch.fx.Node]) -> tuple[str, ...]:
    found = []
    for node in nodes:
        if node.op != "call_function":
            continue
        original = node.meta.get("original_aten")
        found.append(str(original) if isinstance(original, torch._ops.OpOverload) else op_of(node))
    return tuple(sorted(set(found)))


def _named(works: list[Work]) -> list[str]:
    """Triton kernels keep their names. Library calls are told apart by what they compute: the second kind gets #2."""
    kinds: dict[str, list[object]] = defaultdict(list)
    names = []
    for work in works:
        if work.kind != "library":
            names.append(work.kernel)
            continue
        what = (lines.of_nodes(work.origins), _ops(work.origins), work.dtype)
        known = kinds[work.kernel]
        if what not in known:
            known.append(what)
        at = known.index(what)
        names.append(f"{work.kernel}#{at + 1}" if at else work.kernel)
    return names


def _merged(
    works: list[Work], names: list[str], grids: dict[str, tuple[int, ...]], otherwise: tuple[Line, ...]
) -> tuple[Kernel, ...]:
    groups: dict[str, list[Work]] = defaultdict(list)
    for work, name in zip(works, names, strict=True):
        groups[name].append(work)
    kernels = []
    for name, group in groups.items():
        origins = list(dict.fromkeys(node for work in group for node in work.origins))
        where: tuple[Line, ...] = lines.of_nodes(origins) or otherwise
        kernels.append(
            Kernel(
                name, group[0].kind, where, _ops(origins), len(group), grids.get(name, ()),
                sum(work.moved.read for work in group), sum(work.moved.written for work in group),
                sum(work.moved.flops for work in group), group[0].dtype,
            )
        )  # fmt: skip
    return tuple(kernels)


def _call(launch: wrapper.Launch, work: Work, name: str) -> dict[str, Any]:
    reads, writes = traffic.names(work.nodes)
    return {
        "kernel": name, "kind": launch.kind, "args": list(launch.args), "made": list(launch.made), "line": launch.line,
        "reads": reads, "writes": writes, "nodes": [node.name for node in work.origins],
    }  # fmt: skip


def _grids(module: wrapper.Module) -> dict[str, tuple[int, ...]]:
    """Of the first launch of each Triton kernel, for the first of the configurations that a GPU would try."""
    codecache: Any = importlib.import_module("torch._inductor.codecache")
    found: dict[str, tuple[int, ...]] = {}
    for launch in module.launches:
        if launch.kind != "triton" or launch.kernel in found or launch.kernel not in module.sources:
            continue
        with contextlib.suppress(Exception):  # a grid that only the launch itself knows is left empty
            loaded = codecache.PyCodeCache.load(module.sources[launch.kernel])
            kernel = getattr(loaded, "triton_", None) or getattr(loaded, launch.kernel)
            _, grid = kernel._interpret_args_grid(launch.args, kernel.configs[0])
            found[launch.kernel] = tuple(int(one) for one in grid)
    return found

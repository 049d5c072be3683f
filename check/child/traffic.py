"""Bytes that are read and written, and floating-point operations, of a kernel, of a graph, and of eager.

Of a generated kernel, from Inductor's own dependencies of each scheduler node: a buffer counts once per kernel, only
the elements that are touched, never the padding, and not what lives in registers only. Gathers count as many elements
as are gathered, at most the whole. A kernel that loops over an input twice reads it once from memory here: the second
time it may come from the cache. Of a library call: the tensors of its ATen op, each once.

FLOPs of matmuls, convolutions and attention are those of torch.utils.flop_counter; of generated kernels, one for each
arithmetic operation on each element (comparisons, selections and casts are none), whatever it costs.

Private torch (2.11 to 2.15): scheduler nodes' read_writes and _body, dependencies.MemoryDep, torch.utils.flop_counter's
registry.
"""

from __future__ import annotations

import importlib
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.utils._pytree as pytree

# Names of Inductor's ops that are no arithmetic on floating-point numbers.
_NO_WORK = frozenset(
    (
        "load", "store", "store_reduction", "constant", "index_expr", "get_index", "to_dtype", "to_dtype_bitcast",
        "where", "masked", "output", "indirect_indexing", "set_indirect", "check_bounds", "load_seed", "eq", "ne", "lt",
        "le", "gt", "ge", "logical_and", "logical_or", "logical_not", "bitwise_and", "bitwise_or", "bitwise_not",
        "identity", "isnan", "isinf", "partial_accumulate", "device_assert_async", "bucketize", "frexp", "signbit",
        "scan", "sort", "inline_asm_elementwise",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes and operations of one launch."""

    read: int = 0
    written: int = 0
    flops: int = 0


def size_of(value: Any) -> int:
    """Bytes of a tensor's own elements; those that it repeats (stride 0) count once."""
    if not isinstance(value, torch.Tensor):
        return 0
    sizes = [
        hint(size) for size, step in zip(value.shape, value.stride(), strict=True) if hint(step) != 0 or hint(size) == 0
    ]
    return math.prod(sizes) * value.element_size()


def hint(size: Any) -> int:
    """A size as a number, also where it is a symbol; 1 where nothing is known of it."""
    if isinstance(size, int):
        return size
    node = getattr(size, "node", None)
    known = getattr(node, "hint", None)
    return int(known) if known is not None else 1


def names(nodes: Iterable[Any]) -> tuple[list[str], list[str]]:
    """The buffers that scheduler nodes read from outside, and those that they write."""
    nodes = list(nodes)
    written = {dep.name: None for node in nodes for dep in node.read_writes.writes}
    read = {dep.name: None for node in nodes for dep in node.read_writes.reads if dep.name not in written}
    return sorted(read), sorted(written)


def of_nodes(lowering: Any, nodes: list[Any]) -> tuple[Moved, str]:
    """What a generated kernel of these scheduler nodes moves, and the dtype of its arithmetic.

    To be called while `lowering` is Inductor's current graph.
    """
    gone = {*lowering.removed_buffers, *lowering.inplaced_to_remove}
    own = {dep.name for node in nodes for dep in node.read_writes.writes}
    read: Counter[str] = Counter()
    written: Counter[str] = Counter()
    flops = 0
    dtypes: set[torch.dtype] = set()
    for node in nodes:
        count = _elements(node)
        for dep in node.read_writes.reads:
            dtypes.add(_dtype(lowering, dep.name))
            if dep.name not in own and dep.name not in gone:
                read[dep.name] += _touched(lowering, dep, count)
        for dep in node.read_writes.writes:
            dtypes.add(_dtype(lowering, dep.name))
            if dep.name in lowering.removed_buffers:
                continue
            touched = _touched(lowering, dep, count)
            written[dep.name] += touched
            if getattr(dep, "mode", None) == "atomic_add":
                read[dep.name] += touched
        flops += count * _operations(node)
    moved = Moved(
        sum(min(size, _whole(lowering, name)) for name, size in read.items()),
        sum(min(size, _whole(lowering, name)) for name, size in written.items()),
        flops,
    )
    return moved, _arithmetic(dtypes)


def _arithmetic(dtypes: set[torch.dtype]) -> str:
    """Inductor computes in float32 whatever is narrower."""
    if torch.float64 in dtypes:
        return "float64"
    if any(one.is_floating_point for one in dtypes):
        return "float32"
    return max((str(one).removeprefix("torch.") for one in dtypes), default="")


def _number(value: Any) -> int:
    """A sympy expression of sizes as a number."""
    virtualized: Any = importlib.import_module("torch._inductor.virtualized")
    sizes = virtualized.V.graph.sizevars
    known = getattr(sizes, "optimization_hint", None) or sizes.size_hint
    return int(known(value, fallback=1))


def _elements(node: Any) -> int:
    ranges = getattr(node, "get_ranges", None)
    if ranges is None:
        return 0
    return math.prod(_number(size) for group in ranges() for size in group)


def _dtype(lowering: Any, name: str) -> torch.dtype:
    try:
        found: torch.dtype = lowering.get_dtype(name)
    except (KeyError, NotImplementedError):
        return torch.uint8
    return found


def _whole(lowering: Any, name: str) -> int:
    try:
        numel: Any = lowering.get_numel(name)
    except (KeyError, NotImplementedError):  # a bundle of several outputs has no size; each output has its own
        return 0
    return _number(numel) * int(_dtype(lowering, name).itemsize)


def _touched(lowering: Any, dep: Any, elements: int) -> int:
    """Bytes of a buffer that one dependency reaches."""
    width = int(_dtype(lowering, dep.name).itemsize)
    if type(dep).__name__ != "MemoryDep":  # StarDep, WeakDep: the whole buffer
        return _whole(lowering, dep.name)
    if dep.is_indirect():
        return elements * width
    return _number(dep.get_numel()) * width


def _operations(node: Any) -> int:
    """Arithmetic operations for one element."""
    body = getattr(node, "_body", None)
    if body is None:
        return 0
    blocks = [body.root_block, *body.subblocks.values()]
    return sum(one.op == "call_method" and one.target not in _NO_WORK for block in blocks for one in block.graph.nodes)


def of_call(node: torch.fx.Node) -> tuple[Moved, str]:
    """What an ATen op that is called as it is moves, and the dtype it works in."""
    args, kwargs = _values(node)
    out = node.meta.get("val")
    read, written = moved_by(node.target, args, kwargs, out)
    tensors = [one for one in pytree.tree_leaves(out) if isinstance(one, torch.Tensor)]
    dtype = str(tensors[0].dtype).removeprefix("torch.") if tensors else ""
    return Moved(read, written, flops_of(node.target, args, kwargs, out)), dtype


def _values(node: torch.fx.Node) -> tuple[Any, Any]:
    found: tuple[Any, Any] = pytree.tree_map(
        lambda one: one.meta.get("val") if isinstance(one, torch.fx.Node) else one, (node.args, dict(node.kwargs))
    )
    return found


def flops_of(target: Any, args: Any, kwargs: Any, out: Any) -> int:
    """By torch.utils.flop_counter; 0 where it has no formula."""
    counter: Any = importlib.import_module("torch.utils.flop_counter")
    formula = counter.flop_registry.get(getattr(target, "overloadpacket", target))
    if formula is None:
        return 0
    try:
        return hint(formula(*args, **kwargs, out_val=out))
    except Exception:  # a formula that does not know these arguments counts nothing
        return 0


def moved_by(target: Any, args: Any, kwargs: Any, out: Any) -> tuple[int, int]:
    """Bytes that one ATen op reads and writes when it is run alone. Views and allocations move nothing."""
    schema = getattr(target, "_schema", None)
    name = getattr(schema, "name", "")
    if schema is None or name.startswith(("aten::empty", "aten::new_empty", "aten::detach", "prim::")):
        return 0, 0
    if getattr(target, "is_view", False) or name in ("aten::_unsafe_view", "aten::_reshape_alias", "aten::lift_fresh"):
        return 0, 0
    written = {id(one): one for one in pytree.tree_leaves(out) if isinstance(one, torch.Tensor)}
    given = [*zip(schema.arguments, args, strict=False)]
    given += [(one, kwargs[one.name]) for one in schema.arguments if one.name in kwargs]
    read: dict[int, torch.Tensor] = {}
    for argument, value in given:
        tensors = [one for one in pytree.tree_leaves(value) if isinstance(one, torch.Tensor)]
        writes = argument.alias_info is not None and argument.alias_info.is_write
        for one in tensors:
            if writes:
                written[id(one)] = one
            if not writes or not argument.name.startswith("out"):
                read[id(one)] = one
    if name in ("aten::copy_", "aten::fill_", "aten::zero_") and args:
        read.pop(id(args[0]), None)
    reads = sum(size_of(one) for one in read.values())
    writes_of = sum(size_of(one) for one in written.values())
    if name in GATHERS and args and isinstance(args[0], torch.Tensor):
        reads += min(writes_of, size_of(args[0])) - size_of(args[0])
    return reads, writes_of


GATHERS = frozenset(("aten::embedding", "aten::index", "aten::index_select", "aten::gather", "aten::take"))


def needed(graph: torch.fx.GraphModule) -> int:
    """Inputs read once, as far as they are read, and outputs written once."""
    total = 0
    for node in graph.graph.find_nodes(op="placeholder"):
        if not node.users:
            continue
        whole = size_of(node.meta.get("val"))
        users = [one for one in node.users if one.op == "call_function"]
        if users and all(_gathers(one, node) for one in users):
            whole = min(whole, sum(size_of(one.meta.get("val")) for one in users))
        total += whole
    (output,) = graph.graph.find_nodes(op="output")
    made = {
        one for one in pytree.tree_leaves(output.args) if isinstance(one, torch.fx.Node) and one.op != "placeholder"
    }
    return total + sum(size_of(one.meta.get("val")) for one in made)


def _gathers(user: torch.fx.Node, node: torch.fx.Node) -> bool:
    schema = getattr(user.target, "_schema", None)
    return schema is not None and schema.name in GATHERS and user.args[:1] == (node,)

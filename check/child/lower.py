"""An ATen graph and a target -> the module that Inductor writes for it, with all its Triton kernels.

Done in a fork that ends afterwards: this process is told of a GPU that is not there (absent/here.py).

Devices are swapped in the ATen graph, in arguments and in the fake values of nodes: after AOTAutograd, because autograd
on fake tensors of a device without a backend ends the process, and after the joint passes, which fold constants with
real tensors. Then compile_fx_inner plans and writes.

Private torch (2.11 to 2.15): torch._inductor.compile_fx.compile_fx_inner, graph.GraphLowering.save_output_code,
torch._guards.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch._guards import TracingContext, detect_fake_mode, tracing
from torch._subclasses.fake_tensor import FakeTensorMode

from g2.check.child import graphs
from g2.check.child.graphs import Recorded


class Written(BaseException):
    """Inductor has written the module. Nothing needs to be loaded after that, and no handler is to stop it."""


@dataclass(slots=True)
class Planned:
    """What Inductor made. lowering: its GraphLowering; graph: the post-grad graph that it lowered."""

    module: str = ""
    lowering: Any = None
    graph: torch.fx.GraphModule | None = None
    kernels: list[Any] = field(default_factory=list[Any])
    seconds: float = 0.0


@dataclass(slots=True)
class Stopped(Exception):
    """It cannot be brought there: the op, and why."""

    op: str
    why: str

    def __str__(self) -> str:
        return f"{self.op}: {self.why}" if self.op else self.why


def static(recorded: Recorded) -> tuple[torch.fx.GraphModule, list[Any]]:
    """The graph and its examples; where sizes are symbols, traced again with those of its first run."""
    graph, examples = recorded.module, recorded.examples
    if not any(isinstance(one, torch.SymInt) for value in _all_values(graph) for one in _sizes(value)):
        return graph, examples
    if not recorded.shapes:
        raise Stopped("", f"its sizes are symbols, and {recorded.why}")
    symbolic: Any = importlib.import_module("torch.fx.experimental.symbolic_shapes")
    proxies: Any = importlib.import_module("torch.fx.experimental.proxy_tensor")
    traceback: Any = importlib.import_module("torch.fx.traceback")
    mode = FakeTensorMode(shape_env=symbolic.ShapeEnv(), allow_non_fake_inputs=True)
    with mode:
        given = [
            torch.empty_strided(one.shape, one.stride(), dtype=one.dtype, device="cpu")
            if isinstance(one, torch.Tensor)
            else one
            for one in recorded.shapes
        ]
    with mode, traceback.preserve_node_meta():
        again = proxies.make_fx(torch.fx.Interpreter(graph).run, tracing_mode="real", pre_dispatch=False)(*given)
    for old, new in zip(
        graph.graph.find_nodes(op="placeholder"), again.graph.find_nodes(op="placeholder"), strict=True
    ):
        new.meta.update({key: value for key, value in old.meta.items() if key not in ("val", "tensor_meta")})
    return again, given


def sized_by_values(graph: torch.fx.GraphModule) -> bool:
    """Whether sizes in it come from values of tensors: no number is known for them, and bytes count them as 1."""
    sizes = [one for value in _all_values(graph) for one in _sizes(value) if isinstance(one, torch.SymInt)]
    return any(getattr(one.node, "hint", None) is None for one in sizes)


def _all_values(graph: torch.fx.GraphModule) -> list[Any]:
    return [one for node in graph.graph.nodes for one in pytree.tree_leaves(node.meta.get("val"))]


def _sizes(value: Any) -> list[Any]:
    return [*value.shape, *value.stride()] if isinstance(value, torch.Tensor) else [value]


def swapped(
    graph: torch.fx.GraphModule, examples: Sequence[Any], device: torch.device
) -> tuple[list[Any], FakeTensorMode]:
    """Move a graph to `device`, in place: fake values and device arguments. Its examples there, and their mode."""
    before = _mode_of(graph)
    mode = FakeTensorMode(allow_non_fake_inputs=True, shape_env=before.shape_env if before is not None else None)

    def there(value: Any) -> Any:
        if isinstance(value, torch.device):
            return device if value.type == "cpu" else value
        if not isinstance(value, torch.Tensor):
            return value
        return moved(value, device, mode)

    for node in [node for module in graphs.nested(graph) for node in module.graph.nodes]:
        node.args, node.kwargs = pytree.tree_map(
            lambda one: there(one) if isinstance(one, torch.device) else one, (node.args, dict(node.kwargs))
        )
        if "val" in node.meta:
            node.meta["val"] = pytree.tree_map(there, node.meta["val"])
        node.meta.pop("tensor_meta", None)
    for name, value in list(graph.named_buffers()):
        owner, _, last = name.rpartition(".")
        setattr(graph.get_submodule(owner), last, there(value))
    for module in graphs.nested(graph):
        module.recompile()
    return [there(one) for one in examples], mode


def moved(value: torch.Tensor, device: torch.device, mode: FakeTensorMode) -> torch.Tensor:
    """A fake tensor with the same sizes and strides there. A number in a tensor of no dimension stays on the CPU."""
    sizes, steps = list(value.shape), list(value.stride())
    with mode:
        return torch.empty_strided(sizes, steps, dtype=value.dtype, device=device)


def plan(graph: torch.fx.GraphModule, examples: list[Any], mode: FakeTensorMode, kind: str, watch: Any) -> Planned:
    """Have Inductor lower a graph that is on the target already. `watch` is a context that sees it at work.

    Raises whatever Inductor raises.
    """
    inner: Any = importlib.import_module("torch._inductor.compile_fx")
    inductor: Any = importlib.import_module("torch._inductor.graph")
    made = Planned()
    begin = time.perf_counter()
    within = (_handed_over(inductor, made), watch(made), mode, tracing(TracingContext(mode)))
    with contextlib.suppress(Written), contextlib.ExitStack() as stack:
        for context in within:
            stack.enter_context(context)
        inner.compile_fx_inner(
            graph, examples, is_backward=kind == "backward", is_inference=kind == "inference", cudagraphs=None
        )
    made.seconds = time.perf_counter() - begin
    return made


@contextlib.contextmanager
def _handed_over(inductor: Any, made: Planned) -> Iterator[None]:
    before = inductor.GraphLowering.save_output_code

    def take(lowering: Any, text: str) -> None:
        made.module, made.lowering = text, lowering
        raise Written

    compile_to_module = inductor.GraphLowering.compile_to_module

    def watched(lowering: Any, *args: Any, **kwargs: Any) -> Any:
        inductor.GraphLowering.save_output_code = lambda text: take(lowering, text)
        return compile_to_module(lowering, *args, **kwargs)

    inductor.GraphLowering.compile_to_module = watched
    try:
        yield
    finally:
        inductor.GraphLowering.save_output_code, inductor.GraphLowering.compile_to_module = before, compile_to_module


def settings(mode: str = "default", present: bool = False) -> Any:
    """Inductor's settings for this: no caches, nothing in other processes, and what the mode of torch.compile asks for
    but for CUDA graphs, which replay the same kernels. present: the device is there, so that candidates can be timed.
    """
    config: Any = importlib.import_module("torch._inductor.config")
    inductor: Any = importlib.import_module("torch._inductor")
    wanted = dict(inductor.list_mode_options(mode)) if mode != "default" else {}
    wanted.pop("triton.cudagraphs", None)
    if wanted and not present:
        wanted |= {"max_autotune_gemm_backends": "ATEN", "max_autotune_conv_backends": "ATEN"}
    functorch: Any = importlib.import_module("torch._functorch.config")
    stack = contextlib.ExitStack()
    stack.enter_context(config.patch(compile_threads=1, fx_graph_cache=False, fx_graph_remote_cache=False))
    stack.enter_context(config.patch(wanted))
    stack.enter_context(functorch.patch(enable_autograd_cache=False))
    return stack


def _mode_of(graph: torch.fx.GraphModule) -> Any:
    values = [node.meta["val"] for node in graph.graph.nodes if isinstance(node.meta.get("val"), torch.Tensor)]
    return detect_fake_mode(values)

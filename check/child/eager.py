"""What eager would move for a graph of Dynamo's: each ATen op reads its inputs and writes its outputs.

Counted with fake tensors, so nothing is computed and nothing changes. Attention is the operator that a GPU runs.
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch._guards import detect_fake_mode
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from g2.check.child import traffic


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    supports_higher_order_operators = True  # what branches do is not counted

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        before = self.bytes
        out = func(*args, **kwargs)
        read, written = traffic.moved_by(func, args, kwargs, out)
        self.bytes = before + read + written  # what an op is made of is not counted again
        return out


def moved(graph: torch.fx.GraphModule) -> tuple[int, int]:
    """Bytes of a forward and of a backward pass; no backward where nothing requires grad.

    Raises whatever running the graph on Dynamo's fake inputs raises.
    """
    inputs = [node.meta.get("example_value") for node in graph.graph.find_nodes(op="placeholder")]
    found = detect_fake_mode(inputs)
    if found is None:
        return 0, 0
    mode = FakeTensorMode(allow_non_fake_inputs=True, shape_env=found.shape_env)
    inputs = [_fake(one, mode) if isinstance(one, torch.Tensor) else one for one in inputs]
    counting = _Counting()  # type: ignore[no-untyped-call]
    fresh = found.shape_env.ignore_fresh_unbacked_symbols() if found.shape_env is not None else contextlib.nullcontext()
    with fresh, mode, counting:
        out = graph(*inputs)
        forward, counting.bytes = counting.bytes, 0
        ends = [one for one in pytree.tree_leaves(out) if isinstance(one, torch.Tensor) and one.requires_grad]
        leaves = [one for one in inputs if isinstance(one, torch.Tensor) and one.requires_grad]
        if not ends or not leaves:
            return forward, 0
        given = [torch.ones_like(one) for one in ends]
        counting.bytes = 0
        torch.autograd.grad(ends, leaves, given, allow_unused=True)
    return forward, counting.bytes


def _fake(value: torch.Tensor, mode: FakeTensorMode) -> torch.Tensor:
    with mode:
        made = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=value.device)
        made.requires_grad_(value.requires_grad)
        return made if value.is_leaf else made.clone()  # what is no leaf may be written in place

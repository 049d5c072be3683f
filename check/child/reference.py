"""Running an ATen graph on the CPU, operator by operator: what its kernels are compared with."""

from __future__ import annotations

from typing import Any

import torch

from g2.check.child import random as streams

MOST = 1 << 30  # bytes of values that are kept of one graph


class Reference(torch.fx.Interpreter):
    """Runs a graph on the CPU with Inductor's random streams, and keeps values by the names of nodes."""

    def __init__(self, graph: torch.fx.GraphModule, wanted: frozenset[str] = frozenset()) -> None:
        super().__init__(graph)
        self.values: dict[str, torch.Tensor] = {}
        self.left_out = False
        self._wanted = wanted
        self._room = MOST
        self._instead = streams.stand_ins()

    def run_node(self, n: torch.fx.Node) -> Any:
        value = super().run_node(n)
        if n.name in self._wanted and isinstance(value, torch.Tensor):
            size = value.numel() * value.element_size()
            if size > self._room:
                self.left_out = True
            else:
                self._room -= size
                self.values[n.name] = alone(value)  # a later node may write into it
        return value

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        instead: Any = self._instead.get(target, target)
        return super().call_function(instead, args, kwargs)


def is_random(graph: torch.fx.GraphModule) -> bool:
    """Whether it draws from Inductor's own streams."""
    known = streams.stand_ins()
    return any(node.op == "call_function" and node.target in known for node in graph.graph.nodes)


def alone(tensor: torch.Tensor, device: str | torch.device = "cpu") -> torch.Tensor:
    """A copy with the same sizes and strides, those of an expanded tensor too, but nothing of its storage beyond them:
    a file holds whole storages.
    """
    tensor = tensor.detach()
    reach = 1 + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    if tensor.numel() == 0:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)
    flat = torch.as_strided(tensor, (reach,), (1,)).resolve_conj().resolve_neg()
    return torch.as_strided(flat.to(device, copy=True), tensor.shape, tensor.stride())

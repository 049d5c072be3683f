"""What flows back: the gradients of inputs and parameters for fixed random cotangents."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.graph import GradientEdge, get_gradient_edge

from g2.capture.containers import elements, entries
from g2.rewrite.trial.deeds import Leaf
from g2.rewrite.trial.filled import within
from g2.rewrite.trial.tensors import Budget, Memory, leaf

MOST = 2_000  # tensors looked for in one structure


def tensors_of(value: Any, path: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor that a structure holds, each once, in order, parameters of modules with it."""
    seen: dict[int, Any] = {}
    waiting: list[tuple[str, Any]] = [(path, value)]
    found = 0
    while waiting and found < MOST:
        path, item = waiting.pop()
        if id(item) in seen or item is None or isinstance(item, (bool, int, float, str, bytes, type)):
            continue
        seen[id(item)] = item
        if isinstance(item, torch.Tensor):
            found += 1
            yield path, item
            continue
        if isinstance(item, torch.nn.Module):
            below: list[tuple[str, Any]] = [(f"{path}.{name}", value) for name, value in item.named_parameters()]
            below += [(f"{path}.{name}", value) for name, value in item.named_buffers()]
        elif isinstance(item, dict):
            below = [(f"{path}[{key!r}]", value) for key, value in entries(item)]
        elif isinstance(item, (list, tuple)):
            below = [(f"{path}[{place}]", value) for place, value in enumerate(elements(item))]
        elif type(item).__module__ == "__main__" or _room(item) not in sys.stdlib_module_names:
            below = [(f"{path}.{name}", value) for name, value in getattr(item, "__dict__", {}).items()]
        else:
            below = []
        waiting += reversed(below)


class Sources:
    """The places that gradients flow back to, taken before the call: what it writes into is another then."""

    def __init__(self, places: list[tuple[str, Any]]) -> None:
        self.tensors: list[tuple[str, torch.Tensor]] = []
        self._edges: list[tuple[str, GradientEdge]] = []
        met: set[int] = set()
        for root, value in places:
            for path, tensor in tensors_of(value, root):
                if id(tensor) not in met:
                    met.add(id(tensor))
                    self.tensors.append((path, tensor))
                    if tensor.requires_grad and not tensor.is_inference():
                        self._edges.append((path, get_gradient_edge(tensor)))

    def gradients(
        self, outputs: Any, seed: int, memory: Memory, budget: Budget, ignored: frozenset[str] = frozenset()
    ) -> tuple[Leaf, ...]:
        """Those of sum(output * cotangent) over all outputs that require grad; what the call wrote into is one too.

        ignored: names; nothing flows from what is held under them.
        """
        ends = [one for one in (*tensors_of(outputs, "the output"), *self._written()) if _flows(one[1])]
        ends = [one for one in ends if not within(one[0], ignored)]
        if not ends or not self._edges:
            return ()
        cotangents = [_cotangent(tensor, seed + zlib.crc32(path.encode())) for path, tensor in ends]
        edges = [edge for _, edge in self._edges]
        try:
            with torch.enable_grad():
                found: Any = torch.autograd.grad(
                    [tensor for _, tensor in ends], edges, cotangents, retain_graph=True, allow_unused=True
                )
        except Exception as error:  # the graph was freed by the call, or a backward of the program's own raised
            return (Leaf("the gradient", "text", f"raises {type(error).__name__}: {error}"),)
        with torch.no_grad():
            return tuple(
                Leaf(f"the gradient of {path}", "text", "None")
                if gradient is None
                else leaf(f"the gradient of {path}", gradient, Memory(), budget)
                for (path, _), gradient in zip(self._edges, found, strict=True)
            )

    def _written(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Tensors that the call wrote into in a way that gradients flow through."""
        return ((path, tensor) for path, tensor in self.tensors if not tensor.is_leaf)


def _room(item: Any) -> str:
    return type(item).__module__.partition(".")[0]


def _flows(tensor: torch.Tensor) -> bool:
    return tensor.requires_grad and (tensor.is_floating_point() or tensor.is_complex()) and not tensor.is_inference()


def _cotangent(tensor: torch.Tensor, seed: int) -> torch.Tensor:
    """Odd multiples of 1/4 up to 9/4: exact in every floating dtype, so that float64 gets the very same ones.

    Each tensor has its own, whichever others require grad.
    """
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randint(-5, 5, tensor.shape, generator=generator)
    return ((2 * steps + 1).to(torch.float64) / 4).to(device=tensor.device, dtype=tensor.dtype)

"""An ATen graph traced again with other decompositions.

A decomposition may leave other strides than the operator it stands for (those of attention, of convolution, of sorting
do). A `view` that eager's strides allowed is then impossible. `reshape` copies in that case, and so must a backend that
decomposes so far: such a view becomes a copy and a view of it, wherever it stands, in decompositions too.

Private torch used here (2.11 to 2.15): torch._guards.detect_fake_mode,
torch.fx.experimental.proxy_tensor.disable_proxy_modes_tracing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

Table = Mapping[Any, Callable[..., Any]]


def decomposed(module: torch.fx.GraphModule, inputs: Sequence[Any], table: Table) -> torch.fx.GraphModule:
    """The graph as `table` has it. Raises what tracing raises."""
    from torch._guards import detect_fake_mode
    from torch.fx.experimental.proxy_tensor import make_fx

    held = [node.meta.get("val") for node in module.graph.nodes if node.op == "placeholder"]
    given = [fake if fake is not None else value for fake, value in zip(held, inputs, strict=False)]
    mode: Any = detect_fake_mode(given)
    # Each at its own: a graph of AOTAutograd's has no autograd left in it, whatever mode the call was made in.
    with torch.no_grad(), mode or torch.no_grad():
        traced: torch.fx.GraphModule = make_fx(
            torch.fx.Interpreter(module).run, decomposition_table=_copying(table), _allow_non_fake_inputs=True
        )(*given)
    return traced


def _copying(table: Table) -> dict[Any, Callable[..., Any]]:
    aten: Any = torch.ops.aten
    return {**table, aten.view.default: _view(table.get(aten.view.default))}


def _view(known: Callable[..., Any] | None) -> Callable[..., Any]:
    aten: Any = torch.ops.aten
    proxies: Any = importlib.import_module("torch.fx.experimental.proxy_tensor")

    def view(tensor: torch.Tensor, size: Sequence[Any]) -> Any:
        try:
            with proxies.disable_proxy_modes_tracing():
                aten.view.default(tensor, size)
        except (RuntimeError, ValueError):
            copy = aten.clone.default(tensor, memory_format=torch.contiguous_format)
            return aten.view.default(copy, size)
        return NotImplemented if known is None else known(tensor, size)

    return view

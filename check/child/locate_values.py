"""Every value of a graph, run op by op in eager and in float64: what the compiled values are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._pytree import tree_map

from g2.check.child.correct_draws import SameDraws
from g2.check.child.correct_judge import worst_of
from g2.check.child.correct_rule import judged
from g2.check.child.locate_hooks import cloned
from g2.check.model import Worst

_ROOM = 2 << 30  # bytes of values that are held
_FLOATS = (torch.float32, torch.float16, torch.bfloat16)
_METHODS = frozenset({"float", "half", "bfloat16"})


@dataclass
class Values:
    """By node name: the value in eager, and in float64 (absent where it could not be had)."""

    eager: dict[str, Any] = field(default_factory=dict[str, Any])
    exact: dict[str, Any] = field(default_factory=dict[str, Any])
    outputs: list[Any] = field(default_factory=list[Any])
    exact_outputs: list[Any] = field(default_factory=list[Any])
    after: list[Any] = field(default_factory=list[Any])  # the inputs after the run

    def wrong(self, name: str, got: Any) -> Worst | None:
        """The worst element of what should be the node's value; None where it is right, or cannot be compared."""
        return wrong(name, self.eager.get(name), got, self.exact.get(name))


def wrong(path: str, eager: Any, got: Any, exact: Any = None) -> Worst | None:
    """The worst element where `got` is too far; None where it is not, or where these are not two tensors of one shape.
    """
    if not isinstance(eager, torch.Tensor) or not isinstance(got, torch.Tensor):
        return None
    if eager.shape != got.shape:
        if eager.numel() != got.numel() or [s for s in eager.shape if s != 1] != [s for s in got.shape if s != 1]:
            return None
        got = got.reshape(eager.shape)
    if eager.dtype != got.dtype or eager.is_sparse or not eager.numel():
        return None
    device = str(eager.device)
    eager, got = (value.detach().cpu().resolve_conj().resolve_neg() for value in (eager, got))
    target = exact.detach().cpu() if isinstance(exact, torch.Tensor) and exact.shape == eager.shape else None
    found = judged(eager, got, target, None, device)
    if not bool(found.far.any()):
        return None
    if eager.is_floating_point() and eager.dtype.itemsize == 1:
        eager, got = eager.float(), got.float()
    return worst_of(path, eager, got, found.far, target)


def values_of(graph: torch.fx.GraphModule, inputs: Sequence[Any], stream: torch.Tensor | None = None) -> Values:
    """Run it twice. stream: torch's random state at its start. Raises what an op raises in eager; what one raises in
    float64 ends that run.
    """
    found = Values()
    given = [cloned(value) for value in inputs]
    _start(stream)
    with torch.no_grad():
        found.outputs = _listed(_Keeper(graph, found.eager).run(*given))
    found.after = given
    default = torch.get_default_dtype()
    dtypes = [value.dtype for value in inputs if isinstance(value, torch.Tensor) and value.is_floating_point()]
    drawn = next((dtype for dtype in dtypes if dtype.itemsize > 1 and dtype != torch.float64), torch.float32)
    wide = [cloned(_wide(value)) for value in inputs]
    _start(stream)
    try:
        torch.set_default_dtype(torch.float64)
        with torch.no_grad(), SameDraws(drawn):
            found.exact_outputs = _listed(_Wide(graph, found.exact).run(*wide))
    except Exception:
        found.exact_outputs = []
    finally:
        torch.set_default_dtype(default)
    return found


class _Keeper(torch.fx.Interpreter):
    def __init__(self, graph: torch.fx.GraphModule, kept: dict[str, Any]) -> None:
        super().__init__(graph, garbage_collect_values=True)
        self._kept = kept
        self._room = _ROOM

    def run_node(self, n: torch.fx.Node) -> Any:
        found = super().run_node(n)
        if isinstance(found, torch.Tensor):
            size = found.numel() * found.element_size()
            if size <= self._room:
                self._room -= size
                self._kept[n.name] = cloned(found)
        elif n.op != "output":
            self._kept[n.name] = tree_map(cloned, found)
        return found


class _Wide(_Keeper):
    """What would be computed in a smaller floating dtype is computed in float64."""

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        return super().call_function(target, tree_map(_widened, args), tree_map(_widened, kwargs))

    def call_method(self, target: Any, args: Any, kwargs: Any) -> Any:
        name = "double" if target in _METHODS else target
        return super().call_method(name, tree_map(_widened, args), tree_map(_widened, kwargs))

    def fetch_attr(self, target: str) -> Any:
        return _wide(super().fetch_attr(target))


def _widened(value: Any) -> Any:
    return torch.float64 if isinstance(value, torch.dtype) and value in _FLOATS else value


def _wide(value: Any) -> Any:
    return value.double() if isinstance(value, torch.Tensor) and value.dtype in _FLOATS else value


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _start(stream: torch.Tensor | None) -> None:
    if stream is not None:
        torch.set_rng_state(stream)

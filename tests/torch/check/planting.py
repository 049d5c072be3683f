"""How a miscompile is planted into Inductor: a pass that changes a node, or a patched function."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
import torch._inductor.config as config
import wrong_programs as programs
from torch import Tensor
from torch._inductor.custom_graph_pass import CustomGraphPass

Planting = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Plant:
    """line: text of the program's line that is made wrong. most: how many inputs are compared."""

    name: str
    program: Callable[..., Any]
    plant: Planting
    line: str
    backward: bool = False
    most: int = 1
    inputs: Callable[[], tuple[Any, ...]] | None = None

    def number(self) -> int:
        """That line's number."""
        source, first = inspect.getsourcelines(self.program)
        (found,) = [at for at, text in enumerate(source, first) if self.line in text]
        return found


def floats(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def inputs_of(program: Callable[..., Any], backward: bool) -> tuple[Any, ...]:
    """Small ones; square, so that a wrong dimension still has the right shape."""
    wide = floats(16, 16)
    made: dict[Any, tuple[Any, ...]] = {
        programs.mlp: (wide, floats(16, 16, seed=1), floats(16, seed=2)),
        programs.normed: (wide, floats(16, seed=1), floats(16, seed=2)),
        programs.attended: (wide, floats(16, 16, seed=1) > 0.5),
        programs.indexed: (wide, torch.arange(16).flip(0), torch.arange(256).reshape(16, 16) * 7 % 16),
        programs.shaped: (wide, floats(16, 16, seed=1)),
        programs.chosen: (torch.round(wide * 2) / 2, torch.round(floats(16, 16, seed=1) * 2) / 2),
        programs.activated: (wide, floats(16, 16, seed=1)),
        programs.counting: (wide, torch.zeros(())),
        programs.halved: (floats(16, 512).bfloat16() / 16,),
        programs.chained: (wide, floats(16, 16, seed=1) / 4),
        programs.convolved: (floats(2, 3, 8, 8), floats(4, 3, 3, 3, seed=1)),
        programs.lost: (wide, floats(16, 16, seed=1), torch.arange(16) * 5 % 16),
    }
    found = made.get(program, (wide,))
    if backward:
        found = tuple(
            x.clone().requires_grad_() if isinstance(x, Tensor) and x.is_floating_point() else x for x in found
        )
    return found


class Pass(CustomGraphPass):
    """A pass that no cache of graphs may know."""

    def __init__(self, change: Callable[[torch.fx.Graph], None]) -> None:
        self._change = change

    def __call__(self, graph: Any) -> None:
        self._change(getattr(graph, "graph", graph))

    def uuid(self) -> Any:
        return None


def edited(op: Any, change: Callable[[torch.fx.Node], None], where: str, at: int, backward: bool | None) -> Planting:
    """A pass that changes one node of that op: the first, or the one `at`, of a forward or backward graph."""

    def run(graph: torch.fx.Graph) -> None:
        is_backward = any(node.op == "placeholder" and "tangents" in node.name for node in graph.nodes)
        if backward is not None and is_backward != backward:
            return
        found = [node for node in graph.nodes if node.target in (op if isinstance(op, tuple) else (op,))]
        if found and at < len(found):
            change(found[at])

    return lambda: config.patch({where: Pass(run)})


def swap(
    op: Any, new: Any, where: str = "post_grad_custom_post_pass", at: int = 0, backward: bool | None = False
) -> Planting:
    def change(node: torch.fx.Node) -> None:
        node.target = new

    return edited(op, change, where, at, backward)


def give(
    op: Any,
    place: int,
    value: Any,
    at: int = 0,
    backward: bool | None = False,
    where: str = "post_grad_custom_post_pass",
) -> Planting:
    """Another argument."""
    return edited(op, lambda node: node.update_arg(place, value), where, at, backward)


def bypass(
    op: Any, place: int = 0, at: int = 0, backward: bool | None = False, where: str = "post_grad_custom_post_pass"
) -> Planting:
    """The op is left out: what it was given is taken for what it gives."""

    def change(node: Any) -> None:
        node.replace_all_uses_with(node.args[place])

    return edited(op, change, where, at, backward)


def after(
    op: Any, new: Any, *args: Any, at: int = 0, backward: bool | None = False, where: str = "post_grad_custom_post_pass"
) -> Planting:
    """Another op is done to what the op gives."""

    def change(node: torch.fx.Node) -> None:
        users = list(node.users)
        with node.graph.inserting_after(node):
            made = node.graph.call_function(new, (node, *args))
        made.meta["val"] = node.meta["val"]
        for user in users:
            user.replace_input_with(node, made)

    return edited(op, change, where, at, backward)


def erased(op: Any) -> Planting:
    """The node is taken away; nothing uses it."""
    return edited(op, lambda node: node.graph.erase_node(node), "post_grad_custom_post_pass", 0, None)


@contextlib.contextmanager
def patched(place: Any, name: Any, make: Callable[[Any], Any]) -> Iterator[None]:
    """An attribute, or an item of a dict."""
    is_dict = isinstance(place, dict)
    real = place[name] if is_dict else inspect.getattr_static(place, name)
    new = make(real)
    place.__setitem__(name, new) if is_dict else setattr(place, name, new)
    try:
        yield
    finally:
        place.__setitem__(name, real) if is_dict else setattr(place, name, real)

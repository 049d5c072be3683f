"""Which operators a call needs at each level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from g2.capture.codec import build
from g2.check.asked import Asked
from g2.check.child.moment import Moment
from g2.check.child.parts import operators
from g2.check.model import Operators

# What Inductor imports is deprecated in torch itself, and says so.
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")]


@dataclass(frozen=True)
class Plain(Moment):
    def compiled(self, compiler: Any) -> Callable[..., Any]:
        torch.compiler.reset()
        compile_: Any = torch.compile
        run: Callable[..., Any] = compile_(self.eager, backend=compiler)
        return run


def levels(call: Any, *args: Any, trains: bool = False, folder: Path) -> dict[str, Operators]:
    events: list[dict[str, Any]] = []
    module = call if isinstance(call, torch.nn.Module) else None
    one = Plain("root@file.py:1", 0, module, call, call, args, {}, trains, cast(Any, None))
    operators.work(one, Asked(), folder, events.append)
    assert not [event for event in events if event["e"] == "failed"]
    found = [build(Operators, event["operators"]) for event in events if event["e"] == "operators"]
    assert [one.level for one in found] == ["torch", "aten", "core aten", "prims", "inductor"]
    return {one.level: one for one in found}


def test_every_level_of_a_training_call(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.GELU(), torch.nn.Linear(8, 2))
    found = levels(module, torch.randn(4, 8), trains=True, folder=tmp_path)
    assert dict(found["torch"].counts) == {"torch.nn.functional.linear": 2, "torch.nn.functional.gelu": 1}
    aten = dict(found["aten"].counts)
    assert (
        aten["aten.addmm.default"] == 2 and aten["aten.gelu.default"] == 1 and aten["aten.gelu_backward.default"] == 1
    )
    core = dict(found["core aten"].counts)
    assert "aten.gelu_backward.default" not in core and "aten.t.default" not in core
    prims = found["prims"]
    assert "prims.erf.default" in dict(prims.counts)
    assert "aten.mm.default" in prims.undecomposed
    assert found["inductor"].undecomposed == ()


def test_what_has_no_decomposition_is_named(tmp_path: Path) -> None:
    def call(x: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = torch.linalg.eigvalsh(x @ x.T)
        return values + torch.rand(3)

    found = levels(call, torch.randn(3, 3), folder=tmp_path)
    assert "aten._linalg_eigh.default" in found["prims"].undecomposed
    assert "aten._linalg_eigh.default" in found["inductor"].undecomposed  # Inductor calls eager's
    assert "aten._linalg_eigh.default" in found["core aten"].undecomposed
    assert not [name for name in found["inductor"].undecomposed if "rand" in name]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (torch.ops.aten.add.Tensor, "aten.add.Tensor"),
        (torch.nn.functional.gelu, "torch.nn.functional.gelu"),
        (torch.exp, "torch.exp"),
        ("view", "Tensor.view"),
        (torch.nn.Linear(1, 1), "nn.Linear"),
        (torch.ops.higher_order.cond, "cond"),
    ],
)
def test_names(target: Any, name: str) -> None:
    assert operators.name_of(target) == name


class Attention(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide, self.last = torch.nn.Linear(16, 48), torch.nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, length, _ = x.shape
        query, key, value = self.wide(x).view(rows, length, 3, 2, 8).permute(2, 0, 3, 1, 4)
        attended = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        return cast(torch.Tensor, self.last(attended.transpose(1, 2).view(rows, length, 16)))


@pytest.mark.parametrize("trains", [False, True])
def test_a_view_of_what_decomposes_to_other_strides(tmp_path: Path, trains: bool) -> None:
    with torch.set_grad_enabled(trains):
        found = levels(Attention(), torch.randn(2, 4, 16), trains=trains, folder=tmp_path)
    attends = "aten._scaled_dot_product_flash_attention_for_cpu.default"
    assert attends in dict(found["aten"].counts) and attends not in dict(found["core aten"].counts)
    assert "aten.clone.default" in dict(found["core aten"].counts)  # what reshape does there
    assert "aten.view.default" not in dict(found["prims"].counts)


def test_decompositions_that_ask_inductor(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.MaxPool2d(2), torch.nn.BatchNorm2d(2))
    found = levels(module, torch.randn(2, 1, 10, 10), trains=True, folder=tmp_path)
    assert "prims._low_memory_max_pool_with_offsets.default" in dict(found["inductor"].counts)


class Unit(torch.Tensor):
    """A subclass that AOTAutograd does not take apart."""

    unit = "m"


def test_a_tensor_of_a_subclass(tmp_path: Path) -> None:
    def call(x: torch.Tensor) -> torch.Tensor:
        return torch.sin(x) * 2

    found = levels(call, torch.ones(4).as_subclass(Unit), folder=tmp_path)
    assert dict(found["aten"].counts) == {"aten.sin.default": 1, "aten.mul.Tensor": 1}

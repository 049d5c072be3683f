"""What a call changed is put back, so that the next one starts from the same state."""

from __future__ import annotations

import random
from collections import OrderedDict

import pytest
import torch
from torch import nn

from g2.rewrite.trial.restoring import Kept

pytestmark = pytest.mark.torch


class Counting(nn.Module):
    """Has an expanded buffer, as models have for the positions or types of their tokens."""

    kinds: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.row = torch.zeros(1, 4)
        self.register_buffer("kinds", self.row.expand(3, 4))
        self.weight = nn.Parameter(torch.ones(2))
        self.seen: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.row += 1
        self.seen.append(len(self.seen))
        result: torch.Tensor = (x * self.kinds).sum() * self.weight.sum() + random.random()
        return result


def test_everything_is_as_it_was() -> None:
    net, mask = Counting(), torch.ones(4).expand(3, 4)
    before, stream = net.weight.detach().clone(), random.getstate()
    kept = Kept([net, mask])
    for _ in range(2):
        net(mask).backward()
        with torch.no_grad():
            net.weight += 1
        mask[0] = 5.0
        kept.restore()
        assert torch.equal(net.kinds, torch.zeros(3, 4)) and net.kinds.stride() == (0, 1)
        assert torch.equal(mask, torch.ones(3, 4)) and torch.equal(net.weight, before)
        assert net.weight.grad is None and net.seen == [] and random.getstate() == stream


class Frozen(OrderedDict[str, int]):
    """Refuses what its owner did not do, as diffusers' FrozenDict."""

    def __setitem__(self, key: str, value: int) -> None:
        raise TypeError("frozen")

    def update(self, *args: object, **kwargs: object) -> None:
        raise TypeError("frozen")

    clear = update


def test_containers_of_a_class_that_refuses_are_put_back() -> None:
    frozen, rows = Frozen(), [1]
    OrderedDict.__setitem__(frozen, "a", 1)
    kept = Kept([{"frozen": frozen, "rows": rows}])
    OrderedDict.__setitem__(frozen, "b", 2)
    rows.append(2)
    kept.restore()
    assert list(frozen.items()) == [("a", 1)] and rows == [1]

"""What the float64 run computes in float64, and what rounding at every step is measured to come to."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from g2.check.child.correct_draws import SameDraws
from g2.check.child.correct_rule import judged
from g2.check.child.interpret.work import _copy
from g2.check.child.rounding import EachRounded

pytestmark = pytest.mark.torch
EPS = torch.finfo(torch.float32).eps


class Keys(nn.Module):
    """The gradient of the keys' bias, and of one before a batch norm, are zero but for rounding."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(16, 16), nn.Linear(16, 16)
        self.inner = nn.Conv1d(6, 8, 1)
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x: Tensor) -> Tensor:
        heads = [layer(x).view(2, 6, 4, 4).transpose(1, 2) for layer in (self.query, self.key)]
        mixed = F.scaled_dot_product_attention(heads[0], heads[1], heads[0])
        out: Tensor = self.norm(self.inner(mixed.transpose(1, 2).flatten(2)))
        return out


def gradients(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    model = copy.deepcopy(model)
    if x.dtype is torch.float64:
        model.double()
    model(x).square().mul(torch.arange(16, dtype=x.dtype)).sum().backward()
    return {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


def test_attention_is_computed_in_float64_where_nothing_is_drawn() -> None:
    query, key, value = (torch.randn(2, 4, 6, 8, dtype=torch.float64) for _ in range(3))
    wanted = F.scaled_dot_product_attention(query, key, value)
    with SameDraws(torch.float32):
        assert torch.equal(F.scaled_dot_product_attention(query, key, value), wanted)


def test_a_dropout_is_that_of_float32() -> None:
    x = torch.ones(1000)
    torch.manual_seed(3)
    wanted = F.dropout(x)
    torch.manual_seed(3)
    with SameDraws(torch.float32):
        found = F.dropout(x.double())
    assert found.dtype is torch.float64 and torch.equal(found.float(), wanted)


@pytest.mark.parametrize("name", ["key.bias", "inner.bias"])
def test_sums_that_cancel_are_rounding_and_a_lost_factor_is_not(name: str) -> None:
    torch.manual_seed(0)
    model, x = Keys(), torch.randn(2, 6, 16)
    eager, exact = gradients(model, x), gradients(model, x.double())
    with EachRounded(EPS, seed=1):
        shaken = gradients(model, x.double())
    with EachRounded(EPS, seed=2):
        other = {key: value.float() for key, value in gradients(model, x.double()).items()}
    assert float(exact[name].abs().max()) < 1e-9 < float(eager[name].abs().max())
    assert not judged(eager[name], other[name], exact[name], shaken[name]).far.any()
    for key in eager:
        wrong = eager[key] + 1e-3 * float(eager["norm.weight"].abs().max())
        assert judged(eager[key], wrong, exact[key], shaken[key]).far.all()


def test_what_moves_numbers_rounds_nothing() -> None:
    x = torch.randn(4, 4, dtype=torch.float64)
    with EachRounded(EPS):
        assert torch.equal(x.t().reshape(-1)[3:].clone(), x.t().reshape(-1)[3:])
        assert torch.equal(torch.relu(x).amax(0), torch.relu(x).amax(0))
        moved = (x + 1.0) / (x + 1.0) - 1.0
    assert 0 < float(moved.abs().max()) < 4 * EPS


def test_what_is_written_in_place_is_rounded_in_place() -> None:
    x = torch.ones(100, dtype=torch.float64)
    view = x[10:]
    with EachRounded(EPS):
        x.add_(1.0)
    assert view.data_ptr() == x[10:].data_ptr() and float((x - 2).abs().min()) > 0
    assert float((view - 2).abs().max()) <= 2.01 * EPS


def test_an_expanded_input_is_copied_as_it_lies() -> None:
    x = torch.randn(1, 5).expand(3, 5)
    made = _copy(x)
    assert made.stride() == x.stride() and torch.equal(made, x) and made.data_ptr() != x.data_ptr()

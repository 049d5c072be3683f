"""The rule by which a compiled result is the same as eager's."""

from __future__ import annotations

import pytest
import torch

from g2.check.child.correct_rule import EXACT, FALLBACK, MADE, WHOLE, judged, worst

pytestmark = pytest.mark.torch


def _exact(count: int = 256) -> torch.Tensor:
    return torch.linspace(0.5, 3.0, count, dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_rounding_once_is_allowed_and_one_percent_is_not(dtype: torch.dtype) -> None:
    exact = _exact()
    eager = (exact * (1 + 0.3 * torch.finfo(dtype).eps)).to(dtype)
    assert not judged(eager, exact.to(dtype), exact).far.any()
    far = judged(eager, (exact * (1 + 20 * torch.finfo(dtype).eps)).to(dtype), exact)
    assert far.far.any() and far.how == EXACT


def test_a_fused_kernel_may_be_nearer_than_eager() -> None:
    exact = _exact()
    eager = (exact * 1.02).bfloat16()  # each op rounded
    assert not judged(eager, exact.bfloat16(), exact).far.any()


def test_a_dropped_epsilon_shows_in_float32() -> None:
    exact = _exact()
    eager = exact.float()
    assert judged(eager, (exact * (1 + 5e-6)).float(), exact).far.any()


def test_integers_and_flags_are_equal_or_not() -> None:
    whole = torch.arange(8)
    assert judged(whole, whole + (whole == 3), whole.double()).far.tolist().count(True) == 1
    assert judged(whole > 2, whole > 3, None).far.tolist() == [False, False, False, True, False, False, False, False]


def test_nan_and_infinity_stand_at_the_same_places() -> None:
    eager = torch.tensor([1.0, float("nan"), float("inf"), float("-inf")])
    assert not judged(eager, eager.clone(), eager.double()).far.any()
    for place in range(4):
        other = eager.clone()
        other[place] = 0.5 if place else float("nan")
        assert judged(eager, other, eager.double()).far.nonzero().flatten().tolist() == [place]
    assert judged(eager, eager.flip(0), None).far.all()


def test_where_eager_alone_overflows_compiled_is_free() -> None:
    exact = torch.tensor([2.0, 60000.0], dtype=torch.float64)
    eager = torch.tensor([2.0, float("inf")], dtype=torch.float16)
    found = judged(eager, torch.tensor([2.0, 60000.0], dtype=torch.float16), exact)
    assert not found.far.any() and found.forgiven == 1
    other = torch.tensor([float("inf"), 60000.0], dtype=torch.float16)
    assert judged(eager, other, exact).far.tolist() == [True, False]


def test_float8_may_be_one_neighbour_off() -> None:
    exact = torch.tensor([1.0, 1.0625, 1.3, 2.0], dtype=torch.float64)
    eager = exact.to(torch.float8_e4m3fn)
    up = torch.tensor([1.0, 1.125, 1.25, 2.0]).to(torch.float8_e4m3fn)
    assert not judged(eager, up, exact).far.any()
    assert judged(eager, torch.tensor([1.0, 1.0, 1.75, 2.0]).to(torch.float8_e4m3fn), exact).far.tolist() == [
        False, False, True, False,
    ]  # fmt: skip


def test_without_a_reference_the_fallback_is_named() -> None:
    eager = _exact().float()
    found = judged(eager, eager * (1 + 1e-6), None)
    assert not found.far.any() and found.how == FALLBACK
    assert judged(eager, eager * (1 + 1e-4), None).far.any()
    elsewhere = judged(eager, eager, _exact() * 7)  # a reference that took another branch
    assert elsewhere.how == FALLBACK and not elsewhere.far.any()
    small = torch.full((4,), 1e-8)
    assert judged(small, 2 * small, None).far.all()  # no absolute tolerance hides what is small


def test_conditioning_counts() -> None:
    exact = _exact()
    eager, compiled = exact.float(), (exact * (1 + 1e-5)).float()
    assert judged(eager, compiled, exact).far.any()
    assert not judged(eager, compiled, exact, exact * (1 + 1e-5)).far.any()


def test_complex_numbers_by_their_parts() -> None:
    exact = torch.complex(_exact(), _exact().flip(0))
    eager = exact.to(torch.complex64)
    assert not judged(eager, eager.clone(), exact).far.any()
    assert judged(eager, eager.conj().resolve_conj(), exact).far.all()


def test_the_worst_is_the_furthest_and_what_is_not_finite_is_further() -> None:
    eager, compiled = torch.zeros(2, 3), torch.zeros(2, 3)
    compiled[1, 2], compiled[0, 1] = 5.0, 7.0
    assert worst(eager, compiled, eager != compiled, None) == (0, 1)
    compiled[1, 0] = float("inf")
    assert worst(eager, compiled, eager != compiled, None) == (1, 0)
    assert worst(torch.tensor(1.0), torch.tensor(2.0), torch.tensor(True), None) == ()


def test_on_inputs_of_ours_eagers_own_error_is_allowed() -> None:
    exact = torch.tensor([1e-12, 2e-12], dtype=torch.float64)  # behind a saturated tanh
    eager, compiled = torch.tensor([2.4e-5, 0.0]), torch.tensor([0.0, 2.4e-5])
    assert not judged(eager, compiled, exact, slack=MADE).far.any()
    assert judged(eager, torch.tensor([0.0, 1.0]), exact, slack=MADE).far.tolist() == [False, True]


def test_a_whole_call_may_be_further_off_than_a_kernel() -> None:
    exact = _exact()
    eager, compiled = exact.float(), (exact * (1 + 5e-5)).float()
    assert judged(eager, compiled, exact).far.any()
    assert not judged(eager, compiled, exact, slack=WHOLE).far.any()
    assert judged(eager, (exact * 1.001).float(), exact, slack=WHOLE).far.any()

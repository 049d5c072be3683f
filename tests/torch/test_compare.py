"""How a difference is told, and what is none. The many kinds of difference are in mutants.py."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch

from g2.rewrite.trial.compare import compare
from g2.rewrite.trial.outcome import Outcome, Watched, observe
from g2.rewrite.trial.tolerance import number_too_far, too_far

pytestmark = pytest.mark.torch
X = torch.arange(32.0).reshape(4, 8) / 8
GRAD = X.clone().requires_grad_()


def outcome(function: Callable[..., Any], *args: Any) -> Outcome:
    args = deepcopy(args)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        return observe(lambda: function(*args), Watched(args, names=("x", "y")), 5)


def verdict(old: Callable[..., Any], new: Callable[..., Any], *args: Any, **named: Any) -> tuple[str, str]:
    return compare(outcome(old, *args), outcome(new, *args), **named)


def raises(kind: type[Exception], message: str, before: str = "") -> Callable[..., Any]:
    def call(*_: Any) -> None:
        if before:
            print(before)
        raise kind(message)

    return call


@pytest.mark.parametrize(
    ("old", "new", "args", "words"),
    [
        (
            lambda x: x + 0,
            lambda x: x + (x > 3.8) * 1.5,
            (X,),
            "the output: 1 of 32 elements differ, largest 1.5 at [3, 7]",
        ),
        (lambda x: x[0, 0], lambda x: x[0, 0] + 1, (X,), "the output is 1, was 0"),
        (
            lambda x: x + 0,
            lambda x: x / x * x,
            (X,),
            "the output: 1 of 32 elements differ, nan at [0, 0] where it was 0",
        ),
        (
            lambda x: x > 1,
            lambda x: x >= 1,
            (X,),
            "the output: 1 of 32 elements differ, True at [1, 0] where it was False",
        ),
        (lambda x: x + 0, lambda x: (x + 0).double(), (X,), "the output has dtype float64, had float32"),
        (lambda x: x + 0, lambda x: x[:2] + 0, (X,), "the output has shape [2, 8], had [4, 8]"),
        (lambda x: x.t() * 2, lambda x: (x.t() * 2).contiguous(), (X,), "the output has strides [4, 1], had [1, 8]"),
        (lambda x: x * 2, lambda x: x.detach() * 2, (GRAD,), "the output does not require grad, did"),
        (lambda x: x + 0, lambda x: x, (X,), "the output shares memory with x, did not"),
        (lambda x: [x + 1], lambda x: (x + 1,), (X,), "the output is tuple of 1, was list of 1"),
        (lambda x: {"a": 4}, lambda x: {"a": 3}, (X,), "output 'a' is 3, was 4"),
        (lambda x: 4, lambda x: 4.0, (X,), "the output is float 4.0, was int 4"),
        (lambda x: 0.25, lambda x: 0.5, (X,), "the output is 0.5, was 0.25"),
        (lambda x: x.add_(1) and None, lambda x: None, (torch.ones(()),), "x is left as it was, was changed"),
        (lambda x: None, lambda x: x.add_(1) and None, (torch.ones(()),), "x was left as it was, is changed"),
        (lambda x: print("step 1\nstep 2"), lambda x: print("step 1"), (X,), "stdout: 'step 2' is missing"),
        (lambda x: None, lambda x: print("debug"), (X,), "stdout: 'debug' is new"),
        (lambda x: print("a\nb"), lambda x: print("b\na"), (X,), "stdout: 'b' comes before 'a'"),
        (lambda x: print("1.50"), lambda x: print("1.5"), (X,), "stdout: '1.5' stands where '1.50' did"),
        (lambda x: print("a", file=sys.stderr), lambda x: None, (X,), "stderr: 'a' is missing"),
        (lambda x: warnings.warn("w", stacklevel=1), lambda x: None, (X,), "warnings: 'UserWarning: w' is missing"),
        (
            lambda x: torch.rand(2) * 0,
            lambda x: torch.zeros(2),
            (X,),
            "the random stream of torch is left in another state",
        ),
        (lambda x: x * 2, raises(ValueError, "bad"), (X,), "raises ValueError (bad), did not"),
        (raises(ValueError, "bad"), lambda x: x * 2, (X,), "does not raise ValueError (bad), did"),
        (raises(ValueError, "bad"), raises(TypeError, "bad"), (X,), "raises TypeError (bad), raised ValueError (bad)"),
        (raises(ValueError, "a"), raises(ValueError, "b"), (X,), "raises ValueError (b), raised ValueError (a)"),
        (
            raises(ValueError, "a", "p"),
            raises(ValueError, "a"),
            (X,),
            "before ValueError (a) is raised: stdout: 'p' is missing",
        ),
    ],
)
def test_the_first_difference_in_words(old: Any, new: Any, args: tuple[Any, ...], words: str) -> None:
    assert verdict(old, new, *args) == ("differs", words)
    assert verdict(old, old, *args)[0] in ("same", "refused")
    assert verdict(new, new, *args)[0] in ("same", "refused")


def test_the_gradient_of_the_side_not_taken() -> None:
    x = torch.tensor([-1.0, 4.0], requires_grad=True)
    said, words = verdict(lambda x: x * 1.0, lambda x: torch.where(x < 9, x * 1.0, x.sqrt()), x)
    assert said == "differs"
    assert words.startswith("the gradient of x: 1 of 2 elements differ, nan at [0] where it was ")


def test_a_result_that_is_no_longer_its_argument_is_told_and_not_held_against_it() -> None:
    assert verdict(lambda x: x, lambda x: x.clone(), X) == ("same", "the output no longer shares memory with x")


def test_outputs_that_no_longer_share_memory() -> None:
    def both(x: torch.Tensor) -> Any:
        y = x * 2
        return y, y

    def apart(x: torch.Tensor) -> Any:
        return x * 2, x * 2

    assert verdict(both, apart, X) == ("differs", "output 1 no longer shares memory with output 0")
    assert verdict(both, apart, X, differs=frozenset({"aliasing"}))[0] == "same"


def test_nan_at_the_same_places_is_the_same() -> None:
    assert verdict(lambda x: x / 0, lambda x: x * float("inf"), X) == ("same", "")


def test_a_signed_zero_is_close() -> None:
    assert verdict(lambda x: x[0, 0] * 1, lambda x: -x[0, 0], X) == ("close", "the output: the sign of a zero")


@pytest.mark.parametrize(
    ("old", "new", "tag"),
    [
        (lambda x: torch.rand(3), lambda x: torch.rand(4)[1:] + 0, "random"),
        (lambda x: print(float(torch.rand(()))), lambda x: print(float(torch.rand(2)[1])), "random"),
        (raises(ValueError, "a"), raises(RuntimeError, "a"), "exception-type"),
        (raises(ValueError, "a"), raises(ValueError, "b"), "exception-message"),
        (raises(ValueError, "a", "told"), raises(ValueError, "a"), "exception-time"),
        (lambda x: warnings.warn("a", stacklevel=1), lambda x: warnings.warn("b", stacklevel=1), "warning-text"),
    ],
)
def test_named_differences(old: Any, new: Any, tag: str) -> None:
    assert verdict(old, new, X)[0] == "differs"
    assert verdict(old, new, X, differs=frozenset({tag}))[0] in ("same", "refused")
    others = frozenset({"random", "exception-type", "exception-message", "exception-time", "warning-text"}) - {tag}
    assert verdict(old, new, X, differs=others)[0] == "differs"


def test_what_skipped_steps_fill_too_is_not_held_against_them() -> None:
    def old(x: torch.Tensor) -> dict[str, Any]:
        return {"hidden": x * 2, "cache": [x * 3]}

    def new(x: torch.Tensor) -> dict[str, Any]:
        return {"hidden": x * 2, "cache": [x * 3, x * 4]}

    def wrong(x: torch.Tensor) -> dict[str, Any]:
        return {"hidden": x * 5, "cache": [x * 3]}

    def observed(function: Callable[..., Any]) -> Outcome:
        given = GRAD.detach().requires_grad_()
        watched = Watched((given,), names=("x",), ignored=frozenset({"cache"}))
        return observe(lambda: function(given), watched, 5)

    assert compare(observed(old), observed(new), differs=frozenset({"filled:cache"}))[0] == "same"
    assert compare(observed(old), observed(new))[0] == "differs"
    assert compare(observed(old), observed(wrong), differs=frozenset({"filled:cache"}))[0] == "differs"


def test_a_gradient_that_cancels_is_zero_up_to_rounding() -> None:
    """As that of the bias of an attention's keys, which a softmax does not see."""
    y = torch.linspace(-1, 1, 8).requires_grad_()

    def old(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x * 100).sum() + ((x.detach() + y).softmax(-1) * 3).sum()

    def new(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        raised = (x.detach() + y).exp()
        return (x * 100).sum() + (raised / raised.sum(-1, keepdim=True) * 3).sum()

    first, second = outcome(old, GRAD, y), outcome(new, GRAD, y)
    one, other = (next(leaf.values for leaf in o.gradients if leaf.path.endswith("y")) for o in (first, second))
    assert one is not None and other is not None and not torch.equal(one, other)
    assert compare(first, second)[0] == "close"
    said, words = verdict(old, lambda x, y: old(x, y) + 1e-4 * (y - y.detach()).sum(), GRAD, y)
    assert said == "differs" and "the gradient of y" in words


def test_a_random_value_named_is_still_of_its_kind() -> None:
    tags = frozenset({"random"})
    assert verdict(lambda x: torch.rand(3), lambda x: torch.rand(4), X, differs=tags)[0] == "differs"
    assert verdict(lambda x: x + 0, lambda x: x + 1, X, differs=tags)[0] == "differs", "nothing random was drawn"


def test_other_random_numbers_may_lead_to_a_gradient_that_was_none() -> None:
    def led(x: torch.Tensor, y: torch.Tensor, draws: int) -> torch.Tensor:
        drawn = float(torch.rand(draws)[0])
        return x * 2 + y if drawn < 0 or draws == 2 else x * 2

    def old(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return led(x, y, 1)

    def new(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return led(x, y, 2)

    two = [GRAD.detach().requires_grad_() for _ in range(2)]
    tags = frozenset({"random"})
    assert verdict(old, new, *two)[0] == "differs"
    assert verdict(old, new, *two, differs=tags)[0] == "same"
    assert verdict(new, old, *two, differs=tags)[0] == "differs", "a gradient that is lost"


def test_a_gradient_that_no_path_leads_to() -> None:
    class Two(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = (torch.nn.Parameter(torch.ones(8)) for _ in range(2))

    def of(function: Callable[[Any, torch.Tensor], torch.Tensor]) -> Outcome:
        two = Two()
        return observe(lambda: function(two, X), Watched((X,), owner=two, names=("x",)), 5)

    old = of(lambda two, x: x * two.a)
    new = of(lambda two, x: torch.where(x.sum() > -1, x * two.a, x * two.b))
    assert compare(old, new) == ("differs", "the gradient of self.b is zeros, was None")
    assert compare(old, new, None, frozenset({"zero-gradient"}))[0] == "same"


def test_what_is_no_value_for_python_is_still_a_tensor() -> None:
    said, words = verdict(lambda x: x * 2 if x else x, lambda x: torch.where(x != 0, x * 2, x), X)
    assert said == "refused"
    assert words.startswith("only the original raises RuntimeError (Boolean value of Tensor")


def test_a_size_that_torch_cannot_infer_of_nothing() -> None:
    empty = torch.zeros(0, 2, 4)
    pair = (lambda x: x.view(len(x), -1), lambda x: x.flatten(1), empty)
    assert verdict(*pair)[0] == "differs"
    assert verdict(*pair, differs=frozenset({"empty-view"}))[0] == "refused"
    own = raises(RuntimeError, "cannot reshape tensor of 0 elements: said by the program")
    assert verdict(own, lambda x: x, empty, differs=frozenset({"empty-view"}))[0] == "differs"


def test_operands_that_torch_refuses_in_other_words() -> None:
    assert verdict(lambda x: x @ x, lambda x: x + x[:3], X)[0] == "refused"
    assert verdict(lambda x: x @ x, lambda x: x + 1, X)[0] == "differs"


class TestTolerance:
    """The rule of tolerance.py, at its bounds."""

    def test_without_a_reference_four_units(self) -> None:
        eps = torch.finfo(torch.float32).eps
        one = torch.ones(1)
        assert not too_far(one, one + 4 * eps).any()
        assert too_far(one, one + 5 * eps).all()
        assert too_far(torch.zeros(1), torch.full((1,), 1e-30)).all()

    def test_three_times_the_error_of_the_original(self) -> None:
        exact = torch.ones(2, dtype=torch.float64)
        old = torch.tensor([1.0, 1.0001])
        assert not too_far(old, torch.tensor([1.00029, 1.0]), exact).any()
        assert too_far(old, torch.tensor([1.00035, 1.0]), exact).tolist() == [True, False]

    def test_a_reference_that_went_another_way_is_not_believed(self) -> None:
        old = torch.ones(2)
        assert too_far(old, old * 2, torch.full((2,), 3.0, dtype=torch.float64)).all()

    def test_terms_that_cancel(self) -> None:
        exact = torch.full((1,), 0.001, dtype=torch.float64)
        old, new, shaken = exact.float(), (exact + 2e-7).float(), exact + 1e-7
        assert too_far(old, new, exact).all()
        assert not too_far(old, new, exact, shaken).any()

    @pytest.mark.parametrize("other", [float("nan"), float("inf"), -float("inf"), 0.0])
    def test_special_values_are_never_close(self, other: float) -> None:
        old = torch.tensor([float("inf"), 1.0])
        exact = torch.full((2,), 1e30, dtype=torch.float64)
        if other != float("inf"):
            assert too_far(old, torch.tensor([other, 1.0]), exact)[0]
        assert too_far(old, torch.tensor([float("inf"), other]), exact)[1]

    def test_integers_are_equal_or_not(self) -> None:
        assert too_far(torch.tensor([1, 2]), torch.tensor([1, 3])).tolist() == [False, True]

    def test_half_precision_has_its_own_units(self) -> None:
        one = torch.ones(1, dtype=torch.bfloat16)
        assert not too_far(one, one + 2**-7).any()

    def test_complex(self) -> None:
        one = torch.ones(1, dtype=torch.complex64)
        assert not too_far(one, one * (1 + 1e-7)).any()
        assert too_far(one, one + 1e-4j).all()

    def test_numbers_that_were_items_of_float32(self) -> None:
        item = float(torch.tensor(0.1))
        near = float(torch.nextafter(torch.tensor(0.1), torch.tensor(1.0)))
        assert not number_too_far(item, near)
        assert number_too_far(0.1, 0.1 + 1e-8)
        assert not number_too_far(0.1, 0.1 + 1e-17)
        assert number_too_far(0.1, float("nan"))


def test_an_array_of_numpy_is_what_it_was_and_no_tensor() -> None:
    numpy = pytest.importorskip("numpy")
    held = numpy.ones(3, dtype="float32")
    assert verdict(lambda x: {"low": held}, lambda x: {"low": held.copy()}, X)[0] == "same"
    assert verdict(lambda x: held, lambda x: torch.from_numpy(held), X)[0] == "differs"
    assert verdict(lambda x: held, lambda x: held + 1, X)[0] == "differs"

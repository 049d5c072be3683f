"""When is a compiled result the same as eager's, up to what rounding explains?

The yardstick is the same computation in float64 from the same inputs, and what counts is whether the compiled result
is further from it than eager's own error allows (the arithmetic is rewrite/trial/tolerance.py's):

    |compiled - exact| <= FACTOR * max|eager - exact| + eps * (ulps * |exact| + floor * max|exact|)

FACTOR is 3, what torch's own accuracy check of compiled code allows at most for ordinary tensors
(torch/_dynamo/utils.py, `same`: `multiplier`, on root mean squares there; its absolute floor of tol / 10 = 1e-5 is not
taken over, since in float32 it would hide a dropped epsilon). ulps and floor, by dtype:

    float64, float32   4 and 1     sums in another order, SLEEF's functions of at most 1 ulp (torch's vec library)
    float16, bfloat16  1 and 0.5   a fused kernel keeps intermediates in float32 and rounds once (half a unit) where
                                   eager rounds at each op, so its error is mostly the smaller one
    float8             1 and 0     one of the two neighbours; three bits of mantissa leave no room for a floor
    integers, bool     equal

That is the rule for one kernel, and for the outputs of a graph whose kernels are interpreted: there max|eager - exact|
is joined by what the same graph gives in float64 when every operator's result is moved by a unit in the last place of
float32 (interpret/exactly.py). Over a whole call rounding adds up: a sum of n terms loses about sqrt(n) units where
eager on a CPU adds in float64 (batch norm), and what comes after it is further off. There the floor is 1024 units of
float32 or float64, 1.2e-4 of the largest element, which is the tolerance of torch's own check of whole models (`same`,
tol=1e-4); gradients of a small residual network were seen at 170. On inputs that we made it is 4096 units, 5e-4: all
zeros or 1000 times the usual make a network ill-conditioned in ways that nobody trained it for, and a wrong kernel
shows there in the first digits.

TF32 is float32 with eps 2**-10 (10 bits of mantissa). It is taken where eager itself shows it: on a GPU, with TF32
allowed for products, when eager's own error is beyond 16 units of float32.

Where the float64 run says nothing (it failed, took another branch, or was drawn from another random stream), the
defaults of torch.testing.assert_close stand in, by name: |compiled - eager| <= atol + rtol * |eager|, with rtol 1.3e-6
for float32, 1e-3 for float16, 1.6e-2 for bfloat16, 1e-7 for float64, and atol 1e-5 (float64 1e-7), but atol no more
than rtol times the largest element: an absolute tolerance knows nothing of a tensor's scale. float8: one unit.

NaN and infinities stand at the same places. One exception: where eager itself overflowed and the float64 run did not,
eager's error is infinite, and allows anything; fused half precision mostly does not overflow there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from g2.rewrite.trial.tolerance import FACTOR, too_far, usable

EXACT = "float64"
FALLBACK = "the tolerances of torch.testing.assert_close"
ONE, WHOLE, MADE = 1.0, 1024.0, 4096.0  # times the floor: of a kernel, of a call, of a call on inputs that we made
_TF32 = 2.0**-10
_TF32_SHOWN = 16.0  # units of float32
_WIDE = (4.0, 1.0)
_ROOM: dict[torch.dtype, tuple[float, float]] = {
    torch.float64: _WIDE,
    torch.float32: _WIDE,
    torch.float16: (1.0, 0.5),
    torch.bfloat16: (1.0, 0.5),
}
_FLOAT8 = (1.0, 0.0)
# torch/testing/_comparison.py, _DTYPE_PRECISIONS (2.11 to 2.15): rtol, atol
_CLOSE: dict[torch.dtype, tuple[float, float]] = {
    torch.float64: (1e-7, 1e-7),
    torch.float32: (1.3e-6, 1e-5),
    torch.float16: (1e-3, 1e-5),
    torch.bfloat16: (1.6e-2, 1e-5),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """far: the elements that are too far; how: by which rule; forgiven: so many where eager itself overflowed."""

    far: torch.Tensor
    how: str
    forgiven: int = 0


def judged(
    eager: torch.Tensor,
    compiled: torch.Tensor,
    exact: torch.Tensor | None = None,
    shaken: torch.Tensor | None = None,
    device: str = "cpu",
    slack: float = ONE,
) -> Judged:
    """Eager and compiled have one shape and one dtype, on the CPU. shaken: see rewrite/trial/precise.py. device: where
    they were computed. slack: ONE, WHOLE or MADE.
    """
    if eager.is_complex():
        parts = [None if one is None else _parts(one, eager) for one in (eager, compiled, exact, shaken)]
        assert parts[0] is not None and parts[1] is not None
        found = judged(parts[0], parts[1], parts[2], parts[3], device, slack)
        return Judged(found.far.any(-1), found.how, found.forgiven)
    if not eager.is_floating_point():
        return Judged(eager != compiled, EXACT)
    dtype = eager.dtype
    eps = torch.finfo(dtype).eps
    one, other = eager.double(), compiled.double()
    target = usable(one, exact, eps)
    if target is None and exact is not None and _explained(one, exact, shaken):
        return Judged(beyond(eager, compiled, exact, shaken, slack), EXACT)
    special = ~(one.isfinite() & other.isfinite())
    alike = (one == other) | (one.isnan() & other.isnan())
    if target is None and slack >= MADE and exact is not None and exact.shape == one.shape:
        # Eager itself is far off on these inputs (a saturated tanh, say): its error is what is allowed.
        finite = exact.isfinite() & ~special
        gaps = [torch.where(finite, (side - exact.double()).abs(), 0.0) for side in (one, other)]
        far = gaps[1] > FACTOR * float(gaps[0].amax()) if one.numel() else finite
        return Judged(torch.where(special, ~alike, far), EXACT)
    if target is None:
        gap = (other - one).abs()
        return Judged(torch.where(special, ~alike, gap > _close(one, dtype)), FALLBACK)
    if dtype.itemsize == 1:
        far = _measured8(one, other, target, eps)
    else:
        ulps, floor = room(dtype)
        floor *= slack if dtype.itemsize >= 4 else 1.0
        if dtype is torch.float32 and _tf32(one, target, eps, device):
            ulps, floor = ulps * _TF32 / eps, floor * _TF32 / eps
        far = too_far(eager, compiled, exact, shaken, ulps=ulps, floor=floor)
    overflowed = special & ~one.isfinite() & target.isfinite()
    far = torch.where(special, ~alike & ~overflowed, far)
    return Judged(far, EXACT, int((overflowed & ~alike).sum()))


def beyond(
    eager: torch.Tensor,
    compiled: torch.Tensor,
    exact: torch.Tensor,
    shaken: torch.Tensor | None,
    slack: float = ONE,
) -> torch.Tensor:
    """The elements that are too far by the rule, believing the float64 run even where eager is far from it: sums that
    cancel (the gradient of a bias before a normalisation) are rounding and nothing else in eager.
    """
    if eager.is_complex():
        parts = [None if one is None else torch.view_as_real(one) for one in (eager, compiled, exact, shaken)]
        assert parts[0] is not None and parts[1] is not None and parts[2] is not None
        return beyond(parts[0], parts[1], parts[2], parts[3], slack).any(-1)
    units, floor = room(eager.dtype)
    floor *= slack if eager.dtype.itemsize >= 4 else 1.0
    eps = torch.finfo(eager.dtype).eps
    first, second, target = eager.double(), compiled.double(), exact.double()
    finite = first.isfinite() & second.isfinite() & target.isfinite()

    def largest(values: torch.Tensor) -> torch.Tensor:
        return torch.where(finite & values.isfinite(), values.abs(), 0.0).amax()

    error = largest(first - target)
    if shaken is not None:
        error = torch.maximum(error, largest(shaken.double() - target))
    allowed = FACTOR * error + eps * (units * target.abs() + floor * largest(target))
    alike = (first == second) | (first.isnan() & second.isnan())
    # What overflowed in eager, and not in float64, says nothing; NaN must stay NaN.
    odd = ~alike & ~(first.isinf() & target.isfinite())
    return torch.where(finite, (second - target).abs() > allowed, odd)


def _explained(one: torch.Tensor, exact: torch.Tensor, shaken: torch.Tensor | None) -> bool:
    """Whether eager is no further from the float64 run than rounding at every step carries that."""
    if shaken is None or not exact.shape == shaken.shape == one.shape or not one.numel():
        return False
    finite = exact.isfinite() & shaken.isfinite() & one.isfinite()
    gaps = [torch.where(finite, (side - exact).abs(), 0.0).amax() for side in (one, shaken.double())]
    return bool(gaps[0] <= FACTOR * gaps[1])


def room(dtype: torch.dtype) -> tuple[float, float]:
    """(ulps, floor) of the rule for results of that dtype."""
    return _FLOAT8 if dtype.itemsize == 1 else _ROOM.get(dtype, _WIDE)


def worst(
    eager: torch.Tensor, compiled: torch.Tensor, far: torch.Tensor, exact: torch.Tensor | None
) -> tuple[int, ...]:
    """The index of the element among `far` that is furthest from the exact value (from eager's, where there is none);
    one that is no finite number on one side is further than any other.
    """
    if eager.is_complex():
        eager, compiled = eager.abs(), compiled.abs()
    target = eager if exact is None or exact.shape != eager.shape or exact.is_complex() else exact
    gap = (compiled.double() - target.double()).abs()
    gap = torch.where(gap.isnan(), torch.inf, gap)
    odd = far & (eager.double().isfinite() != compiled.double().isfinite())
    gap = torch.where(far, torch.where(odd, torch.inf, gap), -1.0)
    return tuple(int(part) for part in torch.unravel_index(gap.argmax(), gap.shape)) if gap.dim() else ()


def _measured8(one: torch.Tensor, other: torch.Tensor, target: torch.Tensor, eps: float) -> torch.Tensor:
    ulps, _ = _FLOAT8
    error = (one - target).abs()
    return (other - target).abs() > error + ulps * eps * target.abs()


def _tf32(one: torch.Tensor, target: torch.Tensor, eps: float, device: str) -> bool:
    if not device.startswith("cuda") or torch.get_float32_matmul_precision() == "highest":
        return False
    finite = one.isfinite() & target.isfinite()
    gap = torch.where(finite, (one - target).abs(), 0.0)
    largest = torch.where(finite, target.abs(), 0.0)
    return bool(gap.numel()) and float(gap.amax()) > _TF32_SHOWN * eps * float(largest.amax())


def _close(one: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    if dtype.itemsize == 1:
        return torch.finfo(dtype).eps * one.abs()
    rtol, atol = _CLOSE.get(dtype, _CLOSE[torch.float32])
    finite = torch.where(one.isfinite(), one.abs(), 0.0)
    largest = float(finite.amax()) if one.numel() else 0.0
    return rtol * one.abs() + min(atol, rtol * largest)


def _parts(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor | None:
    if not tensor.is_complex() or tensor.shape != like.shape:
        return None
    return torch.view_as_real(tensor.resolve_conj())

"""When are two results of floating-point arithmetic the same up to rounding?

With a reference, the same computation in float64 from the same inputs: the new result may be FACTOR times as far from
it as the old one is anywhere in the tensor, plus ULPS units in the last place of the element and one of the largest:

    |new - reference| <= FACTOR * max|old - reference| + eps * (ULPS * |reference| + max|reference|)

where eps is that of the result's dtype. FACTOR is what torch's own accuracy check of compiled code allows at most
(torch/_dynamo/utils.py, `same`: `multiplier` 2 to 3 against the error of eager; its floor of 1e-5 is not taken over: at
float32 it would hide a dropped epsilon). A reference that the old result itself is far from (further than sqrt(eps) of
its largest element: in float64 the program took another branch) says nothing and is not used.

Where terms cancel, the old result may be near the reference by luck. A second reference, `shaken`, from inputs that
differ by one unit in the last place of float32, shows how far rounding can carry there: max|shaken - reference| counts
beside max|old - reference|.

Without a reference: |new - old| <= ULPS * eps * |old|, each element on its own.

A gradient that is nowhere larger than eps times the largest of all gradients of the call, before and after, is zero up
to rounding: terms of that size cancelled (the bias of an attention's keys). Where no reference says more, any two are
the same.

NaN and infinities must stand at the same places, with the same sign, always. Integers and booleans are equal or not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import torch

FACTOR = 3.0
ULPS = 4.0
_FLOAT32 = torch.finfo(torch.float32).eps
_FLOAT64 = torch.finfo(torch.float64).eps


def too_far(
    old: torch.Tensor,
    new: torch.Tensor,
    reference: torch.Tensor | None = None,
    shaken: torch.Tensor | None = None,
    *,
    ulps: float = ULPS,
    floor: float = 1.0,
) -> torch.Tensor:
    """A mask of the elements that differ by more than rounding. Old and new have one shape and one dtype.

    floor: how many units in the last place of the largest element are allowed everywhere, besides the others.
    """
    if old.is_complex():
        real, other = _real(reference, old), _real(shaken, old)
        parts = too_far(torch.view_as_real(old), torch.view_as_real(new), real, other, ulps=ulps, floor=floor)
        return parts.any(-1)
    if not old.is_floating_point():
        return old != new
    eps = torch.finfo(old.dtype).eps
    first, second = old.double(), new.double()
    special = ~(first.isfinite() & second.isfinite())
    alike = (first == second) | (first.isnan() & second.isnan())
    target = usable(first, reference, eps)
    if target is None:
        far = (second - first).abs() > ulps * eps * first.abs()
    else:
        finite = target.isfinite() & ~special
        error = _largest((first - target).abs(), finite)
        if (other := usable(first, shaken, eps)) is not None:
            error = max(error, _largest((other - target).abs(), finite & other.isfinite()))
        largest = _largest(target.abs(), finite)
        allowed = FACTOR * error + eps * (ulps * target.abs() + floor * largest)
        far = torch.where(finite, (second - target).abs() > allowed, (second - first).abs() > ulps * eps * first.abs())
    return torch.where(special, ~alike, far)


def cancelled(
    old: torch.Tensor, new: torch.Tensor, above: float, reference: torch.Tensor | None = None
) -> bool:
    """Whether two gradients are zero up to the rounding of a call whose largest gradient is `above`."""
    if not old.is_floating_point() or old.shape != new.shape or not bool((old.isfinite() & new.isfinite()).all()):
        return False
    eps = torch.finfo(old.dtype).eps
    if usable(old.double(), reference, eps) is not None:
        return False
    return all(float(one.double().abs().amax()) <= eps * above for one in (old, new) if one.numel())


def largest(gradients: Iterable[torch.Tensor]) -> float:
    """The largest finite element of them; 0 where there is none."""
    floating = (one for one in gradients if one.is_floating_point())
    return max((_largest(one.double().abs(), one.isfinite()) for one in floating), default=0.0)


def number_too_far(old: float, new: float, reference: float | None = None, shaken: float | None = None) -> bool:
    """The same of two Python numbers. What float32 can hold exactly is taken for an item of a float32 tensor."""
    dtype = torch.float32 if _is_single(old) and _is_single(new) else torch.float64
    targets = [None if one is None else torch.tensor([one], dtype=torch.float64) for one in (reference, shaken)]
    return bool(too_far(torch.tensor([old], dtype=dtype), torch.tensor([new], dtype=dtype), *targets))


def usable(old: torch.Tensor, reference: torch.Tensor | None, eps: float) -> torch.Tensor | None:
    """The reference in float64, where it is one for `old`."""
    if reference is None or reference.shape != old.shape or not reference.is_floating_point():
        return None
    target = reference.double()
    finite = target.isfinite() & old.isfinite()
    if _largest((old - target).abs(), finite) > eps**0.5 * _largest(target.abs(), finite):
        return None
    return target


def _largest(values: torch.Tensor, where: torch.Tensor) -> float:
    return float(torch.where(where, values, 0.0).amax()) if values.numel() else 0.0


def _real(reference: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor | None:
    if reference is None or not reference.is_complex() or reference.shape != like.shape:
        return None
    return torch.view_as_real(reference)


def _is_single(number: float) -> bool:
    try:
        return number != number or struct.unpack("f", struct.pack("f", number))[0] == number
    except OverflowError:
        return False

"""What can be done to a tensor's values. Each way keeps shape and dtype, and takes indices from among those seen."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import torch

FEW = (
    4  # different values in a tensor of floats: then they are a mask or a choice, and others are drawn from among them
)


def generator(*parts: object) -> torch.Generator:
    """Random numbers that depend on these words alone."""
    return torch.Generator().manual_seed(zlib.crc32(repr(parts).encode()))


@dataclass(frozen=True)
class Way:
    """name: what follows "x" in words. floats, whole, flags: what is done to a tensor of that kind; None leaves it."""

    name: str
    floats: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None
    whole: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None
    flags: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None

    def touches(self, tensor: torch.Tensor) -> bool:
        """Whether it does anything to such a tensor."""
        return tensor.numel() > 0 and self._of(tensor) is not None

    def apply(self, path: str, tensor: torch.Tensor) -> torch.Tensor:
        """The new values."""
        change = self._of(tensor)
        if change is None or not tensor.numel():
            return tensor
        return change(tensor, generator(self.name, path)).to(device=tensor.device, dtype=tensor.dtype)

    def _of(self, tensor: torch.Tensor) -> Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None:
        if tensor.dtype == torch.bool:
            return self.flags
        if tensor.is_floating_point() or tensor.is_complex():
            return self.floats
        return self.whole


def redrawn(tensor: torch.Tensor, source: torch.Generator) -> torch.Tensor:
    """Other floats of the same mean, spread and sign; of a mask, others of its values."""
    known = tensor.flatten()
    if tensor.is_complex():
        parts = torch.view_as_real(tensor.resolve_conj())
        return torch.view_as_complex(redrawn(parts, source).contiguous())
    if tensor.numel() > FEW and len(torch.unique(known.double())) <= FEW:
        return chosen(tensor, source)
    finite = known[known.isfinite()].double()
    if not finite.numel():
        return tensor
    spread = float(finite.std()) if finite.numel() > 1 else 0.0
    drawn = torch.randn(tensor.shape, generator=source, dtype=torch.float64)
    drawn = drawn * (spread or abs(float(finite[0])) or 1.0) + float(finite.mean())
    low, high = float(finite.min()), float(finite.max())
    if low >= 0:
        drawn = drawn.abs()
        if high <= 1:
            drawn = drawn.clamp(max=1.0)
    elif high <= 0:
        drawn = -drawn.abs()
    return drawn


def chosen(tensor: torch.Tensor, source: torch.Generator) -> torch.Tensor:
    """Other values from among those that it has: indices stay valid."""
    places = torch.randint(0, tensor.numel(), tensor.shape, generator=source)
    return tensor.flatten().cpu()[places]


def tossed(tensor: torch.Tensor, source: torch.Generator, share: float = 0.5) -> torch.Tensor:
    """Random flags."""
    return torch.rand(tensor.shape, generator=source) < share


def one(value: float) -> Callable[[torch.Tensor, torch.Generator], torch.Tensor]:
    """One element, somewhere, becomes that."""

    def change(tensor: torch.Tensor, source: torch.Generator) -> torch.Tensor:
        new = tensor.clone(memory_format=torch.contiguous_format)
        place = int(torch.randint(0, tensor.numel(), (), generator=source))
        new.view(-1)[place] = value
        return new

    return change


def _in_order(tensor: torch.Tensor, source: torch.Generator) -> torch.Tensor:
    return tensor if tensor.is_complex() or not tensor.dim() else tensor.sort(-1).values


def _first(tensor: torch.Tensor, source: torch.Generator) -> torch.Tensor:
    return tensor.flatten()[0].expand(tensor.shape)


def _least(tensor: torch.Tensor, source: torch.Generator) -> torch.Tensor:
    return tensor.amin().expand(tensor.shape)


def _most(tensor: torch.Tensor, source: torch.Generator) -> torch.Tensor:
    return tensor.amax().expand(tensor.shape)


REDRAWN = Way("with other values", redrawn, chosen, tossed)
NEGATED = Way("negated", lambda tensor, _: -tensor, None, lambda tensor, _: ~tensor)
ZEROS = Way("all zero", lambda tensor, _: tensor * 0 if tensor.isfinite().all() else torch.zeros_like(tensor), _least,
            lambda tensor, _: torch.zeros_like(tensor))  # fmt: skip
ONE_NAN = Way("with one NaN", one(float("nan")))
LARGE = Way("times 1000", lambda tensor, _: tensor * 1000)
# The most telling first.
WAYS = (
    REDRAWN,
    NEGATED,
    ZEROS,
    ONE_NAN,
    LARGE,
    Way("with one infinity", one(float("inf"))),
    Way("times 0.001", lambda tensor, _: tensor * 0.001),
    Way("all one", lambda tensor, _: torch.ones_like(tensor), _most, lambda tensor, _: torch.ones_like(tensor)),
    Way("all equal", _first, _first, None),
    Way("sorted", _in_order, _in_order, lambda tensor, _: tensor.sort(-1).values if tensor.dim() else tensor),
    Way("with one negative infinity", one(float("-inf"))),
)
EACH = (REDRAWN, NEGATED, ZEROS, ONE_NAN)  # tried on each tensor alone too

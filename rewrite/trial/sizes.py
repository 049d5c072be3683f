"""Other sizes for inputs: one size is renamed in every tensor that has it, as a longer text or a larger batch does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from g2.rewrite.trial.copies import Change, Inputs

LARGEST = 1 << 22  # elements that a tensor may grow to


@dataclass(frozen=True)
class Renaming:
    """Dimensions of size `old` become `new`; with `only`, those at that place alone. numbers: equal ones follow."""

    old: int
    new: int
    only: int | None = None

    @property
    def name(self) -> str:
        """In words."""
        where = f" in dimension {self.only}" if self.only is not None else ""
        return f"size {self.old} made {self.new}{where}"

    def change(self) -> Change:
        """The change of the inputs."""
        return Change(
            values=lambda path, tensor: self._resized(tensor), number=lambda path, number: self._number(number)
        )

    def fits(self, inputs: Inputs) -> bool:
        """Whether no tensor grows too large."""
        return all(
            tensor.numel() * (self.new / max(self.old, 1)) ** len(self._places(tensor)) <= LARGEST
            for _, tensor in inputs.tensors
        )

    def _places(self, tensor: torch.Tensor) -> list[int]:
        return [
            place
            for place, size in enumerate(tensor.shape)
            if size == self.old and (self.only is None or place == self.only)
        ]

    def _resized(self, tensor: torch.Tensor) -> torch.Tensor:
        for place in self._places(tensor):
            counted = _counted(tensor, place, self.new)
            around = torch.arange(self.new, device=tensor.device) % max(self.old, 1)
            tensor = tensor.index_select(place, around) if counted is None else counted
        return tensor

    def _number(self, number: int | float) -> int | float:
        # A flag or a small count is not taken for a size.
        return self.new if type(number) is int and number == self.old > 2 and self.only is None else number


def _counted(tensor: torch.Tensor, place: int, new: int) -> torch.Tensor | None:
    """Positions 0, 1, 2, ... go on counting, they do not start again."""
    old = tensor.shape[place]
    if old < 2 or tensor.dtype == torch.bool or tensor.is_floating_point() or tensor.is_complex() or not tensor.numel():
        return None
    steps = torch.arange(old, device=tensor.device, dtype=tensor.dtype)
    turned = tensor.movedim(place, -1)
    first = turned[..., :1]
    if not torch.equal(turned, (first + steps).expand_as(turned)):
        return None
    return (first + torch.arange(new, device=tensor.device, dtype=tensor.dtype)).movedim(-1, place)


def renamable(inputs: Inputs, module: Any) -> list[tuple[int, int]]:
    """(dimension of the first tensor that has it, size), the likeliest batch and length first.

    What parameters have too may be a width, which the code has fixed: it comes later. The last dimension of vectors
    mostly is one: it comes only where there is nothing else.
    """
    widths: set[int] = set()
    if isinstance(module, torch.nn.Module):
        widths = {size for parameter in module.parameters() for size in parameter.shape}
    found: dict[int, tuple[bool, bool, int, int]] = {}
    for number, (_, tensor) in enumerate(inputs.tensors):
        for place, size in enumerate(tensor.shape):
            last = place == tensor.dim() - 1 and 2 <= tensor.dim() <= 3 and tensor.is_floating_point()
            rank = (size in widths, last, place, number)
            if size > 0 and (size not in found or rank < found[size]):
                found[size] = rank
    ordered = sorted(found.items(), key=lambda entry: entry[1])
    free = [(size, rank) for size, rank in ordered if not rank[1]]
    return [(rank[2], size) for size, rank in free or ordered]


def renamings(inputs: Inputs, module: Any) -> Iterator[Renaming]:
    """The most telling first: each size grown by one, then 1, doubled, halved, and only at its own place."""
    sizes = renamable(inputs, module)[:3]
    found: list[list[Renaming]] = []
    for place, size in sizes:
        only = place if size == 1 else None
        ways = [Renaming(size, size + 1, only)]
        if size > 1:
            ways.append(Renaming(size, 1))
        ways.append(Renaming(size, size * 2, only))
        if size > 3:
            ways.append(Renaming(size, size // 2))
        if size > 1:
            ways.append(Renaming(size, size + 1, place))
        found.append([way for way in ways if way.fits(inputs)])
    for turn in range(max(map(len, found), default=0)):
        for ways in found:
            if turn < len(ways):
                yield ways[turn]


def lengths(inputs: Inputs, module: Any) -> tuple[Renaming, Renaming] | None:
    """(longer, shorter) of what is likeliest a length: a second dimension before a first; None without any."""
    sizes = [(place, size) for place, size in renamable(inputs, module) if size > 1]
    if not sizes:
        return None
    size = next((size for place, size in sizes if place == 1), sizes[0][1])
    longer, shorter = Renaming(size, size * 2), Renaming(size, max(1, size // 2))
    return (longer, shorter) if longer.fits(inputs) else None

"""What the object holds and a branch may ask for: small buffers, flags and counters. Changed in place, in a fork."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from g2.rewrite.trial.changes import Way

SMALL = 64  # elements: above that it is a table or a weight
MOST = 6


@dataclass(frozen=True)
class Held:
    """One small tensor of the object; path in words."""

    path: str
    tensor: torch.Tensor

    def ways(self) -> Iterator[Way]:
        """What is done to it, the most telling first."""
        for way in _WAYS:
            if way.touches(self.tensor):
                yield way

    def change(self, way: Way) -> None:
        """Write the new values into it."""
        with torch.no_grad():
            self.tensor.copy_(way.apply(self.path, self.tensor.detach()))


_WAYS = (
    Way("flipped", flags=lambda tensor, _: ~tensor),
    Way("plus 1", whole=lambda tensor, _: tensor + 1),
    Way("negated", lambda tensor, _: -tensor),
    Way("zero", lambda tensor, _: torch.zeros_like(tensor), lambda tensor, _: torch.zeros_like(tensor)),
    Way("times 1000", lambda tensor, _: tensor * 1000, lambda tensor, _: tensor * 1000),
)


def held(owner: Any, kept: frozenset[str] = frozenset()) -> list[Held]:
    """The small tensors of the object, buffers before plain attributes before parameters; no attribute in `kept`."""
    if owner is None:
        return []
    found: list[Held] = []
    if isinstance(owner, torch.nn.Module):
        places = [(f"self.{name}" if name else "self", module) for name, module in owner.named_modules()]
        groups: tuple[list[tuple[str, Mapping[str, Any]]], ...] = (
            [(path, module._buffers) for path, module in places],
            [(path, vars(module)) for path, module in places],
            [(path, module._parameters) for path, module in places],
        )
        for group in groups:
            for path, values in group:
                found += [Held(f"{path}.{name}", value) for name, value in values.items() if _is_small(value)]
    else:
        found += [
            Held(f"self.{name}", value) for name, value in getattr(owner, "__dict__", {}).items() if _is_small(value)
        ]
    return [one for one in found if one.path.rpartition(".")[2] not in kept][:MOST]


def _is_small(value: Any) -> bool:
    return type(value) in (torch.Tensor, torch.nn.Parameter) and 0 < value.numel() <= SMALL and not value.is_meta

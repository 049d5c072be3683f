"""Random inputs over magnitudes, signs and shares of zeros: for reaching the other side of a branch."""

from __future__ import annotations

from typing import Any

import torch

from g2.rewrite.trial.changes import Way, chosen, generator, one, redrawn, tossed
from g2.rewrite.trial.copies import Change, Inputs
from g2.rewrite.trial.sizes import Renaming, renamable


class Dice:
    """Plain numbers from a generator."""

    def __init__(self, source: torch.Generator) -> None:
        self._source = source

    def unit(self) -> float:
        """In [0, 1)."""
        return float(torch.rand((), generator=self._source))

    def among(self, count: int) -> int:
        """Below count."""
        return int(torch.randint(0, count, (), generator=self._source))

    def magnitude(self, most: float = 3.0) -> float:
        """10 to a power within +-most."""
        return float(10 ** (most * (2 * self.unit() - 1)))

    def sign(self) -> int:
        """1 or -1."""
        return 1 if self.unit() < 0.5 else -1


def random_change(inputs: Inputs, module: Any, seed: int, number: int) -> tuple[Change, Way | None]:
    """(the change of the inputs, what is done to the small tensors that the module holds, if anything)."""
    dice = Dice(generator("search", seed, number))
    together = dice.unit() < 0.4
    common = _way(dice, f"{seed} {number}")
    ways: dict[str, Way] = {}
    for path, _ in inputs.tensors:
        kept = dice.unit() < 0.25 and len(inputs.tensors) > 1
        ways[path] = common if together else _NOTHING if kept else _way(dice, f"{seed} {number} {path}")
    sizes = renamable(inputs, module)[:3]
    renaming: Renaming | None = None
    if sizes and dice.unit() < 0.3:
        place, size = sizes[dice.among(len(sizes))]
        new = (1, 2, size + 1, size * 2, size * 4, max(1, size // 2), 1 + dice.among(2 * size))[dice.among(7)]
        renaming = Renaming(size, new, place if size == 1 or dice.unit() < 0.3 else None)
        if not renaming.fits(inputs):
            renaming = None
    factor = dice.sign() * dice.magnitude() if dice.unit() < 0.5 else 1.0
    inner = _way(dice, f"{seed} {number} held") if dice.unit() < 0.4 else None
    resize = renaming.change() if renaming is not None else Change()

    def values(path: str, tensor: torch.Tensor) -> torch.Tensor:
        resized = resize.values(path, tensor)
        return ways.get(path, common).apply(path, resized)

    def numbers(path: str, value: int | float) -> int | float:
        return value * factor if isinstance(value, float) else resize.number(path, value)

    return Change(values, numbers), inner


_NOTHING = Way("as recorded")


def _way(dice: Dice, name: str) -> Way:
    kind = dice.among(11)
    far = 6.0 if dice.unit() < 0.2 else 3.0  # 1e6 is beyond what half precision holds
    scale, sign, share, offset = dice.magnitude(far), dice.sign(), dice.unit(), dice.sign() * dice.magnitude(far)
    tossed_share = (0.0, 0.1, 0.5, 0.9, 1.0)[dice.among(5)]
    whole = dice.among(5)

    def floats(tensor: torch.Tensor, source: torch.Generator) -> torch.Tensor:
        drawn = redrawn(tensor, source)
        if tensor.is_complex():
            return drawn * sign * scale
        drawn = drawn.double()
        noise = torch.randn(tensor.shape, generator=source, dtype=torch.float64)
        spread = float(drawn[drawn.isfinite()].abs().mean()) if bool(drawn.isfinite().any()) else 1.0
        match kind:
            case 0:
                return noise * scale
            case 1:
                return tensor.cpu().double() * sign * scale
            case 2:
                return drawn + offset * spread
            case 3:
                return drawn * (torch.rand(tensor.shape, generator=source) < share * share)
            case 4:
                return torch.rand(tensor.shape, generator=source, dtype=torch.float64)
            case 5:  # about a threshold that programs like
                return (0.0, 0.5, 1.0, -1.0)[whole % 4] + noise * min(scale, 1.0)
            case 6:
                return torch.full(tensor.shape, offset, dtype=torch.float64)
            case 7:
                return drawn.abs() * sign * scale
            case 8:  # a few large among small ones
                return drawn * torch.where(torch.rand(tensor.shape, generator=source) < 0.05, 1e4, 1.0)
            case 9:
                return one((float("nan"), float("inf"), -float("inf"), 0.0)[whole % 4])(drawn, source)
            case _:
                return drawn * sign

    def wholes(tensor: torch.Tensor, source: torch.Generator) -> torch.Tensor:
        if tensor.numel() == 1:  # a counter, a position, a length
            most = 2 * abs(int(tensor)) + 3
            return torch.randint(0, most, tensor.shape, generator=source)
        drawn = chosen(tensor, source)
        match whole:
            case 0:
                return drawn.flatten()[0].expand(tensor.shape)
            case 1:
                low, high = int(tensor.min()), int(tensor.max())
                return torch.randint(low, high + 1, tensor.shape, generator=source)
            case 2:
                return torch.where(torch.rand(tensor.shape, generator=source) < share, drawn, tensor.cpu().amin())
            case 3:  # beyond what was seen; no index any more, but lengths and counts
                return torch.randint(0, 2 * max(int(tensor.max()), 0) + 2, tensor.shape, generator=source)
            case _:
                return drawn

    return Way(name, floats, wholes, lambda tensor, source: tossed(tensor, source, tossed_share))

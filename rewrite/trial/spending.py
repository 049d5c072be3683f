"""Time of processors that comparisons may take, told by what this process and the forks it waited for have taken.

Time that a busy machine makes us wait does not count.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field


def taken() -> float:
    """Seconds of processors that this process has taken, with its children that have ended."""
    return sum(os.times()[:4])


@dataclass(frozen=True, slots=True)
class Spending:
    """enough: after so many seconds only what a cure cannot do without is compared; most: then nothing more is."""

    enough: float
    most: float
    _begun: float = field(default_factory=taken)

    @property
    def plenty(self) -> bool:
        """Whether there is time for what is good to know."""
        return taken() - self._begun < self.enough

    @property
    def over(self) -> bool:
        """Whether nothing more is to be compared."""
        return taken() - self._begun >= self.most

    def part(self, share: float) -> Spending:
        """What is left, and this share of what is plenty; to be made in the process that will spend it."""
        spent = taken() - self._begun
        return Spending(max(self.enough - spent, 0.0) * share, self.most - spent)

    def handed(self) -> tuple[float, float]:
        """(enough, most) for a fork, whose own time begins at nothing."""
        spent = taken() - self._begun
        return max(self.enough - spent, 0.0), self.most - spent

"""An outcome as a file. Fit for `torch.load(weights_only=True)`: nothing in it is executed when it is read."""

from __future__ import annotations

from pathlib import Path

from g2.rewrite.trial.deeds import Outcome


def save(outcome: Outcome, path: Path) -> None:
    """Write it. Raises OSError."""
    raise NotImplementedError


def load(path: Path) -> Outcome:
    """Read it back. Raises OSError, and ValueError for a file that `save` did not write."""
    raise NotImplementedError

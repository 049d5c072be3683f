"""An outcome as a file. Fit for `torch.load(weights_only=True)`: nothing in it is executed when it is read."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import torch

from g2.rewrite.trial.deeds import Leaf, Outcome, Raised, Told

FORMAT = 1


def save(outcome: Outcome, path: Path | BinaryIO) -> None:
    """Write it. Raises OSError."""
    data: dict[str, Any] = {
        "format": FORMAT,
        "outputs": _leaves(outcome.outputs),
        "gradients": _leaves(outcome.gradients),
        "arguments": _leaves(outcome.arguments),
        "state": _leaves(outcome.state),
        "changed": sorted(outcome.changed),
        "raised": None
        if outcome.raised is None
        else [outcome.raised.type, outcome.raised.message, outcome.raised.deliberate],
        "told": [[told.kind, told.text, told.what] for told in outcome.told],
        "random": [list(entry) for entry in outcome.random],
        "modes": [list(entry) for entry in outcome.modes],
        "notes": list(outcome.notes),
    }
    try:
        torch.save(data, path)
    except RuntimeError as error:  # what torch makes of a folder that is not there or a full disk
        raise OSError(str(error)) from error


def load(path: Path | BinaryIO) -> Outcome:
    """Read it back. Raises OSError, and ValueError for a file that `save` did not write whole."""
    try:
        data: Any = torch.load(path, weights_only=True, map_location="cpu")
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(f"{path} is not an outcome that this version of g2 wrote")
        return Outcome(
            outputs=_read(data["outputs"]),
            gradients=_read(data["gradients"]),
            arguments=_read(data["arguments"]),
            state=_read(data["state"]),
            changed=frozenset(data["changed"]),
            raised=Raised(*data["raised"]) if data["raised"] is not None else None,
            told=tuple(Told(*told) for told in data["told"]),
            random=tuple((name, before, after) for name, before, after in data["random"]),
            modes=tuple((name, value) for name, value in data["modes"]),
            notes=tuple(data["notes"]),
        )
    except (RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is not a whole outcome: {error}") from error


def _leaves(leaves: tuple[Leaf, ...]) -> list[Any]:
    return [
        [leaf.path, leaf.kind, leaf.text, [list(fact) for fact in leaf.facts], leaf.number, leaf.values, leaf.digest]
        for leaf in leaves
    ]


def _read(leaves: Any) -> tuple[Leaf, ...]:
    return tuple(
        Leaf(path, kind, text, tuple((name, value) for name, value in facts), number, values, digest)
        for path, kind, text, facts, number, values, digest in leaves
    )

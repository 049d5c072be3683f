"""Random ops as they are compiled for real: Inductor draws from a stream of its own, so results are compared by
statistics over many calls, each from another seed.

Of every floating output and gradient, per call: its mean, its mean square and its share of zeros (a lost mask, a lost
scaling, another probability show there). Two sets of RUNS calls are compared by Welch's t; beyond LIMIT standard errors
they differ: by chance once in about 100,000 statistics at 48 degrees of freedom.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

import torch

from g2.check.child.correct_judge import Verdict
from g2.check.child.correct_runs import Failed, How, Runs, Setting
from g2.rewrite.trial.deeds import Leaf, Outcome
from g2.rewrite.trial.subject import Case
from g2.rewrite.trial.variants import Made, Variant

RUNS = 25
LIMIT = 5.0
HOW = f"statistics of {RUNS} calls with other seeds"
_NOISE = 1e-6  # of the largest value of all: eight units of float32
_NAMES = ("mean", "mean square", "share of zeros")


@dataclass(frozen=True, slots=True)
class _Side:
    means: tuple[float, ...]
    error: tuple[float, ...]  # squared, of each mean


def compared(runs: Runs, case: Case, seconds: float) -> Verdict:
    """"same" or "differs" (a statistic is beyond its limit), "unable" where calls did not come to their end."""
    cases = [Case(f"seed {seed}", (_seeded(case.calls[0], seed),)) for seed in range(RUNS)]
    eager = runs.outcomes(cases, How.EAGER, seconds)
    own = Setting(mode=runs.mode, same_draws=False)
    compiled = runs.outcomes(cases, How.COMPILED, seconds, own)
    sides = [[one for one in found if isinstance(one, Outcome) and one.raised is None] for found in (eager, compiled)]
    if min(map(len, sides)) < RUNS:
        why = next((one.why for one in compiled if isinstance(one, Failed)), "not every call came to its end")
        return Verdict("unable", why, HOW)
    paths = _floats(sides[0][0])
    # What cancels to nothing (a gradient behind a softmax) is rounding of what it cancelled from, and no draw.
    noise = _NOISE * max((_largest(_under(path, sides[0])) for path in paths), default=0.0)
    for path in paths:
        first, second = (_under(path, side) for side in sides)
        words = gap(first, second, noise)
        if words:
            return Verdict("differs", words.format(path), HOW, path=path)
    return Verdict("same", "", HOW)


def gap(eager: Sequence[torch.Tensor], compiled: Sequence[torch.Tensor], noise: float = 0.0) -> str:
    """In words what differs between two sets of results, "{}" for the name of what they are; empty for nothing, and
    where a statistic cannot be had. noise: values that small say nothing.
    """
    first, second = _statistics(eager), _statistics(compiled)
    if first is None or second is None:
        return ""
    for name, one, other, error, more in zip(_NAMES, first.means, second.means, first.error, second.error, strict=True):
        rounding = 1e-5 * max(abs(one), abs(other)) + (0.0 if name == _NAMES[2] else noise)
        if abs(one - other) > LIMIT * math.sqrt(error + more) + rounding:
            return f"the {name} of {{}} is {other:.4g} over {len(compiled)} calls, {one:.4g} in eager"
    return ""


def _seeded(variant: Variant, seed: int) -> Variant:
    def make() -> Made:
        made = variant.make()
        torch.manual_seed(seed)
        random.seed(seed)
        if "numpy.random" in sys.modules:
            sys.modules["numpy"].random.seed(seed)
        return made

    return Variant(f"seed {seed}", make)


def _leaves(outcome: Outcome) -> dict[str, Leaf]:
    return {leaf.path: leaf for leaf in (*outcome.outputs, *outcome.gradients)}


def _under(path: str, side: Sequence[Outcome]) -> list[torch.Tensor]:
    found = (_leaves(outcome).get(path) for outcome in side)
    return [leaf.values for leaf in found if leaf is not None and leaf.values is not None]


def _floats(outcome: Outcome) -> list[str]:
    found = _leaves(outcome).items()
    return [path for path, leaf in found if leaf.values is not None and leaf.values.is_floating_point()]


def _largest(values: Sequence[torch.Tensor]) -> float:
    return max((float(one.abs().max()) for one in values if one.numel()), default=0.0)


def _statistics(values: Sequence[torch.Tensor]) -> _Side | None:
    rows: list[tuple[float, float, float]] = []
    for value in values:
        wide = value.double()
        if not value.numel() or not bool(wide.isfinite().all()):
            return None
        rows.append((float(wide.mean()), float(wide.square().mean()), float((wide == 0).double().mean())))
    if len(rows) < 2:
        return None
    columns = list(zip(*rows, strict=True))
    return _Side(tuple(map(fmean, columns)), tuple(variance(column) / len(column) for column in columns))

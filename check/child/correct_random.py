"""Random ops as they are compiled for real: Inductor draws from a stream of its own, so results are compared by
statistics over many calls, each from another seed.

Of every floating output and gradient, per call: its mean, its mean square and its share of zeros (a lost mask, a lost
scaling, another probability show there). Two sets of RUNS calls are compared by Welch's t; beyond LIMIT standard errors
they differ: by chance once in about 100,000 statistics at 48 degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

import torch

from g2.check.child.correct_judge import Verdict
from g2.check.child.correct_runs import Case, Failed, How, Runs, Setting
from g2.rewrite.trial.deeds import Leaf, Outcome
from g2.rewrite.trial.variants import Made, Variant

RUNS = 25
LIMIT = 5.0
HOW = f"statistics of {RUNS} calls with other seeds"
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
    for path in _floats(sides[0][0]):
        first, second = (_statistics(side, path) for side in sides)
        if first is None or second is None:
            continue
        for name, one, other, error, more in zip(_NAMES, first.means, second.means, first.error, second.error, strict=True):
            rounding = 1e-5 * max(abs(one), abs(other))
            if abs(one - other) > LIMIT * math.sqrt(error + more) + rounding:
                return Verdict("differs", f"the {name} of {path} is {other:.4g} over {RUNS} calls, {one:.4g} in eager", HOW, path=path)
    return Verdict("same", "", HOW)


def _seeded(variant: Variant, seed: int) -> Variant:
    def make() -> Made:
        made = variant.make()
        torch.manual_seed(seed)
        return made

    return Variant(f"seed {seed}", make)


def _leaves(outcome: Outcome) -> dict[str, Leaf]:
    return {leaf.path: leaf for leaf in (*outcome.outputs, *outcome.gradients)}


def _floats(outcome: Outcome) -> list[str]:
    found = _leaves(outcome).items()
    return [path for path, leaf in found if leaf.values is not None and leaf.values.is_floating_point()]


def _statistics(side: Sequence[Outcome], path: str) -> _Side | None:
    rows: list[tuple[float, float, float]] = []
    for outcome in side:
        leaf = _leaves(outcome).get(path)
        if leaf is None or leaf.values is None or not leaf.values.numel():
            return None
        values = leaf.values.double()
        if not bool(values.isfinite().all()):
            return None
        rows.append((float(values.mean()), float(values.square().mean()), float((values == 0).double().mean())))
    columns = list(zip(*rows, strict=True))
    return _Side(tuple(map(fmean, columns)), tuple(variance(column) / len(column) for column in columns))

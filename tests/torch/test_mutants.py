"""Planted wrong rewrites are told from the original, right ones are not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from judged import HEAD, Pair, first_difference, judge
from mutants import EQUAL, MUTANTS
from test_trial import tried

pytestmark = pytest.mark.torch
TOGETHER = 12  # modules in one script
UNNAMED = [pair for pair in EQUAL if not pair.differs]


def by_name(pair: Pair) -> str:
    return pair.name.replace(" ", "-")


@pytest.mark.parametrize("pair", MUTANTS, ids=by_name)
def test_a_wrong_rewrite_is_found(pair: Pair) -> None:
    assert first_difference(pair) is not None


@pytest.mark.parametrize("pair", EQUAL, ids=by_name)
def test_a_right_rewrite_is_not_refused(pair: Pair) -> None:
    found = list(judge(pair))
    assert [trial for trial in found if trial[1] == "differs"] == []
    assert sum(said in ("same", "close") for _, said, _ in found) > len(found) // 2, "most inputs are accepted"


def test_mutants_are_many_and_have_names_of_their_own() -> None:
    assert len({pair.name for pair in MUTANTS}) == len(MUTANTS) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("pair", MUTANTS, ids=by_name)
def test_the_original_agrees_with_itself(pair: Pair) -> None:
    same = Pair(pair.name, pair.before, pair.before, pair.init, pair.args, pair.params)
    expected = {"same", "refused", *(["close"] if "time.time()" in pair.init else [])}  # made at another time
    assert {said for _, said, _ in judge(same)} <= expected


def whole(pairs: Sequence[Pair], after: bool) -> str:
    """One script with a module for each pair, all of them called."""
    modules = [pair.module(f"Net{number}", pair.after if after else pair.before) for number, pair in enumerate(pairs)]
    calls = [pair.call(f"Net{number}") for number, pair in enumerate(pairs)]
    return HEAD + "\n\n".join(modules) + "\n\n" + "\n".join(calls)


def outcomes(pairs: Sequence[Pair], folder: Path) -> dict[str, set[str]]:
    """By name, what a real trial says of each."""
    found = tried(folder, whole(pairs, after=False), whole(pairs, after=True))
    return {pair.name: found.outcomes(f"Net{number}.forward") for number, pair in enumerate(pairs)}


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, len(MUTANTS), TOGETHER))
def test_a_trial_finds_the_wrong_rewrites(start: int, tmp_path: Path) -> None:
    found = outcomes(MUTANTS[start : start + TOGETHER], tmp_path)
    assert [name for name, said in found.items() if "differs" not in said] == []


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, len(UNNAMED), TOGETHER))
def test_a_trial_lets_the_right_ones_stand(start: int, tmp_path: Path) -> None:
    found = outcomes(UNNAMED[start : start + TOGETHER], tmp_path)
    assert [name for name, said in found.items() if not said or "differs" in said] == []

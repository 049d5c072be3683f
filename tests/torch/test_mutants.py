"""Planted wrong rewrites are told from the original, right ones are not."""

from __future__ import annotations

import pytest
from judged import Pair, first_difference, judge
from mutants import EQUAL, MUTANTS

pytestmark = pytest.mark.torch


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
    assert {said for _, said, _ in judge(same)} <= {"same", "refused"}

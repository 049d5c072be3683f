"""The part that compares compiled with eager, on programs that are right and on those that cannot be compared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.torch
RUNNER = Path(__file__).with_name("correct_runner.py")


def _ran(name: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(RUNNER), name, str(folder)], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _compared(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [event["compared"] for event in found["events"] if event["e"] == "compared"]


@pytest.mark.slow
def test_a_right_module_is_right_in_every_input_and_its_dropout_by_statistics(tmp_path: Path) -> None:
    found = _compared(_ran("block", tmp_path))
    assert {one["outcome"] for one in found} <= {"same", "close"}
    assert found[0]["inputs"] == "as recorded" and len(found) == 6
    assert found[-1]["how"].startswith("statistics of") and found[-1]["outcome"] == "same"
    assert "float64" in {one.get("how", "float64") for one in found}


def test_what_the_program_raises_itself_it_raises_compiled(tmp_path: Path) -> None:
    (one,) = _compared(_ran("refusing", tmp_path))
    assert one["outcome"] == "refused" and "at most 2 rows" in one["detail"]


def test_eager_that_differs_from_itself_is_said_to(tmp_path: Path) -> None:
    found = _compared(_ran("restless", tmp_path))
    assert all(one["outcome"] == "unable" and "each time" in one["detail"] for one in found) and len(found) == 4, found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["narrow", "printing"])
def test_half_precision_and_prints(name: str, tmp_path: Path) -> None:
    found = _ran(name, tmp_path)
    assert {one["outcome"] for one in _compared(found)} <= {"same", "close"}
    assert not [event for event in found["events"] if event["e"] == "wrong"]


@pytest.mark.slow
def test_where_there_can_be_no_fork_all_is_put_back(tmp_path: Path) -> None:
    found = _ran("here", tmp_path)
    assert {one["outcome"] for one in _compared(found)} <= {"same", "close"}
    assert len(_compared(found)) == 3
    assert found["restored"] and found["stance"]


@pytest.mark.parametrize(("name", "outcome"), [("rounding", "close"), ("drifting", "differs")])
def test_what_rounding_alone_writes_is_no_difference(name: str, outcome: str, tmp_path: Path) -> None:
    (one,) = _compared(_ran(name, tmp_path))
    assert one["outcome"] == outcome, one


def test_what_a_function_finds_in_globals_is_compared_as_what_it_is_given(tmp_path: Path) -> None:
    one, other = _compared(_ran("stepping", tmp_path))
    assert one["outcome"] in ("same", "close") and one.get("how", "float64") == "float64", one
    assert other["outcome"] == "same", other  # Inductor's own random numbers
    (one,) = _compared(_ran("straying", tmp_path))
    assert one["outcome"] == "differs" and "the global DRIFTING.state" in one["detail"], one


def test_what_a_call_moves_in_globals_is_put_back(tmp_path: Path) -> None:
    found = _compared(_ran("scheduled", tmp_path))
    assert len(found) == 4 and {one["outcome"] for one in found} <= {"same", "close"}, found


def test_numpys_draws_are_compared_under_the_same_stream(tmp_path: Path) -> None:
    found = _compared(_ran("masked", tmp_path))
    assert {one["outcome"] for one in found} <= {"same", "close"} and len(found) >= 2, found


def test_the_time_that_a_call_keeps_is_the_programs_own(tmp_path: Path) -> None:
    found = _compared(_ran("timed", tmp_path))
    assert {one["outcome"] for one in found} <= {"same", "close"} and len(found) == 2, found

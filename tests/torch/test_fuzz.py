"""Generated functions: what a rule makes of one does the same, or is not offered. bench/fuzz.py runs a thousand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from forked import Server
from fuzzed import script
from fuzzed_modules import batch, numbered, scripts
from fuzzing import Judge, offered, proposed
from hypothesis import HealthCheck, Phase, given, settings

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("fuzz")) as started:
        yield started


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as started:
        yield started


TOGETHER = 12  # modules in one script


def wrong(text: str, server: Server, judge: Judge, folder: Path) -> list[str]:
    """Offers that do not do the same."""
    return [str(one) for one in offered(text, server, judge, folder).verdicts if one.wrong]


@pytest.mark.parametrize(
    ("first", "wide"),
    [
        pytest.param(
            first, wide, id=f"{'wide' if wide else 'narrow'} {first}", marks=[pytest.mark.slow] if first else []
        )
        for first in range(0, 8 * TOGETHER, TOGETHER)
        for wide in (False, True)
    ],
)
def test_what_is_offered_does_the_same(first: int, wide: bool, server: Server, judge: Judge, tmp_path: Path) -> None:
    numbers = range(first, first + (TOGETHER if first else TOGETHER // 3))
    assert wrong(batch([numbered(number, wide) for number in numbers]), server, judge, tmp_path) == []


_folders = count()


@pytest.mark.slow
@settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(text=scripts())
def test_hypothesis_finds_none_that_is_offered_and_wrong(
    text: str, server: Server, judge: Judge, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp(f"fuzz{next(_folders)}")
    assert wrong(text, server, judge, folder) == []


@pytest.mark.slow
def test_a_way_back_that_fails_on_one_side_is_seen(server: Server, judge: Judge, tmp_path: Path) -> None:
    """Of function 877 the rules can't tell: a helper spoils the gradient of one side, and checks refuse most inputs."""
    text = batch([numbered(877, wide=True)])
    assert "y[:, 1] += 1" in text and "bad input" in text
    assert any(one.wrong for one in proposed(text, server, judge, tmp_path))
    (tmp_path / "whole").mkdir()
    assert wrong(text, server, judge, tmp_path / "whole") == []


# Faults that rules had, found by bench/fuzz.py; none of them is a text that a rule may propose as SAFE.
FOUND = {
    "a name that only the branch knows": """\
        x = x * 1
        if x.min().item() > 0:
            self.state = y.mean(0).detach()
            h = torch.zeros_like(x) - y.mean()
        return y
""",
    "a name for what is then written into": """\
        if self.state.sum() > 0:
            p = y
            p.mul_(2)
        return y
""",
    "a tensor is handed on, then changed": """\
        if torch.allclose(y, x):
            x = y
            y.add_(1)
        return x, x.mean()
""",
    "a gradient needs what would be written into in any case": """\
        x = y / (y.abs() + 1)
        if (y + 0.1).norm() > 0.5:
            y += 0.5
        return x.sum(), y * 2
""",
    "a later line changes what was handed on": """\
        if (y - x).norm() >= 0.5:
            p = torch.ones_like(x)
        else:
            p = y
        y *= 3
        return p
""",
    "a draw that only training makes": """\
        h = x.sqrt() if self.training and random.random() < 0.5 else y * self.limit
        return h
""",
    "a side of shapes and random numbers has no gradient": """\
        if not self.ready.item():
            self.ready = torch.tensor(True)
            y = torch.zeros_like(y) + torch.rand_like(x)
        return x, y.max()
""",
    "another dtype than a name that is bound again": """\
        if (x - y.mean()).mean().item() > 0.5:
            q = x
        else:
            q = x.double()
        x = x + 1
        return q, x
""",
    "what is handed on where gradients are off": """\
        h = x * 1
        with torch.no_grad():
            y = h
            if bool((h.abs() > 0.3).any()):
                y = y * 2
        return y
""",
    "the rest of a loop is skipped": """\
        for step in range(2):
            if (y < 0.5).any():
                m = torch.isnan(x)
                continue
            y = y * 0.5 + step
        return x, y
""",
    "a side of shapes alone has no gradient": """\
        if y.norm().item() > 0 and self.training:
            h = y * 2
        else:
            h = torch.ones_like(x).sqrt()
        return h
""",
}


@pytest.mark.parametrize("name", FOUND)
def test_faults_that_were_found_stay_mended(name: str, server: Server, judge: Judge, tmp_path: Path) -> None:
    found = [str(one) for one in proposed(script(FOUND[name]), server, judge, tmp_path) if one.wrong]
    assert found == []


def test_the_judge_sees_a_wrong_text(judge: Judge) -> None:
    before = script("        if x.sum() > 0:\n            y = y + 1\n        return y\n")
    right = script("        y = torch.where(x.sum() > 0, y + 1, y)\n        return y\n")
    swapped = script("        y = torch.where(x.sum() <= 0, y + 1, y)\n        return y\n")
    for_nan = script("        y = torch.where(x.sum() <= 0, y, y + 1)\n        return y\n")
    assert [tag for tag, _, _ in judge(before, right, frozenset({"aliasing"}))] == []
    assert next(tag for tag, _, _ in judge(before, swapped, frozenset())) == ""
    assert {inputs for tag, inputs, _ in judge(before, for_nan, frozenset()) if not tag} >= {"one NaN"}

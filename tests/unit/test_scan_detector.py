"""The table of detectors: who is asked at what."""

from __future__ import annotations

import pytest

from g2.explain.scan.detector import Detector, Event, Spot, Table, table


def _look(event: Event) -> Spot | None:
    return None


TABLE = {
    "every-call": (Detector("call", _look),),
    "one-name": (Detector("call", _look, names=("torch.where",)),),
    "a-module": (Detector("call", _look, names=("random.*",)),),
    "all-of-torch": (Detector("call", _look, names=("torch.*",)),),
    "one-method": (Detector("call", _look, methods=("item",)),),
    "a-context": (Detector("with", _look, names=("torch.*",), methods=("fork_rng",)),),
}


def _slugs(looks: tuple[tuple[str, object], ...]) -> set[str]:
    assert len(looks) == len({slug for slug, _ in looks}), "asked twice at one place"
    return {slug for slug, _ in looks}


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("torch.where", {"every-call", "one-name", "all-of-torch"}),
        ("torch.nn.functional.relu", {"every-call", "all-of-torch"}),
        ("random.random", {"every-call", "a-module"}),
        ("random.sub.random", {"every-call"}),
        ("torchvision.where", {"every-call"}),
    ],
)
def test_a_call_of_a_name(name: str, asked: set[str]) -> None:
    made = table(TABLE)
    assert _slugs(made.of_name(name)) == asked
    assert made.named[name] == made.of_name(name)


@pytest.mark.parametrize(("method", "asked"), [("item", {"every-call", "one-method"}), ("sum", {"every-call"})])
def test_a_call_of_a_method(method: str, asked: set[str]) -> None:
    made = table(TABLE)
    assert _slugs(made.of_method(method)) == asked
    assert made.lasts[method] == made.of_method(method)


def test_other_events_are_asked_by_name_and_last_part() -> None:
    made = table(TABLE)
    assert _slugs(made.looks("with", "torch.no_grad", "no_grad")) == {"a-context"}
    assert _slugs(made.looks("with", "torch.cuda.stream", "stream")) == set()  # only a call looks that deep
    assert _slugs(made.looks("with", "", "fork_rng")) == {"a-context"}
    assert made.looks("index", "", "") == ()


def test_what_was_asked_before_is_answered_for_each_table_by_itself() -> None:
    full, empty = table(TABLE), table({})
    for made in (full, empty, full):
        assert bool(made.of_method("item")) is (made is full)
    assert full == table(TABLE), "answers are no part of a table"
    assert isinstance(full, Table)

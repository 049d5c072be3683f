"""Containers whose own methods raise or do more are looked into all the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import pytest
import torch

from g2.capture.behind import signature
from g2.capture.containers import elements, entries
from g2.check.child.timing import shape
from g2.rewrite.trial.forking import attempt
from g2.rewrite.trial.gradients import tensors_of
from g2.rewrite.trial.outcome import Watched, observe
from g2.rewrite.trial.restoring import Kept


def _no(*_: Any) -> NoReturn:
    raise NotImplementedError


class Pair(tuple[Any, ...]):
    __len__ = __iter__ = __getitem__ = _no  # type: ignore[assignment]


class Row(list[Any]):
    __len__ = __iter__ = __getitem__ = clear = extend = _no  # type: ignore[assignment]


class Table(dict[str, Any]):
    __len__ = __iter__ = __getitem__ = keys = values = items = clear = update = _no  # type: ignore[assignment]


class Bag(set[Any]):
    __len__ = __iter__ = _no  # type: ignore[assignment]


class Lookup(Mapping[str, Any]):
    def __init__(self) -> None:
        self.held = torch.ones(2)

    def __getitem__(self, key: str) -> NoReturn:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError

    def __len__(self) -> NoReturn:
        raise NotImplementedError


def _made(kind: type) -> Any:
    if kind is Lookup:
        return Lookup()
    return kind({"a": torch.ones(2)}) if kind is Table else kind([7] if kind is Bag else [torch.ones(2)])


@pytest.mark.parametrize("kind", [Pair, Row, Table, Bag, Lookup])
def test_what_it_holds_is_seen(kind: type) -> None:
    value = _made(kind)
    owner = torch.nn.Module()
    owner.held = value
    tensors = [tensor for _, tensor in tensors_of([value], "x")]
    assert len(tensors) == (0 if kind is Bag else 1)

    def call() -> Any:
        for tensor in tensors:
            tensor.add_(1)
        return value

    kept = Kept([owner])
    outcome = observe(call, Watched(owner=owner), 0)
    assert outcome.raised is None
    assert bool(outcome.changed) == (kind is not Bag)
    kept.restore()
    assert all(tensor.sum() == 2 for tensor in tensors)
    assert shape([value]) == shape([_made(kind)])
    assert signature([value]) == signature([_made(kind)])


def test_an_ordered_dictionary_keeps_its_own_order() -> None:
    ordered = OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    assert entries(ordered) == [("b", 2), ("a", 1)]
    with pytest.raises(TypeError, match="no builtin container"):
        elements(range(3))


def test_what_a_fork_raised_is_said() -> None:
    answer = attempt(lambda file: _no(file), 30)
    assert not answer.ended and answer.why == "it could not be observed (NotImplementedError)"

"""What is seen of one call."""

from __future__ import annotations

import logging
import os
import random
import sys
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
import torch

from g2.rewrite.trial.outcome import Leaf, Outcome, Watched, load, observe, save
from g2.rewrite.trial.tensors import Budget

pytestmark = pytest.mark.torch


def seen(function: Callable[..., Any], *args: Any, owner: Any = None) -> Outcome:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        return observe(lambda: function(*args), Watched(args, {}, owner, function, ("x", "y")), 3)


def at(leaves: tuple[Leaf, ...], path: str) -> Leaf:
    return next(leaf for leaf in leaves if leaf.path == path)


def texts(outcome: Outcome) -> dict[str, str]:
    return {leaf.path: leaf.text for leaf in outcome.outputs}


def test_a_tensor_has_all_its_facts() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    found = at(seen(lambda x: (x * 2).t(), x).outputs, "the output")
    assert dict(found.facts) == {
        "type": "torch.Tensor", "dtype": "float32", "shape": "[3, 4]", "device": "cpu", "layout": "strided",
        "requires_grad": "True", "is": "", "shares": "", "rebound": "", "stride": "[1, 3]", "offset": "0",
    }  # fmt: skip
    assert found.values is not None and torch.equal(found.values, (x * 2).t())
    assert not found.values.requires_grad


def test_values_are_those_of_the_moment() -> None:
    buffer = torch.zeros(3)
    outcome = seen(lambda: buffer.add_(1))
    buffer.add_(5)
    values = at(outcome.outputs, "the output").values
    assert values is not None and values.tolist() == [1, 1, 1]


@dataclass
class Held:
    loss: float
    parts: list[Any]


class Slotted:
    __slots__ = ("inner",)

    def __init__(self, inner: Any) -> None:
        self.inner = inner


class Cache:
    def __init__(self) -> None:
        self.length = 7
        self.parent = self


class Pair(NamedTuple):
    first: int
    second: str


def test_structures_of_every_kind() -> None:
    found = texts(
        seen(
            lambda: {
                "pair": Pair(1, "b"),
                "held": Held(0.5, [None]),
                "ordered": OrderedDict(a=1),
                "slots": Slotted(torch.Size([2])),
                "cache": Cache(),
                "set": {2, 1},
                "function": seen,
            }
        )
    )
    assert found["output 'pair'.second"] == "str 'b'"
    assert found["output 'held'.loss"] == "float 0.5"
    assert found["output 'held'.parts[0]"] == "None"
    assert found["output 'ordered'"] == "collections.OrderedDict with the keys 'a'"
    assert found["output 'slots'.inner"] == "torch.Size [2]"
    assert found["output 'cache'.length"] == "int 7"
    assert found["output 'cache'.parent"] == "the same object as output 'cache'"
    assert found["output 'set'"] == "set of ['1', '2']"
    assert found["output 'function'"].endswith("test_outcome seen")


def test_of_what_is_too_large_only_that_it_was_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("g2.rewrite.trial.outcome.Budget", lambda **_: Budget(read=0))
    for call, wanted in ((lambda x: x.add_(1), {"x"}), (lambda x: x * 2, set[str]())):
        outcome = seen(call, torch.zeros(3))
        assert outcome.changed == wanted
        assert outcome.arguments[0].values is None


def test_a_generator_is_run() -> None:
    def count() -> Iterator[int]:
        print("counting")
        yield from range(3)

    outcome = seen(lambda: count())
    assert texts(outcome)["output 2"] == "int 2"
    assert [told.text for told in outcome.told] == ["counting\n"]


def test_an_address_is_no_difference() -> None:
    outcome = seen(lambda: print(object()))
    assert outcome.told[0].text == "<object object at 0x...>\n"


def test_everything_told_in_its_order() -> None:
    log = logging.getLogger("quiet.one")
    log.propagate = False
    log.addHandler(logging.NullHandler())

    def talk() -> None:
        print("one")
        os.write(1, b"two\n")
        log.warning("three %d", 3)
        print("four", file=sys.stderr)
        warnings.warn("five", RuntimeWarning, stacklevel=1)
        sys.stdout.writelines(["six", "\n"])
        os.write(2, b"seven\n")

    try:
        outcome = seen(talk)
    finally:
        log.propagate = True
    assert [(told.kind, told.what, told.text) for told in outcome.told] == [
        ("stdout", "", "one\ntwo\n"),
        ("log", "quiet.one WARNING", "three 3"),
        ("stderr", "", "four\n"),
        ("warning", "RuntimeWarning", "five"),
        ("stdout", "", "six\n"),
        ("stderr", "", "seven\n"),
    ]


def test_streams_are_put_back(capfd: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr, warnings.showwarning, logging.Logger.callHandlers, time.time
    seen(lambda: os.write(1, b"inside\n"))
    assert before == (sys.stdout, sys.stderr, warnings.showwarning, logging.Logger.callHandlers, time.time)
    print("outside")
    os.write(1, b"below\n")
    assert sorted(capfd.readouterr().out.split()) == ["below", "outside"]


def test_a_stream_of_the_scripts_own_is_heard_and_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = StringIO()
    monkeypatch.setattr(sys, "stdout", mine)
    outcome = seen(lambda: print("mine"))
    assert mine.getvalue() == "mine\n"
    assert outcome.told[0].text == "mine\n"


def test_a_warning_is_seen_though_it_was_shown_before() -> None:
    def warn() -> None:
        warnings.warn("again", UserWarning, stacklevel=1)

    assert [len(seen(warn).told) for _ in range(2)] == [1, 1]


def test_gradients_of_inputs_and_parameters() -> None:
    net = torch.nn.Linear(3, 2)
    x = torch.randn(4, 3, requires_grad=True)
    outcome = seen(net.forward, x, owner=net)
    assert [leaf.path for leaf in outcome.gradients] == [
        "the gradient of x",
        "the gradient of self.weight",
        "the gradient of self.bias",
    ]
    assert net.weight.grad is None, "nothing is accumulated"
    again = seen(net.forward, x, owner=net)
    assert [leaf.digest for leaf in outcome.gradients] == [leaf.digest for leaf in again.gradients]


def test_cotangents_are_exact_in_every_dtype() -> None:
    found = [
        at(seen(lambda x: x * 1, torch.ones(50, dtype=dtype, requires_grad=True)).gradients, "the gradient of x").values
        for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    ]
    for one in found:
        assert one is not None and found[0] is not None
        assert torch.equal(one.double(), found[0]) and bool(one.any())


def test_the_gradient_of_what_was_written_into() -> None:
    def write(x: torch.Tensor) -> None:
        x.mul_(3)

    leaf = torch.ones(2, requires_grad=True)
    found = at(seen(write, leaf * 1).gradients, "the gradient of x").values
    plain = at(seen(lambda x: None, leaf * 1).gradients, "the gradient of x").values
    assert found is not None and plain is not None
    assert torch.equal(found, plain * 3)


def test_state_of_the_object() -> None:
    class Net(torch.nn.Module):
        shared: ClassVar[list[int]] = []

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", torch.zeros(()))
            self.alias = self.count
            self.steps = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.count += 1
            self.steps += 1
            self.shared.append(1)
            self.count = self.count + 1
            return x

    net = Net()
    outcome = seen(net.forward, torch.ones(1), owner=net)
    assert outcome.changed == {"self.count", "self.alias", "self.steps", "Net.shared", "Net.shared[0]"}
    assert at(outcome.state, "self.count").fact("rebound") == "yes"
    assert at(outcome.state, "self.alias").fact("rebound") == ""
    assert at(outcome.state, "self.training").text == "bool True"


def test_defaults_and_closures() -> None:
    found: list[int] = []

    def collect(x: int, into: list[int] = []) -> None:  # noqa: B006 - that is what is looked for
        into.append(x)
        found.append(x)

    outcome = seen(collect, 4)
    assert {"the default of into", "the closure's found"} <= outcome.changed


def test_memory_that_is_shared() -> None:
    x = torch.randn(4)
    outcome = seen(lambda x: (x[1:], x, x * 1), x)
    assert [at(outcome.outputs, f"output {place}").fact("shares") for place in range(3)] == ["x", "x\noutput 0", ""]
    assert at(outcome.outputs, "output 1").fact("is") == "x"


def test_random_streams_and_modes() -> None:
    def draw() -> None:
        torch.rand(1)
        torch.set_grad_enabled(False)

    try:
        outcome = seen(draw)
    finally:
        torch.set_grad_enabled(True)
    moved = {name for name, before, after in outcome.random if before != after}
    assert moved == {"torch"}
    assert dict(outcome.modes)["grad mode"] == "False"
    assert {name for name, before, after in seen(random.random).random if before != after} == {"random"}


def test_exceptions() -> None:
    def deliberate() -> None:
        print("before")
        raise KeyError("x")

    outcome = seen(deliberate)
    assert outcome.raised is not None and outcome.told[0].text == "before\n"
    assert (outcome.raised.type, outcome.raised.message, outcome.raised.deliberate) == ("KeyError", "'x'", True)
    torchs = seen(lambda: torch.ones(2) @ torch.ones(3)).raised
    assert torchs is not None and not torchs.deliberate
    builtin = seen(lambda: int("x")).raised
    assert builtin is not None and not builtin.deliberate
    assert seen(sys.exit, 3).raised is not None


def test_the_clock_ticks_alike() -> None:
    def read() -> list[float]:
        return [time.time(), time.perf_counter(), time.monotonic_ns()]

    assert texts(seen(read)) == texts(seen(read))
    first, second = (seen(read).outputs[place].number for place in (1, 1))
    assert first == second is not None


@pytest.mark.parametrize(
    "value",
    [
        torch.ones(3, device="meta"),
        torch.ones(2, 2).to_sparse(),
        torch.zeros(0, 3),
        torch.tensor(2 + 1j).conj(),
        torch.ones(2, dtype=torch.float8_e4m3fn),
    ],
    ids=["meta", "sparse", "empty", "conj", "float8"],
)
def test_tensors_of_other_kinds(value: torch.Tensor, tmp_path: Path) -> None:
    outcome = seen(lambda: value)
    save(outcome, tmp_path / "outcome.pt")
    assert at(load(tmp_path / "outcome.pt").outputs, "the output").facts == outcome.outputs[0].facts


def test_saved_and_loaded(tmp_path: Path) -> None:
    net = torch.nn.Linear(3, 2)

    def call(x: torch.Tensor) -> Any:
        print("hello")
        torch.rand(1)
        return {"y": net(x), "n": float("nan"), "s": "s\ud800"}

    outcome = seen(call, torch.randn(4, 3, requires_grad=True), owner=net)
    save(outcome, tmp_path / "outcome.pt")
    again = load(tmp_path / "outcome.pt")
    for name in ("told", "random", "modes", "changed", "raised"):
        assert getattr(again, name) == getattr(outcome, name)
    for name in ("outputs", "gradients", "arguments", "state"):
        for one, other in zip(getattr(outcome, name), getattr(again, name), strict=True):
            assert (one.path, one.kind, one.text, one.facts, one.digest) == (
                other.path, other.kind, other.text, other.facts, other.digest,
            )  # fmt: skip
            assert (one.values is None) == (other.values is None)
            assert one.values is None or torch.equal(one.values, other.values)


def test_a_file_that_is_no_outcome(tmp_path: Path) -> None:
    (tmp_path / "empty.pt").write_bytes(b"")
    with pytest.raises(ValueError, match="not a whole outcome"):
        load(tmp_path / "empty.pt")
    torch.save({"format": 0}, tmp_path / "old.pt")
    with pytest.raises(ValueError, match="not an outcome that this version"):
        load(tmp_path / "old.pt")
    with pytest.raises(OSError):
        save(Outcome(), tmp_path / "nowhere" / "outcome.pt")
    with pytest.raises(OSError):
        load(tmp_path / "nowhere.pt")

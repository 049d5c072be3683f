"""The other inputs that a call is given."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest
import torch

from g2.rewrite.trial.changes import WAYS
from g2.rewrite.trial.variants import Variant, recorded, search, sequences, variants

pytestmark = pytest.mark.torch


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = torch.nn.Linear(16, 3)
        self.ready: torch.Tensor
        self.register_buffer("ready", torch.tensor(True))
        self.step = torch.tensor(3)


def inputs() -> tuple[tuple[Any, ...], dict[str, Any]]:
    source = torch.Generator().manual_seed(0)
    x = torch.randn(4, 10, 16, generator=source)
    mask = torch.rand(4, 10, generator=source) < 0.7
    ids = torch.arange(10).expand(4, 10)
    return (x, mask), {"ids": ids, "scale": 0.5, "length": 10, "flag": True, "none": None}


def named(found: list[Variant]) -> dict[str, Variant]:
    assert len({variant.name for variant in found}) == len(found)
    return {variant.name: variant for variant in found}


def all_of(module: Any = None) -> dict[str, Variant]:
    args, kwargs = inputs()
    return named(list(variants(args, kwargs, module, ("x", "mask"))))


def test_bounded_and_the_most_telling_first() -> None:
    names = list(all_of(Net()))
    assert len(names) <= 40
    first = names[:12]
    assert first[:3] == ["all tensors with other values", "all tensors negated", "all tensors all zero"]
    for wanted in (
        "x with one NaN",
        "size 10 made 11",
        "in eval mode",
        "self.ready flipped",
        "all tensors requiring grad",
        "all tensors negated, requiring grad",
    ):
        assert wanted in first


def test_what_requires_grad_where_nothing_did_also_takes_other_values() -> None:
    found = all_of()
    for name in ("all tensors requiring grad", "all tensors negated, requiring grad"):
        (x, mask), _ = found[name].make()
        assert x.requires_grad and not mask.requires_grad
    asked = [any(tensor.requires_grad for tensor in one.make()[0]) for one in islice(search(*inputs(), None, 1), 6)]
    assert True in asked and False in asked


def test_any_fork_makes_the_same() -> None:
    for one, other in zip(all_of().values(), all_of().values(), strict=True):
        for a, b in zip(one.make()[0], other.make()[0], strict=True):
            assert torch.equal(a.nan_to_num(), b.nan_to_num())


def test_the_global_random_stream_is_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for variant in all_of().values():
        torch.set_rng_state(before)
        variant.make()
        assert torch.equal(before, torch.get_rng_state()) is (variant.name != "random numbers of another seed")


def test_the_search_draws_other_random_numbers_the_same_in_every_fork() -> None:
    def drawn() -> list[float]:
        found: list[float] = []
        for variant in islice(search(*inputs(), None, 1), 5):
            variant.make()
            found.append(float(torch.rand(())))
        return found

    assert drawn() == drawn()
    assert len(set(drawn())) == 5


def test_the_search_tries_train_and_eval() -> None:
    net = Net()
    modes = set()
    for variant in islice(search(*inputs(), net, 1), 8):
        net.train()
        variant.make()
        modes.add(net.training)
    assert modes == {True, False}


def test_the_recorded_tensors_are_never_written_to() -> None:
    args, kwargs = inputs()
    before = [tensor.clone() for tensor in args]
    for variant in [*variants(args, kwargs), recorded(args, kwargs), *islice(search(args, kwargs, None, 1), 10)]:
        made, _ = variant.make()
        for tensor in made:
            tensor.detach().zero_()
    assert all(torch.equal(one, other) for one, other in zip(args, before, strict=True))


def test_a_size_is_renamed_everywhere() -> None:
    (x, mask), kwargs = all_of()["size 10 made 11"].make()
    assert (x.shape, mask.shape, kwargs["ids"].shape) == ((4, 11, 16), (4, 11), (4, 11))
    assert kwargs["ids"][0].tolist() == list(range(11)), "positions count on"
    assert kwargs["length"] == 11 and kwargs["scale"] == 0.5 and kwargs["flag"] is True
    (x, mask), _ = all_of()["size 4 made 1"].make()
    assert (x.shape, mask.shape) == ((1, 10, 16), (1, 10))


def test_a_width_of_the_module_is_not_taken_for_a_length() -> None:
    assert not [name for name in all_of(Net()) if name.startswith("size 16")]


def test_a_batch_of_one_grows_alone() -> None:
    (x, y), _ = named(list(variants((torch.ones(1, 5), torch.ones(1, 1)), {})))["size 1 made 2 in dimension 0"].make()
    assert (x.shape, y.shape) == ((2, 5), (2, 1))


def test_values() -> None:
    (x, mask), _ = inputs()
    found = all_of()
    assert torch.equal(found["all tensors negated"].make()[0][0], -x)
    assert torch.equal(found["all tensors negated"].make()[0][1], ~mask)
    assert torch.equal(found["x times 1000"].make()[0][0], x * 1000)
    assert int(found["x with one NaN"].make()[0][0].isnan().sum()) == 1
    assert not found["all tensors all zero"].make()[0][1].any()
    redrawn = found["all tensors with other values"].make()[0][0]
    assert abs(float(redrawn.mean() - x.mean())) < 0.2 and abs(float(redrawn.std() - x.std())) < 0.2
    alone = found["mask negated"].make()[0]
    assert torch.equal(alone[0], x) and torch.equal(alone[1], ~mask)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_indices_stay_valid_and_dtypes_too(way: Any) -> None:
    for tensor in (
        torch.tensor([[5, 2], [2, 7]]),
        torch.tensor([True, False]),
        torch.randn(3).half(),
        torch.randn(2) + 0j,
    ):
        made = way.apply("x", tensor)
        assert (made.dtype, made.shape) == (tensor.dtype, tensor.shape)
        if tensor.dtype == torch.int64:
            assert set(made.flatten().tolist()) <= {2, 5, 7}


def test_a_mask_of_floats_keeps_its_values() -> None:
    mask = torch.tensor([0.0, float("-inf")]).repeat(8)
    made = named(list(variants((mask,), {}, None, ("mask",))))["mask with other values"].make()[0][0]
    assert set(made.tolist()) == {0.0, float("-inf")}


def test_numbers() -> None:
    found = all_of()
    assert found["scale = -0.5"].make()[1]["scale"] == -0.5
    assert found["scale = 0.0"].make()[1]["length"] == 10


def test_sharing_is_kept() -> None:
    x = torch.randn(6, 4)
    made, kwargs = recorded((x, x[2:], x), {"again": [x]}).make()
    assert made[0] is made[2] is kwargs["again"][0]
    assert made[0].data_ptr() != x.data_ptr()
    made[1].zero_()
    assert not made[0][2:].any() and made[0][:2].any()


def test_expanded_stays_expanded() -> None:
    made = named(list(variants((torch.randn(1, 4).expand(3, 4),), {}, None, ("x",))))["x negated"].make()[0][0]
    assert made.stride() == (0, 1)


@dataclass
class Batch:
    x: torch.Tensor
    n: int = 2


class Holder:
    def __init__(self, x: torch.Tensor) -> None:
        self.x = x


def test_structures_are_copied_with_what_they_hold() -> None:
    x = torch.ones(3)
    given = ([x], (x, 1), {"k": x}, OrderedDict(k=x), Batch(x), Holder(x), Net(), "s")
    made, _ = named(list(variants(given, {})))["argument 0[0] negated"].make()
    assert isinstance(made[3], OrderedDict) and isinstance(made[4], Batch) and isinstance(made[5], Holder)
    for tensor in (made[0][0], made[1][0], made[2]["k"], made[3]["k"], made[4].x, made[5].x):
        assert tensor.tolist() == [-1, -1, -1]
    assert made[6] is given[6] and x.tolist() == [1, 1, 1]


def test_requires_grad_both_ways() -> None:
    x = torch.ones(3, requires_grad=True)
    (leaf, inner, weight), _ = recorded((x, x * 2, torch.nn.Parameter(torch.ones(2))), {}).make()
    assert leaf.is_leaf and leaf.requires_grad
    assert not inner.is_leaf and inner.requires_grad
    assert isinstance(weight, torch.nn.Parameter)
    without = named(list(variants((x, x * 2), {})))["no tensor requiring grad"].make()[0]
    assert not any(tensor.requires_grad for tensor in without)


def test_what_the_object_holds() -> None:
    for name, wanted in (
        ("self.ready flipped", (False, 3)),
        ("self.step plus 1", (True, 4)),
        ("self.step zero", (True, 0)),
    ):
        net = Net()
        all_of(net)[name].make()
        assert (bool(net.ready), int(net.step)) == wanted
    net = Net()
    all_of(net)["in eval mode"].make()
    assert not net.training


def test_sequences_keep_the_recorded_for_later() -> None:
    args, kwargs = inputs()
    found = dict(sequences(args, kwargs, Net()))
    assert [variant.name for variant in found["long, short, long again"]] == [
        "as recorded", "size 10 made 20", "size 10 made 5", "size 10 made 20", "as recorded",
    ]  # fmt: skip
    calls = found["long, short, long again"]
    first = calls[0].make()[0][0]
    args[0].zero_()  # as a call that writes to its input does
    assert torch.equal(calls[-1].make()[0][0], first) and first.any()
    assert {"the same three times", "a larger batch, then as recorded", "train and eval in turn"} <= found.keys()


def test_the_search_reaches_both_sides() -> None:
    conditions = {
        "sum": lambda x: x.sum() > 0,
        "far": lambda x: x.abs().max() > 100,
        "small": lambda x: x.abs().max() < 0.1,
        "nan": lambda x: x.isnan().any(),
        "all positive": lambda x: (x > 0).all(),
        "zero": lambda x: (x == 0).any(),
        "probability": lambda x: ((x >= 0) & (x <= 1)).all(),
    }
    args = (torch.randn(4, 8, generator=torch.Generator().manual_seed(0)),)
    made = [variant.make()[0][0] for variant in islice(search(args, {}, None, 0), 100)]
    for name, condition in conditions.items():
        assert {bool(condition(x)) for x in made} == {True, False}, name


def test_the_search_counts_and_measures() -> None:
    args = (torch.tensor(5), torch.tensor([3, 9, 4]))
    made = [variant.make()[0] for variant in islice(search(args, {}, None, 0), 100)]
    assert {int(step) % 5 == 0 for step, _ in made} == {True, False}
    assert {bool(lengths.max() > 9) for _, lengths in made} == {True, False}
    assert {bool((lengths == lengths[0]).all()) for _, lengths in made} == {True, False}


def test_nothing_to_vary() -> None:
    assert [one.name for one in variants((None, "text", 3), {})] == ["random numbers of another seed"]
    assert recorded((None, "text", 3), {"k": 1}).make() == ((None, "text", 3), {"k": 1})
    assert [name for name, _ in sequences((), {})] == ["the same three times"]

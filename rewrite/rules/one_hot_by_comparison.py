"""`one_hot` whose surplus classes are cut off again becomes a comparison with the class numbers."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._dead import dead
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._names import definition, nodes, scope
from g2.rewrite.rules._qualified import argument, functional, torch_as
from g2.rewrite.site import Site


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece = site.piece
    statement = piece.statement(site.node)
    calls = [
        one
        for one in nodes(statement or site.node)
        if isinstance(one, cst.Call) and functional(piece.source, one.func) == "one_hot"
    ] or _built_from(site)
    for call in calls:
        yield _judged(site, call)


def _built_from(site: Site) -> list[cst.Call]:
    """The calls of one_hot behind the place, when the place computes their number of classes."""
    piece = site.piece
    around = scope(piece, site.node)
    assign = next((a for a in piece.ancestors(site.node) if isinstance(a, cst.Assign)), None)
    if assign is None or len(assign.targets) != 1:
        return []
    name = dotted(assign.targets[0].target)
    return [
        one
        for one in nodes(around)
        if isinstance(one, cst.Call)
        and functional(piece.source, one.func) == "one_hot"
        and (classes := argument(one, 1, "num_classes")) is not None
        and dotted(classes) == name
    ]


def _judged(site: Site, call: cst.Call) -> Proposal | Left:
    piece = site.piece
    around = scope(piece, call)
    index, classes = argument(call, 0, "tensor", "input"), argument(call, 1, "num_classes")
    if index is None or classes is None:
        return Left("the width of the result is the largest index plus one: it has to be given as num_classes")
    cut = piece.parent(call)
    limit = _cut(cut) if isinstance(cut, cst.Subscript) and cut.value is call else None
    if limit is None or not isinstance(cut, cst.Subscript):
        return Left("the number of classes comes from a tensor and the result keeps that width")
    if isinstance(classes, cst.Name):
        classes = definition(piece, around, classes.value) or classes
    if not _at_least(classes, limit):
        return Left(f"it is not plain that the number of classes is at least {piece.code(limit)}")
    known = site.values.get(piece.code(limit))
    if known is not None and known.kind != "number":
        return Left(f"{piece.code(limit)} is no plain number")
    if not dotted(index):
        return Left("the index is computed in the call; give it a name")
    torch, imports = torch_as(piece.source)
    name = piece.code(index)
    text = f"({name}.unsqueeze(-1) == {torch}.arange({piece.code(limit)}, device={name}.device)).long()"
    edits = (*dead(piece, around, [cut]), piece.replace(cut, text))
    return Proposal(
        rule="",
        summary="the index is compared with the class numbers, so that its values are not looked at",
        safety=Safety.ASK,
        files=(FileEdits(piece.source.path, tuple(sorted(edits)), imports),),
        caveat="The result lies in memory as the index does, where that is no row by row; `view` may refuse it then.",
        differs=frozenset({"strides"}),
    )


def _cut(subscript: cst.Subscript) -> cst.BaseExpression | None:
    """L of `[..., :L]`."""
    parts = [element.slice for element in subscript.slice]
    if len(parts) != 2 or not isinstance(parts[0], cst.Index) or not isinstance(parts[0].value, cst.Ellipsis):
        return None
    end = parts[1]
    if not isinstance(end, cst.Slice) or end.lower is not None or end.step is not None:
        return None
    return end.upper if isinstance(end.upper, (cst.Name, cst.Attribute, cst.Integer)) else None


def _at_least(classes: cst.BaseExpression, limit: cst.BaseExpression) -> bool:
    """`max(..., L, ...)`."""
    return (
        isinstance(classes, cst.Call)
        and dotted(classes.func) == "max"
        and len(classes.args) > 1
        and any(arg.keyword is None and not arg.star and arg.value.deep_equals(limit) for arg in classes.args)
    )


RULE = Rule(
    title="one_hot becomes a comparison with the class numbers",
    answers=("one-hot", "host-value"),
    legal="The number of classes is `max(..., L)` and the result is cut to its first L classes, L being a plain "
    "number, so that the width is L whatever the index holds. Each class up to L is then a comparison; classes "
    "behind it are cut off in both. one_hot refuses negative indices, the comparison gives a row of zeros for "
    "them.",
    safety=Safety.ASK,
    propose=_propose,
    examples=(
        Example(
            "wider than asked for, then cut",
            """import torch
import torch.nn.functional as F


class Net(torch.nn.Module):
    def forward(self, indexes, length=3):
        largest = indexes.max() + 1
        # TensorFlow's one_hot takes any index
        return F.one_hot(indexes, max(largest, length))[..., :length] * 2


print(Net()(torch.tensor([[0, 2, 7], [1, 1, 2]])))
""",
            """import torch
import torch.nn.functional as F


class Net(torch.nn.Module):
    def forward(self, indexes, length=3):
        # TensorFlow's one_hot takes any index
        return (indexes.unsqueeze(-1) == torch.arange(length, device=indexes.device)).long() * 2


print(Net()(torch.tensor([[0, 2, 7], [1, 1, 2]])))
""",
        ),
        Example(
            "the number of classes has a name",
            """import torch as th
from torch.nn.functional import one_hot


class Net(th.nn.Module):
    def forward(self, labels):
        classes = max(labels.max() + 1, 4)  # at least four
        return one_hot(labels, num_classes=classes)[..., :4].float()


print(Net()(th.tensor([0, 5, 3])))
""",
            """import torch as th
from torch.nn.functional import one_hot


class Net(th.nn.Module):
    def forward(self, labels):
        # at least four
        return (labels.unsqueeze(-1) == th.arange(4, device=labels.device)).long().float()


print(Net()(th.tensor([0, 5, 3])))
""",
        ),
    ),
    negatives=(
        Negative(
            "the width escapes",
            """import torch
import torch.nn.functional as F


class Net(torch.nn.Module):
    def forward(self, labels):
        return F.one_hot(labels + 1)


print(Net()(torch.tensor([0, 5, 3])).shape)
""",
        ),
        Negative(
            "the number of classes may be below the cut",
            """import torch
import torch.nn.functional as F


class Net(torch.nn.Module):
    def forward(self, labels):
        return F.one_hot(labels + 1, (labels.max() + 2).item())[..., :9]


print(Net()(torch.tensor([0, 5, 3])).shape)
""",
        ),
        Negative(
            "cut at the front",
            """import torch
import torch.nn.functional as F


class Net(torch.nn.Module):
    def forward(self, labels):
        return F.one_hot(labels, max(labels.max() + 1, 4))[..., 2:]


print(Net()(torch.tensor([0, 5, 3])).shape)
""",
        ),
        Negative(
            "the cut is a tensor",
            """import torch
import torch.nn.functional as F


class Net(torch.nn.Module):
    def forward(self, labels):
        limit = labels.min() + 3
        return F.one_hot(labels, max(labels.max() + 1, limit))[..., :limit]


print(Net()(torch.tensor([0, 5, 3])).shape)
""",
        ),
    ),
    rank=30,
)

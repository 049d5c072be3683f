"""`copy.deepcopy` of a tensor becomes a clone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._imported import imported
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._spliced import operand
from g2.rewrite.site import Site
from g2.rewrite.source import Piece, Unreadable


def _propose(site: Site) -> Iterator[Proposal | Left]:
    found = _caller(site)
    if found is None:
        yield Left("what is copied or pickled here is not one tensor")
        return
    piece, call = found
    argument = call.args[0].value
    kind = site.values.get("x")  # the parameter of copy.deepcopy, in whose frame Dynamo stopped
    if kind is None or kind.kind != "tensor":
        what = " ".join(piece.code(argument).split())
        yield Left(f"`{what}` is no tensor, as far as is known: copy it once outside, in `__init__`")
    elif isinstance(argument, cst.Attribute):
        yield Left("the tensor may be a Parameter, of which deepcopy makes another Parameter")
    elif kind.requires_grad:
        yield Left("the tensor requires gradients: deepcopy refuses one that was computed, and cuts a leaf off")
    else:
        yield Proposal(
            rule="",
            summary="the tensor is cloned, which is an operation of the graph",
            safety=Safety.ASK,
            files=(FileEdits(piece.source.path, (piece.replace(call, f"{operand(piece, argument)}.clone()"),)),),
            caveat="a clone keeps the gradient, where deepcopy refuses a tensor computed from one with gradients",
        )


def _caller(site: Site) -> tuple[Piece, cst.Call] | None:
    """The call of copy.deepcopy at which the standard library was entered, when it copies nothing but one object."""
    frames = site.place.stack if site.place else ()
    if len(frames) < 2 or Path(frames[-1].span.path).name != "copy.py" or frames[-2].span.path == frames[-1].span.path:
        return None
    span = frames[-2].span
    path = span.path if Path(span.path).is_absolute() else str(Path(site.session.cwd) / span.path)
    try:
        piece = site.read(path).piece(span.line)
    except Unreadable:
        return None
    node = piece.find(replace(span, path=path))
    for one in nodes(node) if node is not None else ():
        if isinstance(one, cst.Call) and imported(piece.source, one.func) == "copy.deepcopy" and len(one.args) == 1:
            return piece, one
    return None


RULE = Rule(
    title="deepcopy of a tensor becomes a clone",
    answers=("copy-or-pickle",),
    legal="What is copied is one tensor that the run saw without gradients, under a local name: then a deep copy is "
    "new memory with the same values, as a clone is.",
    safety=Safety.ASK,
    propose=_propose,
    examples=(
        Example(
            "a tensor without gradients",
            """import copy

import torch


@torch.compile
def step(x):
    y = x * 2
    before = copy.deepcopy(y)  # as it was
    return y.add_(1), before


print(step(torch.ones(4)))
""",
            """import copy

import torch


@torch.compile
def step(x):
    y = x * 2
    before = y.clone()  # as it was
    return y.add_(1), before


print(step(torch.ones(4)))
""",
        ),
        Example(
            "deepcopy imported by name, of an expression",
            """from copy import deepcopy

import torch


class Net(torch.nn.Module):
    def forward(self, x):
        return deepcopy(x + 1) * 2


print(Net()(torch.ones(4)))
""",
            """from copy import deepcopy

import torch


class Net(torch.nn.Module):
    def forward(self, x):
        return (x + 1).clone() * 2


print(Net()(torch.ones(4)))
""",
        ),
    ),
    negatives=(
        Negative(
            "a shallow copy shares memory",
            """import copy

import torch


@torch.compile
def step(x):
    y = x * 2
    other = copy.copy(y)
    y.add_(1)
    return other


print(step(torch.ones(4)))
""",
        ),
        Negative(
            "a module is copied",
            """import copy

import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(4, 4)

    def forward(self, x):
        return copy.deepcopy(self.inner)(x).sum().detach() * 0


print(Net()(torch.ones(2, 4)))
""",
        ),
        Negative(
            "a Parameter stays one",
            """import copy

import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(4))

    def forward(self, x):
        return x * copy.deepcopy(self.scale)


print(Net()(torch.ones(4)).detach())
""",
        ),
        Negative(
            "a leaf that requires gradients is cut off",
            """import copy

import torch


@torch.compile
def step(x):
    kept = copy.deepcopy(x)
    return (x * 2).sum(), kept * 3


print(step(torch.ones(4, requires_grad=True))[1].requires_grad)
""",
        ),
    ),
    rank=20,
)

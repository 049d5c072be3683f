"""A number from NumPy or Python's random is drawn by an operator with an ordered effect: the stream stays the same."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._drawn import only_arithmetic
from g2.rewrite.rules._draws import drawn, operator
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._operator_body import NotTaken
from g2.rewrite.site import Site


def _propose(site: Site) -> Iterator[Proposal | Left]:
    draws = [one for node in nodes(_statement(site)) if (one := drawn(site.source, node)) and not one.whole]
    if not draws:
        if site.target.reason in ("numpy-random", "python-random"):
            yield Left("it is not a single number of a continuous distribution that is drawn")
        return
    kinds = Kinds(site)
    edits, helpers = [], []
    for draw in draws:
        why = "" if draw.array else only_arithmetic(kinds, site.piece, draw.call)
        if why:
            yield Left(why)
            return
        try:
            call, text = operator(site, kinds, draw)
        except NotTaken as error:
            yield Left(str(error))
            return
        edits.append(site.piece.replace(draw.call, call))
        helpers += [text] if text else []
    yield Proposal(
        rule="",
        summary="the number is drawn by an operator with an ordered effect, from the same random stream as before",
        safety=Safety.SAFE,
        files=(FileEdits(site.source.path, tuple(sorted(edits)), kinds.names.imports, tuple(dict.fromkeys(helpers))),),
    )


def _statement(site: Site) -> cst.CSTNode:
    """The simple statement around the place, the head of a compound one."""
    for node in (site.node, *site.piece.ancestors(site.node)):
        if isinstance(node, (cst.If, cst.While)):
            return node.test
        if isinstance(node, cst.SimpleStatementLine):
            return node
        if isinstance(node, cst.BaseCompoundStatement):
            return cst.Pass()
    return cst.Pass()


RULE = Rule(
    title="a number is drawn by an operator with an ordered effect",
    answers=("numpy-random", "python-random", "host-value", "data-dependent-answer"),
    legal="A single number is drawn from a continuous distribution of NumPy or of Python's random, its arguments are "
    "plain numbers, and it only enters arithmetic with tensors of floats, as the run saw them. The operator draws "
    "from the same stream, once a call and in the same order, and gives a tensor of one float64, which takes part in "
    "arithmetic as the Python number did.",
    safety=Safety.SAFE,
    propose=_propose,
    examples=(
        Example(
            "mixing with a number from NumPy",
            """import numpy as np
import torch

np.random.seed(0)


@torch.compile
def mix(x, alpha=0.4):
    lam = np.random.beta(alpha, alpha)
    return x * lam + x.flip(0) * (1 - lam)


for _ in range(3):
    print(mix(torch.arange(4.0)), np.random.rand())
""",
            """import numpy as np
import torch


@torch.library.custom_op("example::draw_beta", mutates_args=())
def _draw_beta(alpha: float) -> torch.Tensor:
    return torch.tensor(np.random.beta(alpha, alpha), dtype=torch.float64)


_draw_beta.register_fake(lambda alpha: torch.empty((), dtype=torch.float64))
# torch.compile keeps an operator with an ordered effect at its place in the graph.
_draw_beta.register_effect(torch.library.EffectType.ORDERED)

np.random.seed(0)


@torch.compile
def mix(x, alpha=0.4):
    lam = _draw_beta(alpha)
    return x * lam + x.flip(0) * (1 - lam)


for _ in range(3):
    print(mix(torch.arange(4.0)), np.random.rand())
""",
        ),
        Example(
            "noise from Python's random",
            """import random

import torch

random.seed(0)


class Net(torch.nn.Module):
    def forward(self, x):
        return x * random.random() + random.gauss(0, 1)


net = Net()
for _ in range(3):
    print(net(torch.ones(2)), random.random())
""",
            """import random

import torch


@torch.library.custom_op("example::draw_random", mutates_args=())
def _draw_random() -> torch.Tensor:
    return torch.tensor(random.random(), dtype=torch.float64)


_draw_random.register_fake(lambda: torch.empty((), dtype=torch.float64))
# torch.compile keeps an operator with an ordered effect at its place in the graph.
_draw_random.register_effect(torch.library.EffectType.ORDERED)


@torch.library.custom_op("example::draw_gauss", mutates_args=())
def _draw_gauss() -> torch.Tensor:
    return torch.tensor(random.gauss(0, 1), dtype=torch.float64)


_draw_gauss.register_fake(lambda: torch.empty((), dtype=torch.float64))
# torch.compile keeps an operator with an ordered effect at its place in the graph.
_draw_gauss.register_effect(torch.library.EffectType.ORDERED)

random.seed(0)


class Net(torch.nn.Module):
    def forward(self, x):
        return x * _draw_random() + _draw_gauss()


net = Net()
for _ in range(3):
    print(net(torch.ones(2)), random.random())
""",
        ),
    ),
    negatives=(
        Negative(
            "the number decides which way is taken",
            """import random

import torch

random.seed(0)


@torch.compile
def step(x):
    if random.random() < 0.5:
        return x + 1
    return x * 2


print(step(torch.ones(2)))
""",
        ),
        Negative(
            "an array is drawn",
            """import numpy as np
import torch

np.random.seed(0)


@torch.compile
def step(x):
    noise = np.random.beta(0.5, 0.5, size=2)
    return x + torch.from_numpy(noise)


print(step(torch.ones(2)))
""",
        ),
        Negative(
            "the number is returned",
            """import numpy as np
import torch

np.random.seed(0)


@torch.compile
def step(x):
    lam = np.random.beta(0.5, 0.5)
    return x * lam, lam


print(step(torch.ones(2)))
""",
        ),
        Negative(
            "it meets whole numbers, whose dtype would change",
            """import numpy as np
import torch

np.random.seed(0)


@torch.compile
def step(x):
    return x * np.random.beta(0.5, 0.5)


print(step(torch.arange(3)))
""",
        ),
    ),
    rank=25,
)

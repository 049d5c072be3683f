"""A statement that gives nothing back to the compiled function (a metric's update, a record) leaves the region."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from g2.explain.catalog import reasons
from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._region import hit_by, region
from g2.rewrite.rules._split import Drawn, drawn_anew
from g2.rewrite.site import Site


def _propose(site: Site) -> Iterator[Proposal | Left]:
    found = region(site)
    if isinstance(found, Left):
        return
    own, every = found.hits[0], hit_by(found, lambda hit: True)
    direct = hit_by(found, lambda hit: not hit.inner)
    here = hit_by(found, lambda hit: hit == own)

    at = [n for n in ast.walk(found.function) if isinstance(n, ast.stmt) and here(n)]
    # One place in what is called has one caller in the record; other calls of the same kind (every metric.update) are
    # likely to meet it too.
    called = {_called(n) for n in ast.walk(found.function) if isinstance(n, ast.Expr) and every(n)} - {""}

    def outside(one: ast.stmt) -> bool:
        return (isinstance(one, ast.Expr) and (every(one) or _called(one) in called)) or (here(one) and direct(one))

    if not any(outside(one) for one in at):
        return  # what it gives is needed in the region: a cure has to be found where the break is
    why = Left("tensor work stands on both sides of it")
    for postpone in (False, True):
        drawn = drawn_anew(found, outside, postpone, share=2)
        if isinstance(drawn, Left):
            why = drawn
        elif len(drawn.names) == 1:
            yield _proposal(drawn, found.function.name, " ".join(ast.unparse(at[-1]).split()))
            return
    yield why


def _proposal(drawn: Drawn, function: str, text: str) -> Proposal:
    late = (
        f"`{text[:60]}` comes after statements that stood behind it: when one of those raises, it has not been run"
    )
    return Proposal(
        rule="",
        summary=f"{drawn.names[0]} is compiled; {function} runs the rest uncompiled",
        safety=Safety.ASK if drawn.postponed else Safety.SAFE,
        files=drawn.files,
        caveat=late if drawn.postponed else "",
    )


def _called(one: ast.Expr) -> str:
    function = one.value.func if isinstance(one.value, ast.Call) else one.value
    return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)


RULE = Rule(
    title="a statement without a result leaves the compiled region",
    answers=tuple(reasons()),
    legal="""
        The script compiles a function of its own, by decorator or by one call that names it, and a statement of it
        leads to a break whose result nothing in the region needs: its value is thrown away, or it stands at the
        beginning or the end. The statements without breaks become a compiled function; the names that it reads are
        passed and those read behind it are returned, each of which must be bound for certain. Effects keep their order.
        A statement in the middle is put behind assignments that neither touch the object that it calls nor what it
        reads: ASK.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=80,
    examples=(
        Example(
            "metrics behind the loss",
            before="""
import torch
from torch import nn


class Mean:
    def __init__(self):
        self.values = []

    def update(self, value):
        self.values.append(value.item())


model, mean = nn.Linear(8, 4), Mean()


@torch.compile
def evaluate(x, y):
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, y)
    mean.update(loss)
    mean.update(logits.max())
    return loss


evaluate(torch.ones(6, 8), torch.zeros(6, dtype=torch.long))
print(len(mean.values))
""",
            after="""
import torch
from torch import nn


class Mean:
    def __init__(self):
        self.values = []

    def update(self, value):
        self.values.append(value.item())


model, mean = nn.Linear(8, 4), Mean()


@torch.compile
def forward_and_loss(x, y):
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, y)
    return logits, loss


def evaluate(x, y):
    logits, loss = forward_and_loss(x, y)
    mean.update(loss)
    mean.update(logits.max())
    return loss


evaluate(torch.ones(6, 8), torch.zeros(6, dtype=torch.long))
print(len(mean.values))
""",
        ),
        Example(
            "a record in the middle comes last",
            before="""
import torch
from torch import nn

model, seen = nn.Linear(8, 4), []


@torch.compile(dynamic=False)
def evaluate(x, y):
    logits = model(x)
    seen.extend(logits.argmax(-1).tolist())  # for the report
    scaled = logits * 2
    loss = nn.functional.cross_entropy(scaled, y)
    return loss


evaluate(torch.ones(6, 8), torch.zeros(6, dtype=torch.long))
print(len(seen))
""",
            after="""
import torch
from torch import nn

model, seen = nn.Linear(8, 4), []


@torch.compile(dynamic=False)
def forward_and_loss(x, y):
    logits = model(x)
    scaled = logits * 2
    loss = nn.functional.cross_entropy(scaled, y)
    return logits, loss


def evaluate(x, y):
    logits, loss = forward_and_loss(x, y)
    seen.extend(logits.argmax(-1).tolist())  # for the report
    return loss


evaluate(torch.ones(6, 8), torch.zeros(6, dtype=torch.long))
print(len(seen))
""",
        ),
    ),
    negatives=(
        Negative(
            "its result is needed in the region",
            """
import torch
from torch import nn

model = nn.Linear(8, 4)


def scale_of(x):
    return x.abs().max().item()


@torch.compile
def step(x):
    scale = scale_of(x)
    return model(x / scale).sum()


step(torch.ones(6, 8))
""",
        ),
        Negative(
            "the script compiles a module, not a function",
            """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.seen = nn.Linear(2, 2), []

    def forward(self, x):
        y = self.fc(x)
        self.seen.append(y.sum().item())
        return y


torch.compile(Net())(torch.ones(1, 2))
""",
        ),
        Negative(
            "what stands behind writes what it reads",
            """
import torch
from torch import nn

model, seen = nn.Linear(8, 4), []


@torch.compile
def evaluate(x):
    logits = model(x)
    seen.append(logits.max().item())
    logits = logits.exp() * 2 + logits.sin() * 3
    logits = logits.cos() / logits.sum()
    return logits * 2


evaluate(torch.ones(6, 8))
""",
        ),
        Negative(
            "the rest writes into a tensor in place",
            """
import torch
from torch import nn

model, seen = nn.Linear(8, 4), []


@torch.compile
def evaluate(x):
    logits = model(x)
    seen.append(x.max().item())
    other = x.mul_(2).exp() * x.sin()
    return logits.sum() + other.sum() * other.mean()


evaluate(torch.ones(6, 8))
""",
        ),
    ),
)

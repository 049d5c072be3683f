"""Examples of statement_out_of_region."""

from __future__ import annotations

from g2.rewrite.rule import Example, Negative

EXAMPLES = (
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
    Example(
        "the end of a compiled module's forward",
        before="""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.seen = nn.Linear(2, 2), []

    def forward(self, x):
        y = self.fc(x)
        loss = y.square().mean()
        self.seen.append(loss.item())
        return loss


model = torch.compile(Net(), fullgraph=False)
print(model(torch.ones(1, 2)).shape)
""",
        after="""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.seen = nn.Linear(2, 2), []

    @torch.compile(fullgraph=False)
    def _compute_loss(self, x):
        y = self.fc(x)
        return y.square().mean()

    def forward(self, x):
        loss = self._compute_loss(x)
        self.seen.append(loss.item())
        return loss


model = Net()
print(model(torch.ones(1, 2)).shape)
""",
    ),
)

NEGATIVES = (
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
        "the script compiles nothing by itself",
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


Net()(torch.ones(1, 2))
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
)

"""What step_split_from_loss leaves alone."""

from __future__ import annotations

from g2.rewrite.rule import Negative

NEGATIVES = (
    Negative(
        "a name may not be set at that place",
        """
import torch
from torch import nn

net = nn.Linear(2, 2)
opt = torch.optim.SGD(net.parameters(), lr=0.1)


@torch.compile
def step(x, noisy):
    if noisy:
        noise = torch.ones(2)
    opt.zero_grad()
    loss = net(x).sum()
    if noisy:
        loss = loss + noise.sum()
    loss.backward()


step(torch.ones(1, 2), True)
""",
    ),
    Negative(
        "compiled under a condition",
        """
import sys

import torch
from torch import nn

net = nn.Linear(2, 2)


def step(x):
    loss = net(x).sum()
    loss.backward()


if len(sys.argv) < 9:
    step = torch.compile(step)
step(torch.ones(1, 2))
""",
    ),
    Negative(
        "also used without being compiled",
        """
import torch
from torch import nn

net = nn.Linear(2, 2)


def step(x):
    loss = net(x).sum()
    loss.backward()
    return loss


fast = torch.compile(step)
print(torch.equal(fast(torch.ones(1, 2)), step(torch.ones(1, 2))))
""",
    ),
    Negative(
        "an early return in the tensor work",
        """
import torch
from torch import nn

net = nn.Linear(2, 2)


@torch.compile
def step(x, warm):
    y = net(x)
    if warm:
        return y
    loss = y.square().sum()
    loss.backward()
    return y


step(torch.ones(1, 2), False)
""",
    ),
    Negative(
        "most tensor work stands beside it",
        """
import torch
from torch import nn

net = nn.Linear(2, 2)


@torch.compile
def step(x, ys):
    net(x).square().sum().backward()
    x = x + x.exp() * 2
    for y in ys:
        net(y * x).square().sum().backward()
        x = x * y
    return x


step(torch.ones(1, 2), [torch.ones(1, 2)])
""",
    ),
)

"""Examples of requires_grad_outside_graphs."""

from __future__ import annotations

from g2.rewrite.rule import Example, Negative

EXAMPLES = (
    Example(
        "under a condition of its own",
        before="""
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, values):
        hidden = values[:, None]

        # checkpoints need an input that requires a gradient
        if self.training:
            hidden.requires_grad = True

        return self.fc(hidden)


net = Encoder()
net(torch.ones(2, 3)).sum().backward()
print(net.fc.weight.grad.shape)
""",
        after="""
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, values):
        hidden = values[:, None]

        # checkpoints need an input that requires a gradient
        if self.training and not torch.compiler.is_compiling():
            hidden.requires_grad = True

        return self.fc(hidden)


net = Encoder()
net(torch.ones(2, 3)).sum().backward()
print(net.fc.weight.grad.shape)
""",
    ),
    Example(
        "a sum that starts from nothing",
        before="""
import torch as th
from torch import nn

fc = nn.Linear(3, 3)


@th.compile
def total(x, training):
    loss = th.zeros(1, requires_grad=training)
    return loss + fc(x).sum()


total(th.ones(2, 3), True).backward()
print(fc.bias.grad)
""",
        after="""
import torch as th
from torch import nn

fc = nn.Linear(3, 3)


@th.compile
def total(x, training):
    loss = th.zeros(1, requires_grad=training and not th.compiler.is_compiling())
    return loss + fc(x).sum()


total(th.ones(2, 3), True).backward()
print(fc.bias.grad)
""",
    ),
    Example(
        "a result in brackets",
        before="""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x):
        y = (x * 2).requires_grad_()
        return self.fc(y).sum()


torch.manual_seed(0)
print(Net()(torch.ones(2, 3)))
""",
        after="""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x):
        y = x * 2
        if not torch.compiler.is_compiling():
            y.requires_grad_()
        return self.fc(y).sum()


torch.manual_seed(0)
print(Net()(torch.ones(2, 3)))
""",
    ),
    Example(
        "a detached copy",
        before="""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x):
        h = x.detach().requires_grad_()
        return self.fc(h) * 2


net = Net()
net(torch.ones(2, 3)).sum().backward()
print(net.fc.bias.grad)
""",
        after="""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x):
        h = x.detach()
        if not torch.compiler.is_compiling():
            h.requires_grad_()
        return self.fc(h) * 2


net = Net()
net(torch.ones(2, 3)).sum().backward()
print(net.fc.bias.grad)
""",
    ),
)

NEGATIVES = (
    Negative(
        "the tensor is the caller's",
        """
import torch

fc = torch.nn.Linear(3, 3)


@torch.compile
def saliency(x):
    x.requires_grad_()
    return fc(x).sum()


x = torch.ones(2, 3)
saliency(x).backward()
print(x.grad.shape)
""",
    ),
    Negative(
        "its gradient is computed there",
        """
import torch

fc = torch.nn.Linear(3, 3)


@torch.compile
def penalty(x):
    y = x * 2
    y = y.detach().requires_grad_()
    (g,) = torch.autograd.grad(fc(y).sum(), y, create_graph=True)
    return g.square().sum()


penalty(torch.ones(2, 3)).backward()
""",
    ),
    Negative(
        "the name may be the caller's tensor",
        """
import torch

fc = torch.nn.Linear(3, 3)


@torch.compile
def step(x):
    h = x
    h.requires_grad = True
    return fc(h).sum()


step(torch.ones(2, 3)).backward()
""",
    ),
    Negative(
        "a hook hangs on it",
        """
import torch

fc = torch.nn.Linear(3, 3)


@torch.compile
def step(x):
    h = x * 2
    h.requires_grad = True
    h.register_hook(lambda g: print(g.shape))
    return fc(h).sum()


step(torch.ones(2, 3)).backward()
""",
    ),
)

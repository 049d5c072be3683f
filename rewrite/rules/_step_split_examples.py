"""Examples of step_split_from_loss."""

from __future__ import annotations

from g2.rewrite.rule import Example

EXAMPLES = (
    Example(
        "decorated training step",
        before="""
import torch
from torch import nn

net = nn.Linear(2, 2)
opt = torch.optim.SGD(net.parameters(), lr=0.1)


@torch.compile
def train_step(x, y):
    \"\"\"One step.\"\"\"
    opt.zero_grad()
    out = net(x)
    # mean over the batch
    loss = nn.functional.mse_loss(out, y)
    loss.backward()
    opt.step()
    return loss.detach()


for _ in range(3):
    print(train_step(torch.ones(1, 2), torch.zeros(1, 2)).shape)
""",
        after="""
import torch
from torch import nn

net = nn.Linear(2, 2)
opt = torch.optim.SGD(net.parameters(), lr=0.1)


@torch.compile
def compute_loss(x, y):
    out = net(x)
    # mean over the batch
    return nn.functional.mse_loss(out, y)


def train_step(x, y):
    \"\"\"One step.\"\"\"
    opt.zero_grad()
    loss = compute_loss(x, y)
    loss.backward()
    opt.step()
    return loss.detach()


for _ in range(3):
    print(train_step(torch.ones(1, 2), torch.zeros(1, 2)).shape)
""",
    ),
    Example(
        "method compiled by a call, step under a condition",
        before="""
import torch
from torch import nn


class Trainer:
    def __init__(self, every):
        self.net, self.every, self.calls = nn.Linear(2, 2), every, 0
        self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1)

    def step(self, x: torch.Tensor, scale=1.0):
        with torch.autocast("cpu", enabled=False):
            y = self.net(x) * scale
            loss = y.square().mean()
            (loss / self.every).backward()
        self.opt.step()
        self.opt.zero_grad()
        return loss, y


trainer = Trainer(2)
step = torch.compile(trainer.step, dynamic=False)
for _ in range(2):
    step(torch.ones(1, 2))
print("done")
""",
        after="""
import torch
from torch import nn


class Trainer:
    def __init__(self, every):
        self.net, self.every, self.calls = nn.Linear(2, 2), every, 0
        self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1)

    @torch.compile(dynamic=False)
    def _forward_and_loss(self, x: torch.Tensor, scale):
        y = self.net(x) * scale
        loss = y.square().mean()
        return y, loss

    def step(self, x: torch.Tensor, scale=1.0):
        with torch.autocast("cpu", enabled=False):
            y, loss = self._forward_and_loss(x, scale)
            (loss / self.every).backward()
        self.opt.step()
        self.opt.zero_grad()
        return loss, y


trainer = Trainer(2)
step = trainer.step
for _ in range(2):
    step(torch.ones(1, 2))
print("done")
""",
    ),
    Example(
        "two losses, a backward each",
        before="""
import torch
from torch import nn

gen, critic = nn.Linear(2, 2), nn.Linear(2, 1)
opt_g = torch.optim.SGD(gen.parameters(), lr=0.1)
opt_c = torch.optim.SGD(critic.parameters(), lr=0.1)


@torch.compile(backend="eager")
def gan_step(real, z):
    fake = gen(z)
    loss_c = critic(fake.detach()).mean() - critic(real).mean()
    opt_c.zero_grad()
    loss_c.backward()
    opt_c.step()

    loss_g = -critic(fake).exp().mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()


gan_step(torch.ones(3, 2), torch.zeros(3, 2))
print("done")
""",
        after="""
import torch
from torch import nn

gen, critic = nn.Linear(2, 2), nn.Linear(2, 1)
opt_g = torch.optim.SGD(gen.parameters(), lr=0.1)
opt_c = torch.optim.SGD(critic.parameters(), lr=0.1)


@torch.compile(backend="eager")
def forward_and_loss(real, z):
    fake = gen(z)
    loss_c = critic(fake.detach()).mean() - critic(real).mean()
    return fake, loss_c


@torch.compile(backend="eager")
def compute_loss_g(fake):
    return -critic(fake).exp().mean()


def gan_step(real, z):
    fake, loss_c = forward_and_loss(real, z)
    opt_c.zero_grad()
    loss_c.backward()
    opt_c.step()

    loss_g = compute_loss_g(fake)
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()


gan_step(torch.ones(3, 2), torch.zeros(3, 2))
print("done")
""",
    ),
    Example(
        "gradients accumulated in a loop",
        before="""
import torch
from torch import nn

net = nn.Linear(2, 2)


def accumulate(xs):
    total = torch.zeros(())
    for x in xs:
        out = net(x)
        loss = out.square().sum()
        loss.backward()
        total = total + loss.detach()
    return total


accumulate = torch.compile(accumulate)
print(accumulate([torch.ones(1, 2), torch.zeros(1, 2)]).shape)
""",
        after="""
import torch
from torch import nn

net = nn.Linear(2, 2)


@torch.compile
def compute_loss(x):
    out = net(x)
    return out.square().sum()


def accumulate(xs):
    total = torch.zeros(())
    for x in xs:
        loss = compute_loss(x)
        loss.backward()
        total = total + loss.detach()
    return total


print(accumulate([torch.ones(1, 2), torch.zeros(1, 2)]).shape)
""",
    ),
)

"""backward, the optimizer and what stands behind them leave the compiled region; forward and loss stay in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._region import hit_by, region
from g2.rewrite.rules._split import drawn_anew
from g2.rewrite.site import Site

_REASONS = ("optimizer-in-region", "backward-in-region", "gradient-in-region", "gradient-hook")
_STEPS = {"backward", "zero_grad", "step"}


def _propose(site: Site) -> Iterator[Proposal | Left]:
    found = region(site)
    if isinstance(found, Left):
        yield found
        return
    at = hit_by(found, lambda hit: hit.reason in _REASONS)
    # What else cannot be captured and gives nothing back (metrics, logging) may as well stay outside.
    loose = hit_by(found, lambda hit: True)
    refused: set[Left] = set()
    for outside in (
        lambda one: at(one) or _is_step(one) or (isinstance(one, ast.Expr) and loose(one)),
        lambda one: at(one) or _is_step(one),
    ):
        drawn = drawn_anew(found, outside)
        if isinstance(drawn, Left):
            if drawn not in refused:
                yield drawn
            refused.add(drawn)
            continue
        yield Proposal(
            rule="",
            summary=f"{' and '.join(drawn.names)} is compiled; {found.function.name} runs the rest uncompiled"
            if len(drawn.names) == 1
            else f"{' and '.join(drawn.names)} are compiled; {found.function.name} runs the rest uncompiled",
            safety=Safety.SAFE,
            files=drawn.files,
        )


def _is_step(one: ast.stmt) -> bool:
    call = one.value if isinstance(one, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _STEPS


RULE = Rule(
    title="forward and loss are compiled, the training step around them is not",
    answers=_REASONS,
    legal="""
        The script compiles a function of its own, by decorator or by one call that names it. The longest run of
        statements without backward, optimizer and scheduler calls becomes a compiled function; the names that it reads
        are passed and those read behind it are returned, each of which must be bound for certain. The order of all
        effects stays. Left alone: generators and coroutines, early returns, global names, a function that is compiled
        under a condition or also used uncompiled.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=20,
    examples=(
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


@torch.compile
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


@torch.compile
def forward_and_loss(real, z):
    fake = gen(z)
    loss_c = critic(fake.detach()).mean() - critic(real).mean()
    return fake, loss_c


@torch.compile
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
    ),
    negatives=(
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
    ),
)

"""Examples and negatives of branch_to_where.py."""

from __future__ import annotations

from g2.rewrite.rule import Example, Negative


def _script(then: str, other: str, last: str = "y = y * 2") -> str:
    return f"""\
import torch

seen = []

@torch.compile
def step(x):
    x = x * 1
    if x.sum() > 0:
        {then}
    else:
        {other}
    {last}
    return y.sum()

step(torch.ones(4))
step(-torch.ones(4))
"""


EXAMPLES = (
    Example(
        name="both branches give the same name",
        before="""\
import torch

@torch.compile
def step(x):
    if x.sum() > 0:
        y = x + 1
    else:
        y = x - 1
    return y * 2

for sign in (1.0, -1.0):
    print(step(sign * torch.ones(4)))
""",
        after="""\
import torch

@torch.compile
def step(x):
    y = torch.where(x.sum() > 0, x + 1, x - 1)
    return y * 2

for sign in (1.0, -1.0):
    print(step(sign * torch.ones(4)))
""",
    ),
    Example(
        name="an update without else, with a comment, a singular side and a chain",
        before="""\
import torch as th

@th.compile
def step(x):
    scale = x.mean()
    if 0 < scale < 9 and not (x > 8).any():  # only where it is small
        x = x / scale
    return x * 2

for number in (1.0, -1.0):
    x = th.full((4,), number, requires_grad=True)
    step(x).sum().backward()
    print(x.grad)
""",
        after="""\
import torch as th

@th.compile
def step(x):
    scale = x.mean()
    # only where it is small
    condition = (0 < scale) & (scale < 9) & ~(x > 8).any()
    x = th.where(condition, x / th.where(condition, scale, 1.0), x)
    return x * 2

for number in (1.0, -1.0):
    x = th.full((4,), number, requires_grad=True)
    step(x).sum().backward()
    print(x.grad)
""",
    ),
    Example(
        name="a dtype is asked first, on lines of their own",
        before="""\
import torch

@torch.compile
def step(x):
    if x.dtype == torch.float16 and (
        torch.isinf(x).any() or torch.isnan(x).any()
    ):
        x = torch.clamp(x, min=-1000, max=1000)
    return x * 2

print(step(torch.ones(2, 3).half()), step(torch.full((2, 3), 1e6).half()))
""",
        after="""\
import torch

@torch.compile
def step(x):
    if x.dtype == torch.float16:
        x = torch.where(
            torch.isinf(x).any() | torch.isnan(x).any(),
            torch.clamp(x, min=-1000, max=1000),
            x,
        )
    return x * 2

print(step(torch.ones(2, 3).half()), step(torch.full((2, 3), 1e6).half()))
""",
    ),
    Example(
        name="a flag that the branch itself sets",
        before="""\
import torch

class Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("ready", torch.tensor(False))
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x):
        if not self.ready:
            self.ready.fill_(True)
            self.mean.copy_(x.mean(0))
        return x - self.mean

norm = torch.compile(Norm())
for _ in range(2):
    print(norm(torch.rand(3, 4) * 0 + 2))
""",
        after="""\
import torch

class Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("ready", torch.tensor(False))
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x):
        condition = self.ready.clone()
        self.ready.copy_(torch.where(condition, self.ready, True))
        self.mean.copy_(torch.where(condition, self.mean, x.mean(0)))
        return x - self.mean

norm = torch.compile(Norm())
for _ in range(2):
    print(norm(torch.rand(3, 4) * 0 + 2))
""",
    ),
)
NEGATIVES = (
    Negative(
        name="a gradient needs what it writes into, where the branch is not taken",
        script="""\
import torch

@torch.compile
def step(x, w):
    y = x * 1
    z = y * w
    if x.sum() > 0:
        y += 0.5
    return z.sum() + y.sum()

w = torch.ones(4, requires_grad=True)
step(torch.ones(4), w)
step(-torch.ones(4), w).backward()
""",
    ),
    Negative(
        name="a branch prints",
        script="""\
import torch

@torch.compile
def step(x):
    y = x * 2
    if x.sum() > 0:
        print("positive")
        y = y + 1
    return y

step(torch.ones(4))
""",
    ),
    Negative(name="sides of different shapes", script=_script("y = x[0]", "y = x + 1")),
    Negative(name="a later line changes what a branch handed on", script=_script("y = x", "y = x + 1", "y += 1")),
    Negative(
        name="a branch loops",
        script=_script("y = x\n        for _ in range(3):\n            y = y + 1", "y = -x"),
    ),
    Negative(
        name="what is written into is needed by the backward",
        script="""\
import torch

@torch.compile
def step(x, w):
    y = x * w
    if y.sum() > 0:
        y.mul_(w)
    return y

step(torch.ones(4), torch.ones(4, requires_grad=True)).sum().backward()
""",
    ),
    Negative(
        name="a branch calls a function for what it does",
        script=_script("y = x\n        seen.append(y)", "y = -x"),
    ),
)

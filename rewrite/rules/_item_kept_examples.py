"""Examples of item_kept_as_tensor."""

from __future__ import annotations

from g2.rewrite.rule import Example, Negative

EXAMPLES = (
    Example(
        "a scale",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        scale = x.abs().max().item()  # of the whole batch
        y = x / (scale + 1e-6)
        return y * 2 - scale


x = torch.tensor([1.0, -4.0], requires_grad=True)
y = Net()(x)
y.sum().backward()
print(y.detach(), x.grad)
""",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        scale = x.abs().max().detach()  # of the whole batch
        y = x / (scale + 1e-6)
        return y * 2 - scale


x = torch.tensor([1.0, -4.0], requires_grad=True)
y = Net()(x)
y.sum().backward()
print(y.detach(), x.grad)
""",
    ),
    Example(
        "a bound, and a root of it",
        """import math

import torch


class Net(torch.nn.Module):
    def forward(self, x):
        least = max(torch.min(x).item(), 1e-3)
        return torch.clamp(x - 1, min=least) * math.sqrt(least)


print(Net()(torch.tensor([1.0, 4.0])))
""",
        """import math

import torch


class Net(torch.nn.Module):
    def forward(self, x):
        least = torch.min(x).detach().clamp(min=1e-3)
        return torch.clamp(x - 1, min=least) * torch.sqrt(least)


print(Net()(torch.tensor([1.0, 4.0])))
""",
    ),
    Example(
        "counted, compared, and its tensor changes before",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x, counts):
        first = counts[0].item()
        counts += 1
        return (torch.arange(4) < first) * x, x / int(counts.sum())


print(Net()(torch.ones(4), torch.tensor([2, 3])))
""",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x, counts):
        first = counts[0].clone()
        counts += 1
        return (torch.arange(4) < first) * x, x / counts.sum()


print(Net()(torch.ones(4), torch.tensor([2, 3])))
""",
    ),
)

DECIDING = (
    Example(
        "the number decides a branch",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        n = x.sum().item()
        if n > 2:
            y = x * n
        else:
            y = x + 1
        return y


print(Net()(torch.tensor([2.0, 3.0])), Net()(torch.tensor([-2.0, 3.0])))
""",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        n = x.sum().detach()
        y = torch.where(n > 2, x * n, x + 1)
        return y


print(Net()(torch.tensor([2.0, 3.0])), Net()(torch.tensor([-2.0, 3.0])))
""",
    ),
    Example(
        "its truth decides a branch",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        if bool((x > 0).all()):
            x = x * 2
        return x


print(Net()(torch.tensor([2.0, 3.0])), Net()(torch.tensor([-2.0, 3.0])))
""",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        x = torch.where((x > 0).all(), x * 2, x)
        return x


print(Net()(torch.tensor([2.0, 3.0])), Net()(torch.tensor([-2.0, 3.0])))
""",
    ),
)

NEGATIVES = (
    Negative(
        "the number is returned",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        return x * 2, x.sum().item()


print(Net()(torch.tensor([1.0, 4.0])))
""",
    ),
    Negative(
        "the number is a size",
        """import torch


class Net(torch.nn.Module):
    def forward(self, lengths):
        n = lengths.max().item()
        return torch.arange(n) * n


print(Net()(torch.tensor([2, 3])))
""",
    ),
    Negative(
        "the number decides how often a loop runs",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        n = x.sum().item()
        while n > 2:
            x, n = x / 2, n / 2
        return x


print(Net()(torch.tensor([2.0, 3.0])))
""",
    ),
    Negative(
        "the number is stored for others",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        self.last = x.mean().item()
        return x * self.last


print(Net()(torch.tensor([2.0, 3.0])))
""",
    ),
    Negative(
        "two tensors without dimensions would give another dtype",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x, y):
        return x.sum() * y.sum().item()


print(Net()(torch.tensor([2.0, 3.0]).half(), torch.tensor([2.0, 3.0])))
""",
    ),
    Negative(
        "float64 would spread to whole numbers",
        """import torch


class Net(torch.nn.Module):
    def forward(self, x, y):
        return x * y.sum().item()


print(Net()(torch.tensor([2, 3]), torch.tensor([2.0, 3.0], dtype=torch.float64)))
""",
    ),
)

"""Examples of module_built_in_init."""

from __future__ import annotations

from g2.rewrite.rule import Example, Negative

EXAMPLES = (
    Example(
        "the input's size at the first call",
        before="""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = None  # made when the input is known

    def forward(self, x):
        if self.fc is None:
            self.fc = nn.Linear(x.shape[-1], 3, bias=False).to(x.device)
        return self.fc(x * 2)


torch.manual_seed(0)
net = Net()
print(net(torch.ones(2, 4)).sum().item(), net(torch.ones(2, 4)).shape)
""",
        after="""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.LazyLinear(3, bias=False)  # made when the input is known

    def forward(self, x):
        return self.fc(x * 2)


torch.manual_seed(0)
net = Net()
print(net(torch.ones(2, 4)).sum().item(), net(torch.ones(2, 4)).shape)
""",
    ),
    Example(
        "sizes known in __init__",
        before="""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, x):
        y = x * 2
        if not hasattr(self, "scale"):
            self.scale = nn.Parameter(torch.ones(self.width))
        return y * self.scale


print(Net(4)(torch.ones(2, 4)).sum())
""",
        after="""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.scale = nn.Parameter(torch.ones(self.width))

    def forward(self, x):
        y = x * 2
        return y * self.scale


print(Net(4)(torch.ones(2, 4)).sum())
""",
    ),
)

NEGATIVES = (
    Negative(
        "a new one at each call",
        """
import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        fc = nn.Linear(4, 3)
        return fc(x * 2)


Net()(torch.ones(2, 4))
""",
    ),
    Negative(
        "made anew whenever the size changes",
        """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = None

    def forward(self, x):
        if self.scale is None or self.scale.shape[0] != x.shape[0]:
            self.scale = nn.Parameter(torch.ones(x.shape[0], 1))
        return x * self.scale


net = Net()
net(torch.ones(2, 4)), net(torch.ones(3, 4))
""",
    ),
    Negative(
        "sizes known only at the first call",
        """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = None

    def forward(self, x):
        if self.scale is None:
            self.scale = nn.Parameter(torch.ones(x.shape[-1]))
        return x * self.scale


Net()(torch.ones(2, 4))
""",
    ),
    Negative(
        "something else is done at the first call",
        """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = None

    def forward(self, x):
        if self.fc is None:
            self.fc = nn.Linear(4, 3)
            x = x + 1
        return self.fc(x)


Net()(torch.ones(2, 4))
""",
    ),
)

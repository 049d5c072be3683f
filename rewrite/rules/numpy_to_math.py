"""NumPy on plain numbers becomes Python's own arithmetic."""

from __future__ import annotations

from g2.rewrite.model import Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._plain_numpy import proposals

RULE = Rule(
    title="NumPy on plain numbers becomes Python's own arithmetic",
    answers=("numpy-on-numbers", "numpy-function", "host-value", "tensor-branch", "size-from-data"),
    legal="The value at the place leads back, through assignments and through functions of the same file, to NumPy "
    "calls on plain numbers that have a counterpart in `math` or among the builtins, and nothing asks the result for "
    "what only a number of NumPy has. Square roots and logarithms are SAFE only of numbers that are above zero.",
    safety=Safety.SAFE,
    propose=proposals,
    examples=(
        Example(
            "the size of a tensor decides",
            """import numpy as np
import torch


@torch.compile
def step(x):
    if np.prod(x.shape) > 4:  # large
        x = x + 1
    return x * np.pi


print(step(torch.ones(2, 3)))
""",
            """import math

import numpy as np
import torch


@torch.compile
def step(x):
    if math.prod(x.shape) > 4:  # large
        x = x + 1
    return x * np.pi


print(step(torch.ones(2, 3)))
""",
        ),
        Example(
            "a helper of the same file computes the number",
            """import math

import numpy as np
import torch


def _chunk(lengths, size):
    return np.lcm.reduce(lengths) // int(np.ceil(size / 2))


class Net(torch.nn.Module):
    def forward(self, x):
        chunk = _chunk([2, 4], x.shape[0])
        padding = chunk - x.shape[0] % chunk
        return torch.nn.functional.pad(x, (0, padding)) * math.e


print(Net()(torch.ones(3)))
""",
            """import math

import numpy as np
import torch


def _chunk(lengths, size):
    return math.lcm(*lengths) // math.ceil(size / 2)


class Net(torch.nn.Module):
    def forward(self, x):
        chunk = _chunk([2, 4], x.shape[0])
        padding = chunk - x.shape[0] % chunk
        return torch.nn.functional.pad(x, (0, padding)) * math.e


print(Net()(torch.ones(3)))
""",
        ),
        Example(
            "the largest of some numbers is a size",
            """import numpy as np
import torch


@torch.compile
def step(x, rows=(1, 3)):
    n = np.max(rows)
    return x.expand(int(n), len(x)) * np.sqrt(x.shape[0])


print(step(torch.ones(2)))
""",
            """import numpy as np
import torch


@torch.compile
def step(x, rows=(1, 3)):
    n = max(rows)
    return x.expand(int(n), len(x)) * np.sqrt(x.shape[0])


print(step(torch.ones(2)))
""",
        ),
    ),
    negatives=(
        Negative(
            "the array itself is used",
            """import numpy as np
import torch


@torch.compile
def step(x):
    table = np.cumsum([1, 2, 3])
    if table[1] > 2:
        x = x + 1
    return x


print(step(torch.ones(2)))
""",
        ),
        Negative(
            "a number of NumPy is asked for its type",
            """import numpy as np
import torch


@torch.compile
def step(x):
    n = np.prod(x.shape)
    if n.astype(np.float32) > 2:
        x = x + 1
    return x


print(step(torch.ones(4)))
""",
        ),
        Negative(
            "NumPy on a tensor",
            """import numpy as np
import torch


@torch.compile
def step(x):
    y = x * 2
    if np.sum(y) > 4:
        y = y + 1
    return y


print(step(torch.ones(4)))
""",
        ),
        Negative(
            "math is another name in the file",
            """import numpy as np
import torch

math = 3


@torch.compile
def step(x):
    if np.prod(x.shape) > math:
        x = x + 1
    return x


print(step(torch.ones(4)))
""",
        ),
        Negative(
            "a tensor's array",
            """import numpy as np
import torch


@torch.compile
def step(x):
    y = torch.tensor(np.tanh(x.detach().numpy()))
    if y.sum() > 4:
        y = y + 1
    return y


print(step(torch.ones(4)))
""",
        ),
        Negative(
            "an axis is named",
            """import numpy as np
import torch


@torch.compile
def step(x):
    if np.prod([[1, 2], [3, 4]], axis=0)[1] > 4:
        x = x + 1
    return x


print(step(torch.ones(4)))
""",
        ),
    ),
    rank=15,
)

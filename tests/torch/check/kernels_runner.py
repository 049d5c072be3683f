"""Small programs whose graphs are brought to targets, one in a process: `kernels_runner.py NAME FOLDER TARGET...`

Prints the events of the kernels part as one line of JSON. Comments "# mark: name" tell tests the lines.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from by_hand import moment
from torch import Tensor, nn

from g2.check.asked import Asked
from g2.check.child.parts import kernels


class Marked(nn.Module):
    """Two parts with a break between them, each with a generated kernel and a library call."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(32, 64)
        self.second = nn.Linear(64, 32)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)  # mark: first
        y = torch.sigmoid(y) * 3.0  # mark: sigmoid
        torch._dynamo.graph_break()
        z = self.second(y)  # mark: second
        return helped(z).sum()  # mark: outer


def helped(z: Tensor) -> Tensor:
    return torch.tanh(z) + 1.0  # mark: helped


class Block(nn.Module):
    """A transformer's layer, with dropout and masked attention."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        self.norm = nn.LayerNorm(32)
        self.qkv = nn.Linear(32, 96)
        self.out = nn.Linear(32, 50)

    def forward(self, ids: Tensor, labels: Tensor) -> Tensor:
        x = self.embed(ids)
        q, k, v = self.qkv(self.norm(x)).view(*ids.shape, 3, 4, 8).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        y = x + F.dropout(F.gelu(y), 0.2, self.training)
        return F.cross_entropy(self.out(y).flatten(0, 1), labels.flatten())


class Pieces(nn.Module):
    """Scatter, gather, sort, scan, random numbers and a buffer that is written."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor, at: Tensor) -> tuple[Tensor, ...]:
        self.seen += 1
        summed = torch.zeros(6, 8).scatter_add(0, (at % 6)[:, None].expand(-1, 8), x)
        summed = summed + torch.zeros(6).index_add(0, at % 6, torch.ones(len(at)))[:, None]  # a number, for all
        put = summed.index_put((at[:3] % 6,), x[:3], accumulate=True)
        ordered, places = torch.sort(put, dim=0)
        return torch.cumsum(ordered, 0) + torch.rand_like(ordered), places, torch.topk(put, 2, dim=0)[0]


def convolution() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())


class Written(nn.Module):
    """A buffer is written with two sums that cancel: nothing but the rounding of both is left."""

    gap: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("gap", torch.zeros(4))

    def forward(self, x: Tensor, order: Tensor) -> Tensor:
        self.gap.copy_(x.sum(0) - x[order].sum(0))
        return x + self.gap


class OnCpuAlone(nn.Module):
    """Calls an operator that somebody gave a kernel for the CPU only."""

    def forward(self, x: Tensor) -> Tensor:
        operators: Any = torch.ops.g2_tests
        made: Tensor = operators.odd(x.sin())
        return made.cos()


def _define() -> None:
    library: Any = torch.library.Library("g2_tests", "FRAGMENT")
    library.define("odd(Tensor x) -> Tensor")
    library.impl("odd", lambda x: x * 2, "CPU")
    torch.library.register_fake("g2_tests::odd", torch.empty_like, lib=library)
    Keep.library = library


class Keep:
    library: Any = None


def added(x: Tensor) -> Tensor:
    return torch.relu(x + 1.0)


def product(x: Tensor, y: Tensor) -> Tensor:
    return x @ y


def grown(x: Tensor) -> Tensor:
    return x.softmax(0) * x.shape[0]


def masked(x: Tensor, mask: Tensor) -> Tensor:
    return (x + mask).softmax(-1)


def main(name: str, folder: Path, targets: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    trains = True
    ids = torch.randint(0, 50, (2, 12))
    if name == "marked":
        one = moment(Marked(), torch.randn(8, 32), trains=True)
    elif name == "block":
        one = moment(Block(), ids, ids, trains=True)
    elif name == "half":
        one = moment(Block().bfloat16(), ids, ids, trains=True)
    elif name == "convolution":
        one = moment(convolution(), torch.randn(2, 3, 8, 8), trains=True)
    else:
        trains = False
        if name == "pieces":
            one = moment(Pieces(), torch.randn(10, 8), torch.randint(0, 50, (10,)))
        elif name == "written":
            one = moment(Written(), torch.randn(1000, 4) * 1000, torch.randperm(1000))
        elif name == "cpu alone":
            _define()
            one = moment(OnCpuAlone(), torch.randn(16))
        elif name == "dynamic":
            x = torch.randn(6, 8)
            torch._dynamo.mark_dynamic(x, 0)
            one = moment(grown, x)
        elif name == "expanded":
            one = moment(masked, torch.randn(4, 2, 8, 8), torch.rand(4, 1, 1, 8).expand(4, 2, 8, 8))
        elif name == "product":
            one = moment(product, torch.randn(16, 32), torch.randn(32, 64))
        else:
            one = moment(added, torch.randn(1000))
    events: list[dict[str, Any]] = []
    with torch.set_grad_enabled(trains):
        kernels.work(one, Asked(targets=targets), folder, events.append)
    assert not torch.cuda.is_available()
    print(json.dumps(events))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), tuple(sys.argv[3:]))

"""Small programs into which miscompiles are planted. Each operation has a line of its own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def mlp(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    h = x @ w
    h = h + b
    h = torch.tanh(h)
    h = h * 2.0
    return h - x


def normed(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    h = x * 1.5
    h = F.layer_norm(h, (16,), w, b, 1e-3)
    return torch.sigmoid(h)


def attended(x: Tensor, mask: Tensor) -> Tensor:
    s = x @ x.transpose(0, 1)
    s = s.masked_fill(mask, -1e9)
    p = torch.softmax(s, -1)
    return p @ x


def indexed(x: Tensor, rows: Tensor, places: Tensor) -> Tensor:
    e = x[rows]
    e = torch.exp(e)
    t = torch.gather(e, 1, places)
    return t[:, 2:10]


def reduced(x: Tensor) -> tuple[Tensor, ...]:
    y = x * 3
    largest = y.amax(1)
    total = y.sum(1)
    mean = y.mean(0)
    running = y.cumsum(0)
    spread = y.var(1)
    return largest, total, mean, running, spread


def shaped(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    x = x + 1
    joined = torch.cat([x, y], 1)
    flipped = torch.flip(x, (0,))
    column = x * y[:, 0].unsqueeze(1)
    turned = x.permute(1, 0) + y
    padded = F.pad(y, (1, 1), value=2.0)
    return joined, flipped, column, turned, padded


def chosen(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    less = x < y
    kept = torch.where(less, x, y)
    best = kept.argmax(1)
    clipped = torch.clamp(x, -0.5, 0.5)
    both = less & (y > 0)
    return kept, best, clipped, both


def powers(x: Tensor) -> tuple[Tensor, ...]:
    a = x.pow(2)
    b = torch.cos(x)
    c = torch.floor(x * 4)
    d = torch.log1p(a)
    e = torch.relu(x)
    return a, b, c, d, e


def activated(x: Tensor, w: Tensor) -> Tensor:
    h = F.gelu(x)
    h = h @ w
    h = F.silu(h)
    h = torch.relu(h)
    return -h


def counting(x: Tensor, count: Tensor) -> Tensor:
    h = x * 2
    count.add_(h.mean())
    return torch.sin(h)


def dropped(x: Tensor) -> Tensor:
    h = torch.sin(x)
    h = F.dropout(h, 0.25)
    return h + 1


def halved(x: Tensor) -> Tensor:
    h = x * 1.25
    total = h.sum(1)
    return total.exp()


def chained(x: Tensor, w: Tensor) -> Tensor:
    a = torch.sin(x)
    b = a @ w
    c = torch.cos(b)
    d = c @ w
    return d + b


def turned(x: Tensor) -> Tensor:
    y = torch.exp(x)
    return y.transpose(0, 1).relu()


def convolved(x: Tensor, w: Tensor) -> Tensor:
    h = F.conv2d(x, w, padding=1)
    h = F.max_pool2d(h, 2)
    return torch.sqrt(h.abs() + 1)


def lost(x: Tensor, w: Tensor, target: Tensor) -> Tensor:
    logits = x @ w
    loss = F.cross_entropy(logits, target, reduction="none")
    return loss * 0.5

"""Programs that the part for correctness looks at; prints its events: python correct_runner.py PROGRAM FOLDER."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))
import by_hand

from g2.check.child import correct_runs


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.seen.add_(1)
        h = F.dropout(F.gelu(self.inner(x)), 0.2, self.training)
        return {"h": self.norm(h + x), "view": x[0]}


def refusing(x: Tensor) -> Tensor:
    if x.shape[0] > 2:
        raise ValueError("at most 2 rows")
    return x * 2


def restless(x: Tensor) -> Tensor:
    return x * int.from_bytes(os.urandom(4))


def narrow(x: Tensor) -> Tensor:
    return torch.softmax(x.half().float() @ x.float().T, -1).bfloat16().sum(0)


def printing(x: Tensor) -> Tensor:
    print("rows", x.shape[0])
    return x.sum(0) + torch.arange(x.shape[1])


def here(x: Tensor, total: Tensor) -> Tensor:
    total.add_(x.sum())
    return torch.sin(x) * total


class Drifting(nn.Module):
    """A buffer that compiled code leaves as it was, and eager moves by its drift, and by rounding."""

    state: Tensor

    def __init__(self, drift: float = 0.0) -> None:
        super().__init__()
        self.drift = drift
        self.register_buffer("state", torch.zeros(8))

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            self.state.add_(x.sum(0) * 0)
        else:
            self.state.add_(x.sum(0) - x.flip(0).sum(0) + self.drift)
        return x * 2


BLOCK = Block()
DRIFTING = Drifting(1e-3)


def stepping(x: Tensor) -> Tensor:
    return F.mse_loss(BLOCK(x)["h"], x)


def straying(x: Tensor) -> Tensor:
    out: Tensor = DRIFTING(x)
    return out


class Schedule:
    """Finds its place by itself, and has an end."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.rates = [0.1, 0.2, 0.3]

    def step(self, x: Tensor) -> Tensor:
        self.at = 0 if self.at is None else self.at + 1
        return x * self.rates[self.at]


SCHEDULE = Schedule()


def scheduled(x: Tensor) -> Tensor:
    return SCHEDULE.step(SCHEDULE.step(x).sin())


class Timed(nn.Module):
    """Keeps how long a part of it took. Inductor takes file locks, which read clocks."""

    took = 0.0

    def forward(self, x: Tensor) -> Tensor:
        start = time.perf_counter()
        x = x.sin() * 2
        self.took = time.perf_counter() - start
        return x.cos()


def masked(x: Tensor) -> Tensor:
    return F.dropout(x, 0.5, True) * torch.from_numpy(np.random.rand(8)).float()


def _x(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


PROGRAMS: dict[str, tuple[Callable[[], Any], int]] = {
    "block": (lambda: by_hand.moment(Block(), _x(4, 8), trains=True), 5),
    "refusing": (lambda: by_hand.moment(refusing, _x(4, 8)), 1),
    "restless": (lambda: by_hand.moment(restless, _x(4, 8)), 4),
    "narrow": (lambda: by_hand.moment(narrow, _x(4, 8)), 2),
    "printing": (lambda: by_hand.moment(printing, _x(4, 8)), 2),
    "rounding": (lambda: by_hand.moment(Drifting(), _x(64, 8)), 1),
    "drifting": (lambda: by_hand.moment(Drifting(1e-3), _x(64, 8)), 1),
    "stepping": (lambda: by_hand.moment(stepping, _x(4, 8), trains=True), 1),
    "straying": (lambda: by_hand.moment(straying, _x(64, 8)), 1),
    "scheduled": (lambda: by_hand.moment(scheduled, _x(64, 8)), 4),
    "timed": (lambda: by_hand.moment(Timed(), _x(64, 8)), 2),
    "masked": (lambda: by_hand.moment(masked, _x(64, 8)), 2),
    "here": (lambda: by_hand.moment(here, _x(4, 8), torch.zeros(())), 3),
}


def main(name: str, folder: str) -> None:
    torch.set_num_threads(1)
    make, most = PROGRAMS[name]
    moment = make()
    if name == "here":  # as where CUDA is in use
        correct_runs.forks = lambda: False
    before = [value.clone() for value in moment.args if isinstance(value, Tensor)]
    events = by_hand.examined(moment, Path(folder), most=most)
    same = all(torch.equal(one, other) for one, other in zip(before, moment.args, strict=True))
    print(json.dumps({"events": events, "restored": same, "stance": torch.get_default_dtype() == torch.float32}))


if __name__ == "__main__":
    main(*sys.argv[1:])

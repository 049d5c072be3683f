"""Modules with functions made by chance, several in one script: one run of it, and one trial, serves them all."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from fuzzed import function
from fuzzed_wide import Helper, Wide
from fuzzed_words import Pick
from hypothesis import strategies as st

HEAD = """\
import copy
import logging
import math
import os
import random
import time
import warnings

import numpy as np
import torch
import torch.nn.functional as F

logger = logging.getLogger("net")
steps = 0
scale = 1.0


"""
CLASS = """\
class {name}(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.linspace(-1.0, 1.5, 4))
        self.v = torch.nn.Parameter(torch.linspace(0.5, 2.0, 4))
        self.register_buffer("state", torch.zeros(4))
        self.register_buffer("ready", torch.tensor(False))
        self.drop = torch.nn.Dropout(0.4)
        self.lin = torch.nn.Linear(4, 4)
        self.layers = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(2))
        self.limit = 1.0
        self.rate = 0.3
        self.count = 0
        self.last = None
        self.took = 0.0
        self.seen = []
        self.table = {{}}

"""
FORWARD = "    def forward(self, x, y):\n"
CALLS = """\
def show(out):
    print(type(out).__name__)


def runs(net):
    for sign, rows in ((1.0, 3), (-1.0, 5), (0.5, 3)):
        x, y = sign * (torch.rand(rows, 4) + 0.1), torch.rand(rows, 4) - 0.5
        try:
            show(net(x, y))
        except Exception as error:
            print(type(error).__name__)


if __name__ == "__main__":
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
"""


def module(pick: Pick, name: str, wide: bool = True) -> str:
    """A class of this name, with one method beside forward or without; narrow: with branches, values and masks."""
    if not wide:
        return CLASS.format(name=name) + FORWARD + function(pick)
    helped = bool(pick(range(100)) < 35)
    helper = f"{Helper(pick).method()}\n" if helped else ""
    return CLASS.format(name=name) + helper + Wide(pick, helped=helped).method()


def batch(modules: Sequence[tuple[str, str]]) -> str:
    """A script of modules (name, text), each called a few times."""
    calls = "".join(f"    runs({name}())\n" for name, _ in modules)
    return HEAD + "".join(f"{text}\n\n" for _, text in modules) + CALLS + calls


def numbered(number: int, wide: bool = True) -> tuple[str, str]:
    """The module of this number, the same on every machine: its name, its text."""
    name = f"Net{number}"
    return name, module(Random(number).choice, name, wide)


@st.composite
def scripts(draw: st.DrawFn) -> str:
    """Whole scripts of one module, for hypothesis."""
    return batch([("Net", module(lambda several: draw(st.sampled_from(list(several))), "Net"))])

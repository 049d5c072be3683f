"""What calls of a generated module do, and the calls that are made of it. Part of fuzz_judge.py."""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import math
import random
import sys
import time
import types
import warnings
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import torch

Inputs = tuple[torch.Tensor, torch.Tensor]
OTHER_DTYPES = ("double", "half", "x in double, y not")


def _noise(seed: int, rows: int = 3, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 4, generator=generator, dtype=torch.float64).to(dtype)


def _with(tensor: torch.Tensor, value: float) -> torch.Tensor:
    tensor = tensor.clone()
    tensor[1 % tensor.size(0), 2] = value
    return tensor


def cases() -> Iterator[tuple[str, list[Inputs], str]]:
    """(name, the inputs of each call on one object, "train" or "eval", with "grad" where gradients are taken)."""
    noise = _noise
    for seed in range(4):
        yield f"noise {seed}", [(noise(seed), noise(seed + 50))], "train grad"
    yield "positive", [(noise(1).abs() + 0.1, noise(2).abs() + 0.1)], "train grad"
    yield "negative", [(-noise(1).abs() - 0.1, noise(2))], "train grad"
    yield "y negative", [(noise(1), -noise(2).abs())], "train grad"
    yield "as recorded", [(noise(5).abs(), noise(6) / 2)], "train"
    yield "evaluated", [(noise(7), noise(8))], "eval"
    yield "large", [(noise(1) * 1e4, noise(2) * 1e3)], "train grad"
    yield "small", [(noise(1) * 1e-3, noise(2) * 1e-3)], "train grad"
    yield "zeros", [(torch.zeros(3, 4), noise(2))], "train grad"
    yield "y zeros", [(noise(1), torch.zeros(3, 4))], "train grad"
    yield "ones", [(torch.ones(3, 4), torch.ones(3, 4))], "train grad"
    for word, value in (("NaN", math.nan), ("inf", math.inf), ("-inf", -math.inf)):
        yield f"one {word}", [(_with(noise(1), value), noise(2))], "train"
        yield f"one {word} in y", [(noise(1), _with(noise(2), value))], "train"
    yield "all NaN", [(torch.full((3, 4), math.nan), noise(2))], "train"
    for rows in (1, 2, 7):
        yield f"{rows} rows", [(noise(1, rows), noise(2, rows))], "train grad"
    yield OTHER_DTYPES[0], [(noise(1, 3, torch.float64), noise(2, 3, torch.float64))], "train"
    yield OTHER_DTYPES[1], [(noise(1, 3, torch.float16), noise(2, 3, torch.float16))], "train"
    yield OTHER_DTYPES[2], [(noise(1, 3, torch.float64), noise(2))], "train"
    same = noise(3)
    yield "the same tensor twice", [(same, same)], "train"
    yield "a sequence", [(noise(1), noise(2)), (-noise(1), noise(3)), (noise(1), noise(2))], "train"
    yield (
        "long, short, long",
        [(noise(1, 5), noise(2, 5)), (noise(3, 2), noise(4, 2)), (noise(1, 5), noise(2, 5))],
        "train",
    )
    yield "NaN between", [(noise(1), noise(2)), (_with(noise(1), math.nan), noise(2)), (noise(4), noise(2))], "train"
    kept = noise(9)
    yield "the same objects again", [(kept, kept.clone())] * 3, "eval"


class Deed:
    """What calls on one object did."""

    def __init__(self) -> None:
        self.outs: list[Any] = []
        self.error: BaseException | None = None
        self.told = ""
        self.logged: list[str] = []
        self.streams: tuple[Any, ...] = ()  # where the random generators stand
        self.warned: list[str] = []
        self.inputs: list[torch.Tensor] = []
        self.grads: list[tuple[str, Any]] = []
        self.state: dict[str, Any] = {}
        self.shared: list[tuple[str, str]] = []


def copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        kept = value.detach().clone()
        return ("tensor", value.requires_grad, kept)
    if isinstance(value, (tuple, list)):
        return type(value)(copied(one) for one in value)
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    return value


def _leaves(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _leaves(one)
    elif isinstance(value, dict):
        yield from _leaves(list(value.values()))


class Module:
    """A class of a text, with the names of the text around it."""

    def __init__(self, text: str, name: str) -> None:
        self._module = types.ModuleType("fuzzed_text")
        self.space: dict[str, Any] = vars(self._module)
        exec(compile(text, "fuzzed.py", "exec"), self.space)
        self._name = name
        self._numbers = {name: value for name, value in self.space.items() if isinstance(value, (int, float))}

    def fresh(self) -> torch.nn.Module:
        """An object of it, with the globals as they were."""
        sys.modules["fuzzed_text"] = self._module  # Dynamo looks for names of a closure there
        self.space.update(self._numbers)
        made: torch.nn.Module = self.space[self._name]()
        return made

    def numbers(self) -> dict[str, Any]:
        """What has become of the globals that are numbers."""
        return {f"global {name}": self.space.get(name) for name in self._numbers}


class _Said(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.getMessage()}")


def do(module: Module, calls: list[Inputs], mode: str) -> Deed:
    """Make an object, and call it with each of the inputs."""
    torch.manual_seed(0)
    deed, net = Deed(), module.fresh()
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(1)
    net.train("train" in mode)
    said, leaves, total = io.StringIO(), [], None
    copies: dict[int, torch.Tensor] = {}
    outs: list[Any] = []
    logged, logger, ticks = _Said(), logging.getLogger("net"), itertools.count()

    def clock() -> float:
        return float(next(ticks))

    logger.addHandler(logged)
    logger.setLevel(logging.INFO)
    with (
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(said),
        mock.patch.multiple(time, time=clock, perf_counter=clock, monotonic=clock),
    ):
        warnings.simplefilter("always")
        try:
            for pair in calls:
                args = []
                for one in pair:
                    if id(one) not in copies:
                        leaf = one.clone()
                        if "grad" in mode:
                            leaf.requires_grad_()
                            leaves.append(leaf)
                        copies[id(one)] = leaf * 1 if "grad" in mode else leaf
                    args.append(copies[id(one)])
                deed.inputs += args
                outs.append(net(*args))
                deed.outs.append(copied(outs[-1]))
            if "grad" in mode:
                for number, out in enumerate(_leaves(outs)):
                    if out.requires_grad and out.is_floating_point():
                        generator = torch.Generator().manual_seed(number)
                        weight = torch.randn(out.shape, generator=generator).to(out.dtype)
                        part = (out * weight).sum()
                        total = part if total is None else total + part
                if total is not None:
                    total.backward()
        except Exception as error:
            deed.error = error
    logger.removeHandler(logged)
    deed.told, deed.logged = said.getvalue(), logged.lines
    deed.streams = (torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state()))
    # torch has warnings of its own.
    deed.warned = [str(one.message) for one in caught if str(one.message).startswith("odd")]
    deed.grads = [(f"input {n}", leaf.grad) for n, leaf in enumerate(leaves)]
    deed.grads += [(name, one.grad) for name, one in net.named_parameters()]
    own = {name: value for name, value in vars(net).items() if not name.startswith("_")}
    deed.state = copied({**own, **dict(net.named_buffers()), **dict(net.named_parameters())})
    deed.state |= module.numbers()
    named: list[tuple[str, Any]] = [(f"input {n}", one) for n, one in enumerate(copies.values())]
    named += [(f"self.{name}", getattr(net, name, None)) for name in ("last", "state", "w")]
    for number, out in enumerate(_leaves(outs)):
        for name, other in named:
            if (
                isinstance(other, torch.Tensor)
                and out.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
            ):
                deed.shared.append((f"output {number}", name))
    return deed

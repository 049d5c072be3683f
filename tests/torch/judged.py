"""Two texts of one small script judged in this process: each trial gets its own module and its own inputs of both."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from textwrap import dedent, indent
from typing import Any

import torch

from g2.rewrite.trial.compare import compare
from g2.rewrite.trial.outcome import Outcome, Watched, observe
from g2.rewrite.trial.precise import in_double
from g2.rewrite.trial.variants import Variant, recorded, search, sequences, variants

HEAD = """\
import logging
import math
import random
import sys
import time
import warnings
from types import SimpleNamespace

import torch

log = logging.getLogger("net")


"""
SEARCHED = 12
log = logging.getLogger("net")


@dataclass(frozen=True)
class Pair:
    """The forward of a module before and after. init: lines of its __init__; args: lines that name what it is given."""

    name: str
    before: str
    after: str
    init: str = ""
    args: str = "x = torch.randn(4, 8)"
    params: str = "x"
    differs: frozenset[str] = frozenset()

    def script(self, body: str) -> str:
        """The whole script, fit to be run."""
        return f"{HEAD}{self.module('Net', body)}\n\n{self.call('Net')}"

    def module(self, name: str, body: str) -> str:
        """The module with that forward."""
        init = indent(dedent(self.init).strip() or "pass", " " * 8)
        forward = indent(dedent(body).strip(), " " * 8)
        return (
            f"class {name}(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n{init}\n\n"
            f"    def forward(self, {self.params}):\n{forward}\n"
        )

    def call(self, name: str) -> str:
        """The module made and called, the last line being the call."""
        names = ", ".join(name.partition("=")[0].strip() for name in self.params.split(","))
        given = ", ".join(name for name in names.split(", ") if f"{name} = " in self.args)
        return f"torch.manual_seed(0)\nrandom.seed(0)\nnet = {name}()\n{dedent(self.args).strip()}\nnet({given})\n"


@dataclass(frozen=True)
class Subject:
    """A module and its inputs, newly made."""

    net: Any
    args: tuple[Any, ...]
    names: tuple[str, ...]

    @property
    def parts(self) -> tuple[tuple[Any, ...], dict[str, Any], Any, tuple[str, ...]]:
        return self.args, {}, self.net, self.names


def subject(text: str) -> Subject:
    """Everything that the script's text makes but its last line, the call."""
    lines = text.rstrip().splitlines()
    space: dict[str, Any] = {"__name__": "script"}
    exec(compile("\n".join(lines[:-1]), "script.py", "exec"), space)
    names = tuple(name.strip() for name in lines[-1][len("net(") : -1].split(",") if name.strip())
    return Subject(space["net"], tuple(space[name] for name in names), names)


def outcome(text: str, number: int, precise: bool = False, shaken: bool = False) -> tuple[str, Outcome] | None:
    """The number-th trial of the text: the name of its inputs and what it did."""
    made = subject(text)
    trial = next(islice(_trials(made), number, None), None)
    if trial is None:
        return None
    name, calls = trial
    net = made.net
    dtype = torch.get_default_dtype()
    try:
        given = [variant.make() for variant in calls]
        if precise:
            given = [in_double(args, kwargs, [net], shaken) for args, kwargs in given]
        torch.manual_seed(1)
        random.seed(1)
        watched = Watched(tuple(args for args, _ in given), {}, net, type(net).forward, ())
        if len(given) == 1:
            watched = Watched(*given[0], net, type(net).forward, made.names)
        with _settings():
            outputs: list[Any] = []

            def call() -> Any:
                for args, kwargs in given:
                    outputs.append(net(*args, **kwargs))
                return outputs if len(given) > 1 else outputs[0]

            return name, observe(call, watched, 7)
    finally:
        torch.set_default_dtype(dtype)


@contextmanager
def _settings() -> Iterator[None]:
    grad, level, always = torch.is_grad_enabled(), log.propagate, torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # some warnings come once in a process, and both texts run in this one
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        try:
            yield
        finally:
            torch.set_grad_enabled(grad)
            torch.set_warn_always(always)
            log.propagate = level


def _trials(made: Subject) -> Iterator[tuple[str, list[Variant]]]:
    args, kwargs, net, names = made.parts
    yield "as recorded", [recorded(args, kwargs, names)]
    for variant in variants(args, kwargs, net, names):
        yield variant.name, [variant]
    yield from sequences(args, kwargs, net, names)
    for variant in islice(search(args, kwargs, net, 0, names), SEARCHED):
        yield variant.name, [variant]


def judge(pair: Pair) -> Iterator[tuple[str, str, str]]:
    """(inputs, outcome, detail) of every trial."""
    before, after = pair.script(pair.before), pair.script(pair.after)
    number = 0
    while (old := outcome(before, number)) is not None:
        new = outcome(after, number)
        assert new is not None and old[0] == new[0]
        said, detail = compare(old[1], new[1], None, pair.differs)
        if said in ("close", "differs"):
            exact = [outcome(before, number, precise=True, shaken=shaken) for shaken in (False, True)]
            assert exact[0] is not None and exact[1] is not None
            said, detail = compare(old[1], new[1], exact[0][1], pair.differs, exact[1][1])
        yield old[0], said, detail
        number += 1


def first_difference(pair: Pair) -> tuple[int, str, str] | None:
    """(how many trials it took, inputs, detail) of the first that tells the two apart."""
    for number, (inputs, said, detail) in enumerate(judge(pair)):
        if said == "differs":
            return number + 1, inputs, detail
    return None

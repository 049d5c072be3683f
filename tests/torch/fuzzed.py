"""Small forward functions, made by chance, with what rules of branches, values and masks have to mind.

`function(pick)` is given a way to choose one of several things: one of hypothesis, or random.Random(seed).choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from fuzzed_words import Pick, Words

HEAD = """\
import math
import warnings

import torch
import torch.nn.functional as F


"""
CLASS = """\
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.linspace(-1.0, 1.5, 4))
        self.v = torch.nn.Parameter(torch.linspace(0.5, 2.0, 4))
        self.register_buffer("state", torch.zeros(4))
        self.limit = 1.0
        self.count = 0
        self.last = None

    def forward(self, x, y):
"""
CALLS = """

def show(out):
    print(type(out).__name__)


if __name__ == "__main__":
    torch.manual_seed(0)
    net = Net()
    for sign in (1.0, -1.0):
        x, y = sign * (torch.rand(3, 4) + 0.1), torch.rand(3, 4) - 0.5
        try:
            show(net(x, y))
        except (ValueError, AssertionError, RuntimeError) as error:
            print(type(error).__name__)
"""


class Maker(Words):
    """Statements and whole functions of them."""

    def block(self, most: int, end: bool = True) -> None:
        """Statements, one level deeper. `end`: it may return or raise."""
        self.depth += 1
        with self._scope():
            for _ in range(self.pick(range(1, most + 1))):
                self.statement(inner=True)
            if end and self.chance(18):
                self.say(f"return {self.result()}")
            elif end and self.chance(10):
                self.say(f'raise ValueError("bad input {self.pick(("a", "b", "c"))}")')
        self.depth -= 1

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """What a branch alone names is not used behind it."""
        kept = [list(names) for names in (self.tensors, self.masks, self.scalars, self.numbers)]
        try:
            yield
        finally:
            self.tensors, self.masks, self.scalars, self.numbers = kept

    def statement(self, inner: bool = False) -> None:
        self.budget -= 1
        forms: list[Callable[[], None]] = [self.assign] * 4
        forms += [self.augmented, self.in_place, self.masked, self.view, self.read, self.attribute]
        if self.budget > 0 and self.depth < 4:
            forms += [self.branch] * (2 if inner else 6)
            forms += [self.both] * (1 if inner else 3)
            forms += [self.conditional] * 2
        forms += [self.said] * (1 if inner or self.chance(30) else 0)
        if not inner:
            forms += [self.asserted, self.boolean, self.mask_read, self.loop, self.lost]
        self.pick(forms)()

    def assign(self) -> None:
        name = self.pick(("x", "y", "h", "z"))
        self.say(f"{name} = {self.tensor()}")
        self._known(name)

    def _known(self, name: str) -> None:
        if name not in self.tensors:
            self.tensors.append(name)

    def augmented(self) -> None:
        value = self.pick(("1", "2", "0.5", "y", "self.w"))
        self.say(f"{self.pick(self.tensors)} {self.pick(('+=', '*=', '-=', '/='))} {value}")

    def in_place(self) -> None:
        name = self.pick(self.tensors)
        what = (
            "add_(1)",
            "mul_(2)",
            "mul_(self.w)",
            "clamp_(min=0)",
            "zero_()",
            f"copy_({self.tensor(1)})",
            "sub_(y.mean())",
        )
        rows = (f"{name}[0] = {self.pick(('0', '1.0', 'y[0]'))}", f"{name}[:, 1] += 1", f"{name}[-1] *= 2")
        self.say(self.pick((f"{name}.{self.pick(what)}", self.pick(rows))))

    def masked(self) -> None:
        name, mask = self.pick(self.tensors), self.mask()
        value = self.pick(("0", "-1.0", f"{self.pick(self.tensors)}[{mask}]", f"{self.pick(self.tensors)}[{mask}] * 2"))
        self.say(f"{name}[{mask}] {self.pick(('=', '=', '+=', '*='))} {value}")

    def mask_read(self) -> None:
        name = self.pick(("s", "t"))
        how = self.pick(("sum()", "mean()", "abs().sum()", "max()", "numel()", "log().mean()", "square().sum()"))
        self.say(f"{name} = {self.pick(self.tensors)}[{self.mask()}].{how}")
        (self.numbers if how == "numel()" else self.scalars).append(name)

    def view(self) -> None:
        name = self.pick(("h", "z", "p"))
        self.say(
            f"{name} = {self.pick(self.tensors)}{self.pick(('', '', '.view_as(x)', '[:]', '.view(-1).view_as(x)'))}"
        )
        self._known(name)

    def read(self) -> None:
        if self.chance(40):
            self.say(f"m = {self.mask()}")
            self.masks = [*self.masks, "m"]
            return
        name = self.pick(("s", "n"))
        if name == "s":
            self.say(f"s = {self.scalar()}")
            self.scalars = [*self.scalars, "s"]
        else:
            form = self.pick(
                ("{}.item()", "float({})", "int({})", "{}.item() + 1", "max({}.item(), 0.5)", "round({}.item(), 2)")
            )
            self.say(f"n = {form.format(self.scalar())}")
            self.numbers = [*self.numbers, "n"]

    def attribute(self) -> None:
        self.say(
            self.pick(
                (
                    "self.count += 1",
                    "self.state += 1",
                    f"self.state = {self.pick(self.tensors)}.mean(0).detach()",
                    "self.state.mul_(0.5)",
                    f"self.last = {self.pick(self.tensors)}",
                    "self.limit = self.limit * 0.5",
                    f"self.state.copy_({self.pick(self.tensors)}.detach().mean(0))",
                )
            )
        )

    def said(self) -> None:
        self.say(
            self.pick(
                (
                    'print("here")',
                    f'print("sum", {self.scalar()}.item())',
                    f'print(f"{{{self.pick(self.tensors)}.shape}}")',
                    'warnings.warn("odd")',
                    f"print({self.scalar()} > 0)",
                )
            )
        )

    def asserted(self) -> None:
        self.say(self.pick((f"assert {self.condition()}", f'assert {self.condition(0)}, "bad"')))

    def boolean(self) -> None:
        self.say(f"ok = {self.condition()}")
        if self.chance(60):
            self.say("if ok:")
            self.block(2)
        else:
            self.say(f"z = {self.tensor(1)} * ok")
            self._known("z")

    def loop(self) -> None:
        self.say(f"for step in range({self.pick(('2', '3', 'x.size(0)'))}):")
        self.depth += 1
        name = self.pick(self.tensors)
        self.say(f"if {self.condition(0)}:")
        self.block(1, end=False)
        if self.chance(40):
            self.say(f"    {self.pick(('break', 'continue'))}")
        self.say(f"{name} = {name} * 0.5 + step")
        self.depth -= 1

    def lost(self) -> None:
        """A name that only one branch gives, used behind it under the same condition."""
        self.say(f"if {self.condition(0)}:")
        self.say(f"    q = {self.tensor(1)}")
        self.say("else:")
        self.say(f"    q = {self.pick(('None', 'x', '0', 'y[0]', '1.5', 'x > 0', 'x.double()', 'self.w', 'x.long()'))}")
        name = self.pick(self.tensors)
        self.say(f"{name} = {name} + (0 if q is None else q)")

    def conditional(self) -> None:
        name = self.pick(("h", "z", "x"))
        one, other = self.tensor(1), self.pick((self.tensor(1), "0.0", "torch.zeros_like(x)", "y", "self.w"))
        self.say(f"{name} = {one} if {self.condition()} else {other}")
        if other != "0.0" and other != "self.w":
            self._known(name)
        else:
            self.say(f"{name} = {name} + x * 0")
            self._known(name)

    def branch(self) -> None:
        self.say(f"if {self.condition()}:")
        self.block(3)
        for _ in range(self.pick((0, 0, 0, 1, 2))):
            self.say(f"elif {self.condition()}:")
            self.block(2)
        if self.chance(50):
            self.say("else:")
            self.block(3)

    def both(self) -> None:
        """Branches that give the same name."""
        name = self.pick(("h", "z", "p"))
        self.say(f"if {self.condition()}:")
        self.say(f"    {name} = {self.tensor()}")
        if self.chance(30):
            self.say(f"elif {self.condition(0)}:")
            self.say(f"    {name} = {self.tensor()}")
        self.say("else:")
        self.say(f"    {name} = {self.tensor()}")
        self._known(name)

    def result(self) -> str:
        return str(
            self.pick(
                (
                    self.tensor(1), self.tensor(1), self.tensor(1), self.scalar(), f"{self.tensor(1)}, {self.scalar()}",
                    f"({self.pick(self.tensors)}, {self.pick(self.tensors)})", self.pick(self.tensors),
                    f"{self.scalar()}.item()", self.condition(0), f"{{'out': {self.tensor(1)}, 'same': x}}",
                )
            )
        )  # fmt: skip

    def whole(self) -> str:
        if self.chance(60):  # else x itself may be written into
            self.say("x = x * 1")
        for _ in range(self.pick((1, 2, 2, 3, 4))):
            self.statement()
        self.say(f"return {self.result()}")
        return "\n".join(self.lines) + "\n"


def function(pick: Pick) -> str:
    """The lines of one forward."""
    return Maker(pick).whole()


def script(body: str) -> str:
    """A whole script around them: a module, and calls that take both sides of most branches."""
    return f"{HEAD}{CLASS}{body}{CALLS}"


def numbered(number: int) -> str:
    """The script of this number: the same on every machine."""
    return script(function(Random(number).choice))

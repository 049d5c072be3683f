"""Expressions of small functions, made by chance: tensors, masks, numbers, and conditions that ask for their truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Pick = Callable[[Sequence[Any]], Any]


class Words:
    """Lines of one function. `tensors`: names that hold a tensor shaped as x; `masks`, `numbers`: likewise."""

    def __init__(self, pick: Pick) -> None:
        self.pick = pick
        self.tensors = ["x", "y"]
        self.masks: list[str] = []
        self.scalars: list[str] = []
        self.numbers: list[str] = []
        self.lines: list[str] = []
        self.depth = 2
        self.budget = 11

    def say(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def chance(self, percent: int) -> bool:
        return bool(self.pick(range(100)) < percent)

    def tensor(self, deep: int = 2) -> str:
        """An expression shaped as x."""
        if deep == 0 or self.chance(30):
            return str(self.pick(self.tensors))
        one = self.tensor(deep - 1)
        forms: list[Callable[[], str]] = [
            lambda: f"{tight(one)} * {self.pick(('2', '0.5', 'self.w', 'self.v', 'self.limit', '-1'))}",
            lambda: f"{one} + {self.pick(('1', '0.1', 'self.w', 'self.state', self.pick(self.tensors)))}",
            lambda: f"{one} - {tight(self.tensor(deep - 1))}",
            lambda: f"{tight(one)} * {tight(self.tensor(deep - 1))}",
            lambda: f"{tight(one)} / {self.divisor()}",
            lambda: f"{tight(one)}.{self.pick(('relu', 'abs', 'sqrt', 'log', 'exp', 'sigmoid', 'clone'))}()",
            lambda: f"torch.{self.pick(('tanh', 'sin', 'relu', 'square'))}({one})",
            lambda: f"{tight(one)}.clamp(min={self.pick(('0', '0.1', '-1'))})",
            lambda: f"F.{self.pick(('relu', 'softplus', 'silu'))}({one})",
            lambda: (
                f"{tight(one)}.{self.pick(('detach()', 'float()', 'view(-1).view_as(x)', 't().t()', 'contiguous()'))}"
            ),
            lambda: f"torch.where({self.mask()}, {one}, {self.pick(self.tensors)})",
            lambda: f"{tight(one)} - {tight(self.tensor(deep - 1))}.mean()",
            lambda: f"torch.{self.pick(('zeros_like', 'ones_like'))}({one})",
        ]
        if self.scalars:
            forms.append(lambda: f"{tight(one)} * {self.pick(self.scalars)}")
        if self.numbers:
            forms.append(lambda: f"{tight(one)} * {self.pick(self.numbers)}")
            forms.append(lambda: f"{one} + {self.pick(self.numbers)}")
        return str(self.pick(forms)())

    def divisor(self) -> str:
        return str(self.pick(("2", "y", "(y.abs() + 1)", "x.max()", "self.limit", "y.sum()")))

    def scalar(self) -> str:
        """An expression of a tensor without dimensions."""
        if self.scalars and self.chance(30):
            return str(self.pick(self.scalars))
        return f"{tight(self.tensor(1))}.{self.pick(('sum', 'mean', 'max', 'min', 'norm'))}()"

    def mask(self) -> str:
        if self.masks and self.chance(40):
            return str(self.pick(self.masks))
        forms = (
            f"{self.tensor(1)} {self.pick(('>', '<', '>=', '!='))} {self.pick(('0', '0.5', 'y', '1'))}",
            f"torch.isnan({self.tensor(0)})",
            f"{tight(self.tensor(0))}.abs() > 0.3",
        )
        return str(self.pick(forms))

    def condition(self, deep: int = 1) -> str:
        """An expression whose truth is asked."""
        forms: list[Callable[[], str]] = [
            lambda: f"{self.scalar()} {self.pick(('>', '<', '>=', '<=', '==', '!='))} {self.number()}",
            lambda: f"{self.scalar()} > {self.scalar()}",
            lambda: f"({self.mask()}).{self.pick(('any', 'all'))}()",
            lambda: f"torch.{self.pick(('any', 'all'))}({self.mask()})",
            lambda: self.scalar(),
            lambda: f"{self.scalar()}.item() > {self.pick(('0', '1', '0.5'))}",
            lambda: f"torch.{self.pick(('equal', 'allclose'))}({self.pick(self.tensors)}, {self.pick(self.tensors)})",
            lambda: f"0 < {self.scalar()} < 4",
            lambda: f"bool(({self.mask()}).any())",
            lambda: f"self.state.sum() {self.pick(('>', '=='))} 0",
        ]
        if deep:
            forms += [
                lambda: f"{self.part()} {self.pick(('and', 'or'))} {self.part()}",
                lambda: f"not {tight(self.condition(0))}",
                lambda: f"{self.part()} and {self.pick(('self.training', 'self.count < 2', 'x.size(0) > 1'))}",
                lambda: (
                    f"{self.pick(('self.training', 'self.last is None', 'x.size(0) > 1'))} "
                    f"{self.pick(('and', 'or'))} {self.part()}"
                ),
            ]
        return str(self.pick(forms)())

    def part(self) -> str:
        return tight(self.condition(0)) if self.chance(40) else self.condition(0)

    def number(self) -> str:
        return str(self.pick(("0", "1", "0.5", "3.0", "self.limit", *self.numbers)))


def tight(text: str) -> str:
    return text if text.replace("_", "").replace(".", "").isalnum() else f"({text})"

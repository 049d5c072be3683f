"""Which way the tests of the text before went: each is wrapped in a call that notes its truth and gives it back."""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch

Place = tuple[int, int, int, int]  # line, column, end line, end column, as ast counts them
_TRUTH, _VALUE = "__g2_truth__", "__g2_value__"


class Sides:
    """The outcomes seen in this process, by the number of the test."""

    def __init__(self) -> None:
        self.seen: dict[int, set[bool]] = defaultdict(set)

    def install(self) -> None:
        """Make the names that the wrapped text calls known everywhere in this process, a fork of ours."""
        setattr(builtins, _TRUTH, self._truth)
        setattr(builtins, _VALUE, self._value)

    def _truth(self, number: int, value: Any) -> bool:
        truth = bool(value)
        self.seen[number].add(truth)
        return truth

    def _value(self, number: int, value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.numel() != 1:
            if value.numel() and not value.is_meta:
                flags = value.detach() != 0
                self.seen[number] |= {bool(flags.any()), bool(flags.all())}
        elif isinstance(value, (torch.Tensor, bool, int, float, str, bytes, tuple, list, dict, type(None))):
            self.seen[number].add(bool(value))
        return value


def watched(tree: ast.Module, tests: dict[int, Place]) -> tuple[ast.Module, frozenset[int]]:
    """The tree with the tests wrapped, in place, and the numbers of those that were found in it.

    A place that is no expression's own stands for the largest expressions within it, else for the smallest around it.
    """
    numbers: dict[ast.expr, int] = {}
    found = list(_expressions(tree))
    for number, place in tests.items():
        chosen = _chosen(found, place)
        if chosen is not None:
            numbers.setdefault(chosen, number)
    truths = frozenset(_truths(tree))
    wrapped = _Wrap(numbers, truths).visit(tree)
    ast.fix_missing_locations(wrapped)
    return wrapped, frozenset(numbers.values())


def _expressions(tree: ast.AST) -> Iterable[ast.expr]:
    return (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        and not isinstance(node, (ast.Slice, ast.Starred, ast.JoinedStr, ast.FormattedValue))
    )  # fmt: skip


def _place(node: ast.expr) -> Place:
    return (node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0)


def _chosen(found: list[ast.expr], place: Place) -> ast.expr | None:
    begin, end = place[:2], place[2:]
    exact = [node for node in found if _place(node) == place]
    if exact:
        return exact[0]
    inside = [node for node in found if begin <= _place(node)[:2] and _place(node)[2:] <= end]
    if inside:
        return min(inside, key=lambda node: (_place(node)[:2], tuple(-part for part in _place(node)[2:])))
    around = [node for node in found if _place(node)[:2] <= begin and end <= _place(node)[2:]]
    return max(around, key=lambda node: _place(node)[:2], default=None)


def _truths(tree: ast.AST) -> Iterable[ast.expr]:
    """Expressions of which only the truth is used."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert)):
            yield node.test
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node.operand
        elif isinstance(node, ast.comprehension):
            yield from node.ifs
        elif isinstance(node, ast.match_case) and node.guard is not None:
            yield node.guard


class _Wrap(ast.NodeTransformer):
    def __init__(self, numbers: dict[ast.expr, int], truths: frozenset[ast.expr]) -> None:
        self._numbers = numbers
        self._truths = truths

    def visit(self, node: ast.AST) -> Any:
        made = self.generic_visit(node)
        if isinstance(node, ast.expr) and isinstance(made, ast.expr) and node in self._numbers:
            name = ast.Name(_TRUTH if node in self._truths else _VALUE, ast.Load())
            return ast.copy_location(ast.Call(name, [ast.Constant(self._numbers[node]), made], []), node)
        return made

"""Two versions of a file as code objects: which functions differ, and what a trial cannot compare."""

from __future__ import annotations

import ast
from types import CodeType, FunctionType
from typing import Any

import pytest

from g2.rewrite.trial.codes import Pair, door, pairs, same
from g2.rewrite.trial.outside import notes, scripted

OLD = """
import math

def one(x):
    return x + 1

def around(k):
    def inner(x):
        return x * k
    return inner

class Kind:
    def one(self, x):
        return x

level = 1
if level:
    depth = 2
"""


def compiled(text: str) -> CodeType:
    return compile(text, "file.py", "exec", dont_inherit=True)


def changed(old: str, new: str) -> list[Pair]:
    code = compiled(old)
    return [pair for pair in pairs("/file.py", code, compiled(new), code) if not same(pair.old, pair.new)]


def test_lines_that_move_are_no_change() -> None:
    assert changed(OLD, "# more\n\n" + OLD) == []


@pytest.mark.parametrize(
    ("text", "instead", "names"),
    [
        ("x + 1", "x + 1.0", ["one"]),
        ("x + 1", "x + True", ["one"]),
        ("x * k", "x * -k", ["around", "around.inner"]),
        ("return x\n", "return -x\n", ["Kind.one"]),
        ("level = 1", "level = 2", []),
    ],
)
def test_what_differs_is_found_by_its_qualified_name(text: str, instead: str, names: list[str]) -> None:
    assert [pair.name for pair in changed(OLD, OLD.replace(text, instead))] == names


def test_functions_of_one_name_are_told_apart_by_their_order() -> None:
    old = "if a:\n    def f(): return 1\nelse:\n    def f(): return 2\n"
    (pair,) = changed(old, old.replace("return 2", "return 3"))
    assert pair.line == 4


def test_what_hinders_a_change_of_code() -> None:
    (pair,) = changed(OLD, OLD.replace("def one(x):", "def one(x, y=0):"))
    assert "parameters" in pair.hindrance
    found = changed(OLD, OLD.replace("x * k", "x"))
    assert [bool(pair.hindrance) for pair in found] == [False, True]


def test_a_door_stands_in_for_a_closure() -> None:
    def made(k: int, j: int) -> Any:
        def inner(x: int, *, y: int = 1) -> int:
            return x + k + j + y

        return inner

    function: FunctionType = made(1, 2)
    function.__globals__["told_to"] = lambda *call: call
    function.__code__ = door("told_to", 7, function.__code__)
    assert function(3, y=4) == (7, (3,), {"y": 4})
    del function.__globals__["told_to"]


def outside(old: str, new: str) -> list[int]:
    return [note.line for note in notes("file.py", ast.parse(old), ast.parse(new))]


def test_statements_that_run_at_load_are_named_by_their_lines() -> None:
    assert outside(OLD, OLD.replace("level = 1", "level = 2")) == [16]
    assert outside(OLD, OLD.replace("depth = 2", "depth = 3")) == [18]
    assert outside(OLD, OLD + "new = 1\n") == [0]


def test_imports_helpers_and_bodies_are_no_such_statements() -> None:
    assert outside(OLD, "import torch\n" + OLD + "def helper(x):\n    return x\n") == []
    assert outside(OLD, OLD.replace("x + 1", "x + 2").replace("return x\n", "return -x\n")) == []


def test_defaults_and_decorators_run_at_load() -> None:
    assert outside("def f(x=1): pass\n", "def f(x=2): pass\n") == [1]
    assert outside("@a\ndef f(): pass\n", "@b\ndef f(): pass\n") == [1]


def test_scripted_functions_are_known() -> None:
    assert scripted(ast.parse("@torch.jit.script\ndef f(x):\n    return x\n\ndef g(x): pass\n")) == {1}


def test_what_only_speaks_to_dynamo_needs_no_comparison() -> None:
    head = "import torch as th\nimport functools\n"
    for old, new in (
        ("@th.compile\ndef f(x): pass\n", "@th.compile(dynamic=True)\ndef g(x, y=2): pass\n\ndef f(x): pass\n"),
        ("step = th.compile(t.step, dynamic=False)\n", "step = t.step\n"),
        ("f = th.compile(f)\n", ""),
        ("m.compile()\n", "m.compile(dynamic=True)\n"),
        ("@functools.partial(th.compile, dynamic=True)\ndef f(): pass\n", "@th.compiler.disable\ndef f(): pass\n"),
        ("f(x)\n", "th._dynamo.config.suppress_errors = False\nth._dynamo.maybe_mark_dynamic(x, 0)\nf(x)\n"),
    ):
        assert outside(head + old, head + new) == [], new
    for old, new in (
        ("y = th.compile(f)(x)\n", "y = g(x)\n"),
        ("@th.no_grad()\ndef f(): pass\n", "def f(): pass\n"),
        ("pattern.compile(words)\n", "pass\n"),
        ("torch.compile(f)\n", "g(f)\n"),
    ):
        assert outside(head + old, head + new) == [3], new

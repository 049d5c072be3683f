"""Which tensors of a module its methods write into."""

from __future__ import annotations

import ast
import textwrap

import pytest

from g2.rewrite.rules._in_place import Written, written
from g2.rewrite.rules._operator_body import NotTaken

HEAD = """
import torch
import torch.nn.functional as F
from einops import rearrange
from other import strange

def fill(rows):
    rows.zero_()

def added(rows):
    made = rows + 1
    made.add_(1)
    return made

def same(rows):
    return rows
"""


def found(body: str, decorator: str = "") -> dict[str, Written]:
    text = textwrap.indent(textwrap.dedent(body).strip("\n"), "        ")
    tree = ast.parse(f"{HEAD}\nclass Net(torch.nn.Module):\n    {decorator}\n    def step(self, x, y=None):\n{text}\n")
    owner = tree.body[-1]
    assert isinstance(owner, ast.ClassDef) and isinstance(owner.body[0], ast.FunctionDef)
    return written([owner.body[0]], tree)


DATA, LOUD, QUIET = Written(True, True), Written(False, False), Written(False, True)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("self.a.data.copy_(x)", {"a": DATA}),
        ("self.a.copy_(x)", {"a": LOUD}),
        ("with torch.no_grad():\n    self.a.copy_(x)", {"a": QUIET}),
        ("self.a.data.copy_(x)\nself.a.zero_()", {"a": LOUD}),
        ("self.a.data[0][x > 0] = 1", {"a": DATA}),
        ("self.a.data.view(-1)[0] += 1", {"a": DATA}),
        ("rows = self.a.data\nif x.any():\n    rows[0] = 1", {"a": DATA}),
        ("for row in self.a.data:\n    row.zero_()", {"a": DATA}),
        ("for one, other in zip(self.a.data, self.b.data):\n    one[0] = other[0]", {"a": DATA, "b": DATA}),
        ("for one in (self.a.data, self.b.data):\n    one.zero_()", {"a": DATA, "b": DATA}),
        ("rows = rearrange(self.a.data, 'a b -> b a')\nrows.zero_()", {"a": DATA}),
        ("rows = strange(1) if x.any() else self.a.data\nrows.zero_()", {"a": DATA}),
        ("torch.add(x, 1, out=self.a.data)", {"a": DATA}),
        ("F.relu(self.a.data, inplace=True)", {"a": DATA}),
        ("torch.nn.init.zeros_(self.a.data)", {"a": DATA}),
        ("rows = same(self.a.data)\nrows.zero_()", {"a": DATA}),
        ("torch.distributed.all_reduce(self.a.data)", {"a": DATA}),
        ("rows = self.a + 1\nrows.zero_()", {}),
        ("mask = x\nmask = torch.zeros_like(mask)\nmask[0] = 1", {}),
        ("rows = added(x)", {}),
        ("z = x.clone()\nz.add_(1)", {}),
        ("print(x)", {}),
    ],
)
def test_what_is_written_into(body: str, expected: dict[str, Written]) -> None:
    assert found(body) == expected


def test_a_decorator_switches_gradients_off() -> None:
    assert found("self.a.copy_(x)", "@torch.no_grad()") == {"a": QUIET}


@pytest.mark.parametrize(
    "body",
    [
        "x.zero_()",
        "x[0] = 1",
        "x += 1",
        "z = x.view(-1)\nz.zero_()",
        "for row in x:\n    row.zero_()",
        "z = rearrange(x, 'a b -> b a')\nz.zero_()",
        "fill(self.a)",
        "strange(self.a)",
        "rows = self.a[0]\nstrange(rows)",
        "self.make(self.a)",
        "x.grad = None",
        "self.a.grad = None",
    ],
)
def test_what_no_operator_may_do(body: str) -> None:
    with pytest.raises(NotTaken):
        found(body)

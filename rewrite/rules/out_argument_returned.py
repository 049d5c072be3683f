"""A result that was written into a new tensor by `out=` is assigned."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._names import bindings, reads, scope
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site

_MAKERS = {f"torch.{name}" for name in ("empty", "zeros", "ones", "tensor", "Tensor", "empty_like", "zeros_like")}


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece = site.piece
    calls = [n for n in (site.node, *piece.ancestors(site.node)) if isinstance(n, cst.Call)]
    call = next((c for c in calls if any(a.keyword and a.keyword.value == "out" for a in c.args)), None)
    if call is None:
        return
    out = next(a for a in call.args if a.keyword and a.keyword.value == "out")
    statement = piece.statement(call)
    if not isinstance(statement, cst.SimpleStatementLine) or not isinstance(piece.parent(call), cst.Expr):
        yield Left("what the call gives is used as well")
        return
    if not isinstance(out.value, cst.Name):
        yield Left("it writes into more than a tensor of this function")
        return
    name, tree = out.value.value, scope(piece, call)
    made = bindings(piece, tree, name)
    first = piece.statement(made[0]) if made else None
    value = _value(first)
    if len(made) != 1 or first is None or not isinstance(value, cst.Call):
        yield Left(f"`{name}` may have another owner")
        return
    known = torch_names(site.source).dotted(dotted(value.func)) in _MAKERS
    if not known or piece.parent(first) is not piece.parent(statement):
        yield Left(f"`{name}` may have another owner")
        return
    start = piece.bounds(statement)[0]
    if any(piece.bounds(one)[0] < start for one in reads(piece, tree, name) if one is not out.value):
        yield Left(f"`{name}` is used before it is written")
        return
    kept = [arg for arg in call.args if arg is not out]
    code = f"{name} = {piece.code(call.func)}({', '.join(_written(site, arg) for arg in kept)})"
    text = site.source.text
    begin = text.rfind("\n", 0, piece.bounds(first)[0]) + 1
    end = text.find("\n", piece.bounds(first)[1]) + 1
    yield Proposal(
        rule="",
        summary=f"`{name}` is assigned what it was written with",
        safety=Safety.ASK,
        files=(FileEdits(site.source.path, tuple(sorted((Edit(begin, end, ""), piece.replace(call, code))))),),
        caveat=f"`{name}` gets the result's own data type and strides, and may require a gradient, which torch refuses "
        "with `out=`",
        differs=frozenset({"gradient-refused"}),
    )


def _value(statement: cst.BaseStatement | None) -> cst.BaseExpression | None:
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        line = statement.body[0]
        if isinstance(line, cst.Assign) and len(line.targets) == 1 and isinstance(line.targets[0].target, cst.Name):
            return line.value
    return None


def _written(site: Site, arg: cst.Arg) -> str:
    value = f"{arg.star}{site.piece.code(arg.value)}"
    return f"{arg.keyword.value}={value}" if arg.keyword else value


RULE = Rule(
    title="a result of out= is assigned",
    answers=("out-argument",),
    legal="""
        The tensor after `out=` is made by the function itself, in the same block, is given a value once and is not used
        before the call, whose own value is thrown away. ASK: the result then has its own data type and strides.
        """,
    safety=Safety.ASK,
    propose=_propose,
    examples=(
        Example(
            "into an empty tensor",
            before="""
import torch


@torch.compile
def step(x):
    y = x * 2
    total = torch.empty(0)
    torch.add(x, y, alpha=2, out=total)  # three terms
    return total.sum()


print(step(torch.ones(2, 3)))
""",
            after="""
import torch


@torch.compile
def step(x):
    y = x * 2
    total = torch.add(x, y, alpha=2)  # three terms
    return total.sum()


print(step(torch.ones(2, 3)))
""",
        ),
        Example(
            "torch by another name",
            before="""
import torch as th


@th.compile
def step(x):
    both = th.zeros(0)
    th.cat([x, x], out=both)
    return both * 2


print(step(th.ones(2, 3)))
""",
            after="""
import torch as th


@th.compile
def step(x):
    both = th.cat([x, x])
    return both * 2


print(step(th.ones(2, 3)))
""",
        ),
    ),
    negatives=(
        Negative(
            "the tensor is the caller's",
            """
import torch


@torch.compile
def step(x, total):
    torch.add(x, 1, out=total)
    return total * 2


step(torch.ones(2, 3), torch.empty(0))
""",
        ),
        Negative(
            "another name holds it",
            """
import torch


@torch.compile
def step(x):
    total = torch.empty(0)
    same = total
    torch.add(x, 1, out=total)
    return same * 2


step(torch.ones(2, 3))
""",
        ),
        Negative(
            "what the call gives is used",
            """
import torch


@torch.compile
def step(x):
    total = torch.empty(0)
    y = torch.add(x, 1, out=total)
    return y * total


step(torch.ones(2, 3))
""",
        ),
        Negative(
            "written into twice",
            """
import torch


@torch.compile
def step(x, often):
    total = torch.empty(0)
    torch.add(x, 1, out=total)
    if often:
        total = total * 2
    return total


step(torch.ones(2, 3), True)
""",
        ),
    ),
)

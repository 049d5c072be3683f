"""`x[mask] = f(y[mask])` becomes `torch.where`, when f works on each element by itself."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._fresh import fresh
from g2.rewrite.rules._full_size import FullSize
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._masked import Selected, selected, widened
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._qualified import torch_as
from g2.rewrite.site import Site

_WEAK = (cst.BinaryOperation, cst.UnaryOperation, cst.Comparison, cst.BooleanOperation, cst.IfExp)


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece = site.piece
    line = piece.statement(site.node)
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return
    kinds = Known(site)
    match line.body[0]:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Subscript() as target)], value=value):
            yield from _written(site, kinds, line.body[0], target, value, None)
        case cst.AugAssign(target=cst.Subscript() as target, operator=sign, value=value):
            operator = piece.code(sign).strip().removesuffix("=")
            yield from _written(site, kinds, line.body[0], target, value, operator)
        case _:
            pass


def _written(
    site: Site, kinds: Kinds, whole: cst.CSTNode, target: cst.Subscript, value: cst.BaseExpression, operator: str | None
) -> Iterator[Proposal | Left]:
    piece = site.piece
    goal = selected(kinds, target, certain=True)
    if goal is None:
        return
    if goal.behind is None:
        yield Left(f"it is not known how many dimensions {piece.code(goal.tensor)} has behind the mask's")
        return
    if not isinstance(goal.tensor, (cst.Name, cst.Attribute)):
        yield Left(f"{piece.code(goal.tensor)} is written through another index")
        return
    read = [one for node in nodes(value) if (one := selected(kinds, node, certain=node is site.node)) is not None]
    if any(not one.same_mask(goal) for one in read):
        yield Left("two masks are mixed")
        return
    if any(one.behind != goal.behind for one in read):
        yield Left("the tensors have other numbers of dimensions behind the mask's")
        return
    if not read and operator is None:
        yield Left(f"{piece.code(value)} has as many elements as the mask selects")
        return
    torch, imports = torch_as(piece.source)
    mask = widened(piece, goal.mask, goal.behind)
    leaves: dict[cst.CSTNode, str] = {one.node: piece.code(one.tensor) for one in read}
    full = FullSize(kinds, torch, mask, leaves, goal.behind)
    form = full.form(value)
    if form is None:
        yield Left(f"{piece.code(value)} needs the selected elements by themselves")
        return
    if not form.linear and any(kinds.of(one.tensor).dtype == "bool" for one in read):
        yield Left("it is arithmetic on tensors of truth values")
        return
    name = piece.code(goal.tensor)
    new = full.selectable(value)
    if operator is not None:
        new = _combined(site, full, goal, value, operator, new)
    where = f"{torch}.where({mask}, {new}, {name})"
    same = operator is None or (not read and kinds.of(value).plain and operator != "/")
    if isinstance(goal.tensor, cst.Name) and same and fresh(kinds, goal.tensor):
        text = f"{name} = {where}"
    else:
        text = f"{name}.copy_({where})"
    start, end = piece.bounds(whole)
    yield Proposal(
        rule="",
        summary="the elements that the mask selects are chosen with torch.where",
        safety=Safety.SAFE,
        files=(FileEdits(piece.source.path, (Edit(start, end, text),), imports),),
    )


def _combined(
    site: Site, full: FullSize, goal: Selected, value: cst.BaseExpression, operator: str, new: str
) -> str:
    """The right side of `x[mask] op= value` written out."""
    name = site.piece.code(goal.tensor)
    held = f"({new})" if isinstance(value, _WEAK) else new
    literal = isinstance(value, (cst.Integer, cst.Float)) and float(value.value.replace("_", "")) != 0
    if operator in ("+", "-") or (operator in ("*", "/") and literal):
        return f"{name} {operator} {held}"
    return f"{full.torch}.where({full.mask}, {name}, 1) {operator} {held}"


RULE = Rule(
    title="a write by mask becomes torch.where",
    answers=("data-dependent-shape",),
    legal="Both sides select with the same boolean mask, and what is computed of the selected elements works on each "
    "of them by itself, so that it can be computed of all and chosen by torch.where. What is not selected is "
    "replaced before it meets an operation that could turn a zero gradient into NaN. The name is bound to the "
    "new tensor only where the old one was made in the function and nothing else holds it; else the result is "
    "copied into it.",
    safety=Safety.SAFE,
    propose=_propose,
    examples=(
        Example(
            "a tensor made here",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        outside = x.abs() > 1
        out = torch.zeros_like(x)
        out[outside] = x[outside]  # as it is
        return out


print(Net()(torch.tensor([[0.5, 2.0], [-3.0, 1.0]])))
""",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        outside = x.abs() > 1
        out = torch.zeros_like(x)
        out = torch.where(outside, x, out)  # as it is
        return out


print(Net()(torch.tensor([[0.5, 2.0], [-3.0, 1.0]])))
""",
        ),
        Example(
            "somebody else's tensor, rows, and a root whose gradient may be infinite",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, y):
        rows = y[:, 0] > 0
        x[rows] = torch.sqrt(y[rows]) + 1
        return x * 2


x = torch.zeros(2, 2)
y = torch.tensor([[4.0, 9.0], [-4.0, 1.0]], requires_grad=True)
Net()(x, y).sum().backward()
print(x.detach(), y.grad)
""",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, y):
        rows = y[:, 0] > 0
        x.copy_(torch.where(rows.unsqueeze(-1), torch.sqrt(torch.where(rows.unsqueeze(-1), y, 1)) + 1, x))
        return x * 2


x = torch.zeros(2, 2)
y = torch.tensor([[4.0, 9.0], [-4.0, 1.0]], requires_grad=True)
Net()(x, y).sum().backward()
print(x.detach(), y.grad)
""",
        ),
        Example(
            "in place",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        y = x + 1
        y[x < 0] *= 0.5
        return y


print(Net()(torch.tensor([1.0, -1.0])))
""",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        y = x + 1
        y = torch.where(x < 0, y * 0.5, y)
        return y


print(Net()(torch.tensor([1.0, -1.0])))
""",
        ),
    ),
    negatives=(
        Negative(
            "the value needs the selected elements by themselves",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        y = x.clone()
        y[x > 0] = x[x > 0].softmax(0)
        return y


print(Net()(torch.tensor([1.0, -1.0, 2.0])))
""",
        ),
        Negative(
            "two masks",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        y = x.clone()
        y[x > 0] = x[x < 0]
        return y


print(Net()(torch.tensor([1.0, -1.0])))
""",
        ),
        Negative(
            "written through another index",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        y = x.clone()
        y[0][x[0] > 0] = x[0][x[0] > 0]
        return y


print(Net()(torch.tensor([[1.0, -1.0]])))
""",
        ),
        Negative(
            "positions, not a mask",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        rows = (x > 0).nonzero().squeeze(1)
        y = x.clone()
        y[rows] = x[rows]
        return y


print(Net()(torch.tensor([1.0, -1.0])))
""",
        ),
        Negative(
            "the value has as many elements as are selected",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x):
        y = x.clone()
        y[x > 0] += torch.arange((x > 0).sum().item())
        return y


print(Net()(torch.tensor([1.0, -1.0, 3.0])))
""",
        ),
    ),
    rank=30,
)

"""`len(torch.unique(x))`: the number of different values is counted in the sorted tensor."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._number_uses import Scalar, Uses
from g2.rewrite.rules._qualified import argument, functional, torch_as
from g2.rewrite.rules._spliced import operand
from g2.rewrite.rules._then import then
from g2.rewrite.site import Site
from g2.rewrite.source import Piece


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece = site.piece
    line = piece.statement(site.node)
    unique = next((one for one in nodes(line or site.node) if _tensor(piece, one) is not None), None)
    tensor = None if unique is None else _tensor(piece, unique)
    if unique is None or tensor is None:
        return
    count = _count(piece, unique)
    if count is None:
        yield Left("the different values themselves are needed, and how many there are depends on the data")
        return
    if not isinstance(line, cst.SimpleStatementLine):
        yield Left("it is counted in the head of a statement")
        return
    kinds = Known(site)
    torch, imports = torch_as(piece.source)
    uses = Uses(kinds, torch)
    why = uses.follow(count, Scalar(True, "int64"))
    if why is not None:
        yield why
        return
    if set(uses.parts):
        yield Left("the number is also given to a function of Python's")
        return
    name = piece.fresh("sorted_values")
    before = f"{name} = {operand(piece, tensor)}.flatten().sort().values\n"
    # No values at all count as one: an empty tensor has none in both slices.
    text = f"({name}[1:] != {name}[:-1]).sum() + min({name}.numel(), 1)"
    if not isinstance(piece.parent(count), cst.Assign):
        text = f"({text})"
    start, _ = piece.bounds(line)
    edits = (Edit(start, start, before + piece.indent(line)), piece.replace(count, text))
    counted = Proposal(
        rule="",
        summary="different values are counted in the sorted tensor",
        safety=Safety.SAFE,
        files=(FileEdits(piece.source.path, edits, imports if uses.parts else ()),),
    )
    if uses.tests:
        yield from then(site, counted, uses.tests, uses.held)
    else:
        yield counted


def _tensor(piece: Piece, node: cst.CSTNode) -> cst.BaseExpression | None:
    """x of `torch.unique(x)` and `x.unique()`, without options but dim=None."""
    if not isinstance(node, cst.Call):
        return None
    named = functional(piece.source, node.func) == "unique"
    options = node.args[1:] if named else node.args
    if any(_written(arg.value) not in ("None", "True") or _option(arg) not in ("dim", "sorted") for arg in options):
        return None
    if named:
        return argument(node, 0, "input")
    is_method = isinstance(node.func, cst.Attribute) and node.func.attr.value == "unique"
    return node.func.value if is_method and isinstance(node.func, cst.Attribute) else None


def _option(arg: cst.Arg) -> str:
    return arg.keyword.value if arg.keyword is not None else ""


def _written(node: cst.BaseExpression) -> str:
    return node.value if isinstance(node, cst.Name) else ""


def _count(piece: Piece, unique: cst.CSTNode) -> cst.BaseExpression | None:
    """`len(u)`, `u.numel()`, `u.size(0)`, `u.shape[0]`."""
    above = piece.parent(unique)
    if isinstance(above, cst.Arg):
        call = piece.parent(above)
        return call if isinstance(call, cst.Call) and piece.code(call.func) == "len" else None
    if not isinstance(above, cst.Attribute):
        return None
    further = piece.parent(above)
    if isinstance(further, cst.Call) and further.func is above and above.attr.value in ("numel", "size", "nelement"):
        return further if above.attr.value != "size" or len(further.args) == 1 else None
    if isinstance(further, cst.Subscript) and above.attr.value == "shape":
        return further
    return None


RULE = Rule(
    title="different values are counted without listing them",
    answers=("data-dependent-shape",),
    legal="Only the number of different values is used, and every use of it takes a tensor as well; where it decides "
    "a branch, a rule must be there for that branch. A value differs from the one before it in the sorted "
    "tensor, NaN from every other, as unique has it.",
    safety=Safety.SAFE,
    propose=_propose,
    examples=(
        Example(
            "a share",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, labels):
        classes = len(torch.unique(labels))  # seen
        return x / classes


print(Net()(torch.ones(2), torch.tensor([[3, 1, 3], [1, 7, 7]])))
""",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, labels):
        sorted_values = labels.flatten().sort().values
        classes = (sorted_values[1:] != sorted_values[:-1]).sum() + min(sorted_values.numel(), 1)  # seen
        return x / classes


print(Net()(torch.ones(2), torch.tensor([[3, 1, 3], [1, 7, 7]])))
""",
        ),
    ),
    negatives=(
        Negative(
            "the values themselves are used",
            """import torch


class Net(torch.nn.Module):
    def forward(self, labels):
        return torch.unique(labels) * 2


print(Net()(torch.tensor([[3, 1, 3], [1, 7, 7]])))
""",
        ),
        Negative(
            "the number is a size",
            """import torch


class Net(torch.nn.Module):
    def forward(self, labels):
        return torch.zeros(len(labels.unique()))


print(Net()(torch.tensor([[3, 1, 3], [1, 7, 7]])))
""",
        ),
        Negative(
            "rows, not values",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, labels):
        return x / len(torch.unique(labels, dim=0))


print(Net()(torch.ones(2), torch.tensor([[3, 1, 3], [1, 7, 7]])))
""",
        ),
    ),
    rank=35,
)

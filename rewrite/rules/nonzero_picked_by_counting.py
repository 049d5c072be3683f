"""`mask.nonzero()` of which one position is taken becomes a running count and argmax."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.capture.model import Value
from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._masked import is_mask
from g2.rewrite.rules._names import bindings, nodes, reads, scope
from g2.rewrite.rules._qualified import functional
from g2.rewrite.rules._spliced import operand
from g2.rewrite.rules._then import then
from g2.rewrite.site import Site
from g2.rewrite.source import Piece

_COUNTS = ("numel", "size", "shape")


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece = site.piece
    line = piece.statement(site.node)
    calls = [(node, mask) for node in nodes(line or site.node) if (mask := _positions(piece, node)) is not None]
    if len(calls) != 1 or not isinstance(line, cst.SimpleStatementLine):
        return
    call, mask = calls[0]
    kinds = Known(site)
    shape = kinds.of(mask).shape
    if not is_mask(kinds, mask):
        yield Left("it is not known that the positions are those of a boolean tensor")
        return
    if shape is not None and len(shape) != 1:
        yield Left("the positions have several coordinates")
        return
    parts: dict[cst.CSTNode, str] = {}
    tests: list[cst.BaseExpression] = []
    assign = piece.parent(call)
    if isinstance(assign, cst.Assign) and len(assign.targets) == 1 and isinstance(assign.targets[0].target, cst.Name):
        old, around = assign.targets[0].target, scope(piece, call)
        if len(bindings(piece, around, old.value)) != 1 or not isinstance(around, cst.FunctionDef):
            yield Left(f"{old.value} gets another value elsewhere")
            return
        name = piece.fresh("matches")
        parts[assign.targets[0].target], parts[call] = name, piece.code(mask)
        uses: list[cst.BaseExpression] = list(reads(piece, around, old.value))
        held = {name: Value(name, "tensor", "bool", shape)}
    else:
        name, held = operand(piece, mask), {}
        uses = [call] if isinstance(call, cst.BaseExpression) else []
    for use in uses:
        why = _use(piece, use, name, parts, tests)
        if why is not None:
            yield why
            return
    edits = tuple(sorted(piece.replace(node, text) for node, text in parts.items()))
    picked = Proposal(
        rule="",
        summary="the position is found by counting, not by listing all of them",
        safety=Safety.ASK,
        files=(FileEdits(piece.source.path, edits),),
        caveat="where there is no such position, or too few, the result is 0 instead of an IndexError.",
        differs=frozenset({"index-error"}),
    )
    if tests:
        yield from then(site, picked, tests, held)
    else:
        yield picked


def _positions(piece: Piece, node: cst.CSTNode) -> cst.BaseExpression | None:
    """m of `m.nonzero()` and `torch.nonzero(m)`."""
    if not isinstance(node, cst.Call) or any(arg.star or arg.keyword for arg in node.args):
        return None
    if functional(piece.source, node.func) == "nonzero" and len(node.args) == 1:
        return node.args[0].value
    if isinstance(node.func, cst.Attribute) and node.func.attr.value == "nonzero" and not node.args:
        return node.func.value
    return None


def _use(
    piece: Piece, use: cst.BaseExpression, name: str, parts: dict[cst.CSTNode, str], tests: list[cst.BaseExpression]
) -> Left | None:
    """One use of the positions: how many there are, compared with a number; or one of them, as a number."""
    above = piece.parent(use)
    if isinstance(above, cst.Subscript) and above.value is use:
        taken = _taken(piece, above)
        index = above.slice[0].slice
        if taken is not None and isinstance(index, cst.Index) and _counts_up(index.value):
            which = piece.code(index.value)
            count = f"{name}.int()" if which == "0" else f"({name}.cumsum(0) > {which}).int()"
            parts[taken] = f"{count}.argmax()"
            return None
    counted = _counted(piece, use)
    if counted is not None:
        compared = piece.parent(counted)
        test = piece.parent(compared) if compared is not None else None
        asks = isinstance(test, (cst.If, cst.IfExp, cst.Assert)) and test.test is compared
        if isinstance(compared, cst.Comparison) and asks:
            parts[counted] = f"{name}.sum()"
            tests.append(compared)
            return None
        return Left(f"the number of positions is needed as one in line {piece.span(use).line}")
    return Left(f"the positions themselves are needed in line {piece.span(use).line}")


def _taken(piece: Piece, picked: cst.Subscript) -> cst.BaseExpression | None:
    """What becomes a position without dimensions: `p[i]` before `.item()`, `p[i][0]`, `p[i, 0]`."""
    if len(picked.slice) == 2:
        second = picked.slice[1].slice
        zero = isinstance(second, cst.Index) and isinstance(second.value, cst.Integer) and second.value.value == "0"
        return picked if zero else None
    above = piece.parent(picked)
    if isinstance(above, cst.Attribute) and above.attr.value == "item":
        return picked
    if isinstance(above, cst.Arg):
        call = piece.parent(above)
        return picked if isinstance(call, cst.Call) and piece.code(call.func) in ("int", "float") else None
    if not isinstance(above, cst.Subscript) or above.value is not picked:
        return None
    return above if piece.code(above).replace(" ", "").endswith("[0]") else None


def _counts_up(index: cst.BaseExpression) -> bool:
    return isinstance(index, (cst.Integer, cst.Name))


def _counted(piece: Piece, use: cst.BaseExpression) -> cst.BaseExpression | None:
    """`len(p)`, `p.numel()`, `p.size(0)`, `p.shape[0]`."""
    above = piece.parent(use)
    further = None if above is None else piece.parent(above)
    if isinstance(above, cst.Arg):
        return further if isinstance(further, cst.Call) and piece.code(further.func) == "len" else None
    if isinstance(above, cst.Attribute) and above.attr.value in _COUNTS:
        written = "" if further is None else piece.code(further).replace(" ", "")
        if isinstance(further, (cst.Call, cst.Subscript)) and written.endswith((".numel()", ".size(0)", ".shape[0]")):
            return further
    return None


RULE = Rule(
    title="a position is found by counting",
    answers=("data-dependent-shape",),
    legal="Of the positions at which a boolean tensor of one dimension is true, one is taken by a number that counts "
    "from the front, and at most their number is compared. The running count passes that number first at that "
    "position. Where there are too few, the original raises an IndexError: ASK.",
    safety=Safety.ASK,
    propose=_propose,
    examples=(
        Example(
            "the first one",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, ids):
        end = (ids == 2).nonzero()[0, 0]
        return x * (torch.arange(4) < end)


print(Net()(torch.ones(4), torch.tensor([5, 2, 7, 2])))
""",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, ids):
        end = (ids == 2).int().argmax()
        return x * (torch.arange(4) < end)


print(Net()(torch.ones(4), torch.tensor([5, 2, 7, 2])))
""",
        ),
        Example(
            "the second one, where there is one",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, ids):
        indices = (ids == 2).nonzero()
        # the later of two
        pos = 1 if len(indices) > 1 else 0
        return x * (torch.arange(4) < indices[pos][0])


print(Net()(torch.ones(4), torch.tensor([5, 2, 7, 2])), Net()(torch.ones(4), torch.tensor([5, 2, 7, 4])))
""",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, ids):
        matches = ids == 2
        # the later of two
        pos = torch.where(matches.sum() > 1, 1, 0)
        return x * (torch.arange(4) < (matches.cumsum(0) > pos).int().argmax())


print(Net()(torch.ones(4), torch.tensor([5, 2, 7, 2])), Net()(torch.ones(4), torch.tensor([5, 2, 7, 4])))
""",
        ),
    ),
    negatives=(
        Negative(
            "all positions are used",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, ids):
        return x[(ids == 2).nonzero()[:, 0]]


print(Net()(torch.ones(4), torch.tensor([5, 2, 7, 2])))
""",
        ),
        Negative(
            "the last one counts from the back",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, ids):
        return x * (ids == 2).nonzero()[-1, 0]


print(Net()(torch.ones(4), torch.tensor([5, 2, 7, 2])))
""",
        ),
        Negative(
            "several coordinates",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, ids):
        return x * (ids == 2).nonzero()[0, 0]


print(Net()(torch.ones(2), torch.tensor([[5, 2], [7, 2]])))
""",
        ),
        Negative(
            "how many there are is returned",
            """import torch


class Net(torch.nn.Module):
    def forward(self, x, ids):
        return x, len((ids == 2).nonzero())


print(Net()(torch.ones(4), torch.tensor([5, 2, 7, 2])))
""",
        ),
    ),
    rank=40,
)

"""`out[mask] = f(x[mask], y[mask])` becomes a call with the whole tensors, of which torch.where takes what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._fresh import fresh
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._masked import Selected, selected, widened
from g2.rewrite.rules._names import definition, nodes, scope
from g2.rewrite.rules._qualified import torch_as
from g2.rewrite.rules._spliced import spliced
from g2.rewrite.site import Site
from g2.rewrite.source import Piece

_UNTAMED = ", and where those hold NaN or infinity gradients may become NaN"


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece = site.piece
    kinds = Known(site)
    line = _line(piece, site.node)
    if line is None:
        return
    assign = line.body[0]
    if not isinstance(assign, cst.Assign) or not isinstance(assign.value, cst.Call):
        return
    goals = _goals(kinds, assign.targets[0].target)
    read = [one for node in nodes(assign.value) if (one := selected(kinds, node, node is site.node)) is not None]
    if not goals or not read:
        return
    if any(not one.same_mask(goals[0]) for one in (*goals, *read)):
        yield Left("two masks are mixed")
        return
    if any(one.behind is None for one in goals):
        yield Left("it is not known how many dimensions stand behind the mask's")
        return
    function = piece.code(assign.value.func)
    for arg in assign.value.args:
        kind = kinds.of(arg.value)
        if not any(one.node in set(nodes(arg.value)) for one in read) and kind.tensor and kind.shape != ():
            yield Left(f"{function} is also given {piece.code(arg.value)}, which is not selected by the mask")
            return
    torch, imports = torch_as(piece.source)
    whole = _guard(kinds, line, goals[0].mask)
    for filled in (True, False):
        parts: dict[cst.CSTNode, str] = {one.node: _whole(kinds, one, torch, filled) for one in read}
        text = _text(kinds, piece, assign, goals, parts, torch)
        if whole is not None:
            text = "\n".join([*(row.comment.value for row in line.leading_lines if row.comment is not None), text])
        yield Proposal(
            rule="",
            summary=f"{function} computes with the whole tensors, and torch.where takes what the mask selects",
            safety=Safety.ASK,
            files=(FileEdits(piece.source.path, (piece.replace(line if whole is None else whole, text),), imports),),
            caveat=f"it is right only where {function} treats each element that the mask may select by itself; it now "
            "also computes with the elements that are left out"
            + (", for which zeros stand in" if filled else _UNTAMED)
            + "; where the mask selects nothing, the results still require a gradient, and gradients are zero "
            "instead of missing.",
            differs=frozenset({"requires-grad", "zero-gradient"}),
        )


def _line(piece: Piece, node: cst.CSTNode) -> cst.SimpleStatementLine | None:
    """The statement of the place; the one in the body, when the place is the test of an `if`."""
    line = piece.statement(node)
    if isinstance(line, cst.If) and isinstance(line.body, cst.IndentedBlock) and len(line.body.body) == 1:
        line = line.body.body[0]
    return line if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None


def _goals(kinds: Known, target: cst.BaseExpression) -> list[Selected]:
    """What is written to, each a name and the same mask; empty when it is something else."""
    parts = [element.value for element in target.elements] if isinstance(target, cst.Tuple) else [target]
    found = [selected(kinds, part, certain=True) for part in parts]
    return [one for one in found if one is not None and isinstance(one.tensor, cst.Name)] if all(found) else []


def _whole(kinds: Known, one: Selected, torch: str, filled: bool) -> str:
    """The whole tensor; where the mask compares it with bounds, what lies outside becomes a bound.

    filled: what is left out of any other tensor becomes zero, so that NaN and infinity there reach no gradient.
    """
    piece = kinds.site.piece
    text = piece.code(one.tensor)
    bound = _bound(kinds, one.mask, one.tensor)
    if bound is None and filled and one.behind is not None:
        bound = "0"
    return text if bound is None else f"{torch}.where({widened(piece, one.mask, one.behind or 0)}, {text}, {bound})"


def _bound(kinds: Known, mask: cst.BaseExpression, tensor: cst.BaseExpression) -> str | None:
    """A value that the mask selects: b of `tensor >= b`."""
    match mask:
        case cst.Comparison(left=left, comparisons=[one]) if left.deep_equals(tensor):
            if isinstance(one.operator, (cst.GreaterThanEqual, cst.LessThanEqual)):
                return kinds.site.piece.code(one.comparator)
        case cst.BinaryOperation(operator=cst.BitAnd(), left=left, right=right):
            return _bound(kinds, left, tensor) or _bound(kinds, right, tensor)
        case cst.Name(value=name):
            value = definition(kinds.site.piece, scope(kinds.site.piece, mask), name)
            return None if value is None or isinstance(value, cst.Name) else _bound(kinds, value, tensor)
        case _:
            pass
    return None


def _guard(kinds: Known, line: cst.SimpleStatementLine, mask: cst.BaseExpression) -> cst.If | None:
    """`if mask.any():` around nothing but the statement: with the whole tensors it is not needed."""
    piece = kinds.site.piece
    block = piece.parent(line)
    test = piece.parent(block) if block is not None else None
    if not isinstance(test, cst.If) or test.orelse is not None or test.body is not block or len(test.body.body) != 1:
        return None
    above = piece.parent(test)
    if isinstance(above, cst.If):  # an elif
        return None
    written = piece.code(test.test).replace(" ", "")
    name = piece.code(mask).replace(" ", "")
    torch = kinds.names.torch
    return test if written in (f"{torch}.any({name})", f"{name}.any()", f"({name}).any()") else None


def _text(
    kinds: Known, piece: Piece, assign: cst.Assign, goals: list[Selected], parts: Mapping[cst.CSTNode, str], torch: str
) -> str:  # fmt: skip
    own = len(piece.indent(assign))
    call = "\n".join(
        row[min(own, len(row) - len(row.lstrip())) :] if number else row
        for number, row in enumerate(spliced(piece, assign.value, parts).replace("\r\n", "\n").split("\n"))
    )
    names = [piece.fresh(f"new_{piece.code(goal.tensor)}") for goal in goals]
    rows = [f"{', '.join(names)} = {call}"]
    for goal, name in zip(goals, names, strict=True):
        old = piece.code(goal.tensor)
        where = f"{torch}.where({widened(piece, goal.mask, goal.behind or 0)}, {name}, {old})"
        own_tensor = isinstance(goal.tensor, cst.Name) and fresh(kinds, goal.tensor)
        rows.append(f"{old} = {where}" if own_tensor else f"{old}.copy_({where})")
    return "\n".join(rows)


RULE = Rule(
    title="a call with what a mask selects is made with the whole tensors",
    answers=("data-dependent-shape", "tensor-branch", "size-from-data"),
    legal="Every tensor that the call is given and every one that takes its results is selected by one boolean mask. "
    "The function must treat each element by itself, which is not proved by reading: the rewrite is ASK, and "
    "the proof compares it on other inputs. Where the mask compares a tensor with bounds, elements outside are "
    "given as a bound, so that a check of the range in the function still holds; of any other tensor as zeros, so that "
    "NaN and infinity there reach no gradient.",
    safety=Safety.ASK,
    propose=_propose,
    examples=(
        Example(
            "two results, inside a range",
            """import torch


def curve(x, slope):
    assert x.dim()
    return torch.asin(x) * slope[..., 0], slope.sum(-1)


class Net(torch.nn.Module):
    def forward(self, x, slope):
        inside = (x >= -1) & (x <= 1)
        out = torch.zeros_like(x)
        other = torch.zeros_like(x)
        if torch.any(inside):
            # only there is it defined
            out[inside], other[inside] = curve(
                x[inside],
                slope=slope[inside, :],
            )
        return out + other


x = torch.tensor([[0.5, 2.0], [-3.0, 1.0]])
print(Net()(x, torch.ones(2, 2, 3)))
""",
            """import torch


def curve(x, slope):
    assert x.dim()
    return torch.asin(x) * slope[..., 0], slope.sum(-1)


class Net(torch.nn.Module):
    def forward(self, x, slope):
        inside = (x >= -1) & (x <= 1)
        out = torch.zeros_like(x)
        other = torch.zeros_like(x)
        # only there is it defined
        new_out, new_other = curve(
            torch.where(inside, x, -1),
            slope=torch.where(inside.unsqueeze(-1), slope, 0),
        )
        out = torch.where(inside, new_out, out)
        other = torch.where(inside, new_other, other)
        return out + other


x = torch.tensor([[0.5, 2.0], [-3.0, 1.0]])
print(Net()(x, torch.ones(2, 2, 3)))
""",
        ),
    ),
    negatives=(
        Negative(
            "another tensor is given",
            """import torch


def mixed(x, other):
    return x + other.sum()


class Net(torch.nn.Module):
    def forward(self, x):
        out = torch.zeros_like(x)
        out[x > 0] = mixed(x[x > 0], x)
        return out


print(Net()(torch.tensor([1.0, -1.0])))
""",
        ),
        Negative(
            "the result is not written back",
            """import torch


def double(x):
    return x * 2


class Net(torch.nn.Module):
    def forward(self, x):
        return double(x[x > 0])


print(Net()(torch.tensor([1.0, -1.0])))
""",
        ),
        Negative(
            "written back by another mask",
            """import torch


def double(x):
    return x * 2


class Net(torch.nn.Module):
    def forward(self, x):
        out = torch.zeros_like(x)
        out[x < 0] = double(x[x > 0])
        return out


print(Net()(torch.tensor([1.0, -1.0])))
""",
        ),
    ),
    rank=60,
)

"""`draw < p` decides, and p is 0: the plain number is asked first, as no draw from [0, 1) is below zero."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._branches import branch
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import definition, nodes, scope
from g2.rewrite.site import Site

_CAVEAT = (
    "The number is drawn and not used then: backends that drop what is not used (aot_eager, Inductor) do not draw it, "
    "and what is drawn later differs."
)
_DRAWS = ("torch.rand", "torch.rand_like")


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = branch(site)
    if not isinstance(found, (cst.If, cst.IfExp)):
        return
    kinds = Kinds(site)
    for comparison in _compared(found.test):
        draw, chance = _sides(comparison)
        if draw is None or chance is None or not _drawn(draw, kinds):
            continue
        kind, value = kinds.of(chance), site.values.get(dotted(chance))
        if not kind.plain or isinstance(chance, (cst.Integer, cst.Float)):
            yield Left(f"`{site.piece.code(chance)}` is not a plain number that is kept")
            continue
        if value is None or value.text not in ("0", "0.0"):
            yield Left(f"`{site.piece.code(chance)}` is not 0 in this run")
            continue
        text = f"{site.piece.code(chance)} > 0 and {site.piece.code(comparison)}"
        yield Proposal(
            rule="",
            summary="the number is asked first: a draw from [0, 1) is never below zero",
            safety=Safety.ASK,
            files=(FileEdits(site.source.path, (site.piece.replace(comparison, text),)),),
            caveat=_CAVEAT,
            differs=frozenset({"random"}),
        )


def _compared(test: cst.BaseExpression) -> list[cst.Comparison]:
    """The comparisons of two operands that are the test, or parts of its `and`."""
    if isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And):
        return [*_compared(test.left), *_compared(test.right)]
    return [test] if isinstance(test, cst.Comparison) and len(test.comparisons) == 1 and not test.lpar else []


def _sides(comparison: cst.Comparison) -> tuple[cst.BaseExpression | None, cst.BaseExpression | None]:
    """The draw and the number of `draw < number` or `number > draw`."""
    only = comparison.comparisons[0]
    if isinstance(only.operator, cst.LessThan):
        return comparison.left, only.comparator
    return (only.comparator, comparison.left) if isinstance(only.operator, cst.GreaterThan) else (None, None)


def _drawn(node: cst.BaseExpression, kinds: Kinds) -> bool:
    """Whether a name holds numbers that torch drew from [0, 1), before the comparison."""
    if not isinstance(node, cst.Name):
        return False
    piece = kinds.site.piece
    value = definition(piece, scope(piece, node), node.value)
    if not isinstance(value, cst.Call) or any(isinstance(one, cst.NamedExpr) for one in nodes(value)):
        return False
    return kinds.names.dotted(dotted(value.func)) in _DRAWS


def _script(test: str, chance: str = "0.0", draw: str = "torch.rand([])") -> str:
    return f"""\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, layerdrop={chance}):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
        self.layerdrop = layerdrop

    def forward(self, x):
        outputs = ()
        for layer in self.layers:
            if self.training:
                probability = {draw}
                if {test}:  # skip the layer
                    continue
            x = layer(x)
            outputs += (x,)
        return outputs

torch.manual_seed(0)
net = Net()
for _ in range(3):
    print(len(net(torch.ones(2, 4))), torch.rand(1))
"""


RULE = Rule(
    title="a chance of zero is asked before the draw",
    answers=("tensor-branch",),
    legal="""
        A name holds what torch.rand drew, and is compared with a plain Python number that was 0 in the run. For any
        other number the test decides as before. The draw stays where it is; as nothing uses it, aot_eager and Inductor
        leave it out (torch 2.13), which changes what is drawn later. So rules that use the draw come first, and it is
        ASK.
        """,
    safety=Safety.ASK,
    propose=propose,
    rank=11,
    examples=(
        Example(
            name="layer drop that is switched off",
            before=_script("probability < self.layerdrop"),
            after=_script("self.layerdrop > 0 and probability < self.layerdrop"),
        ),
        Example(
            name="the other way round, behind another condition",
            before=_script("x is not None and self.layerdrop > probability"),
            after=_script("x is not None and self.layerdrop > 0 and self.layerdrop > probability"),
        ),
    ),
    negatives=(
        Negative(name="the chance is not zero", script=_script("probability < self.layerdrop", "0.1")),
        Negative(
            name="normal numbers may be below zero",
            script=_script("probability < self.layerdrop", draw="torch.randn([])"),
        ),
        Negative(name="another comparison", script=_script("probability <= self.layerdrop")),
        Negative(
            name="the chance is a tensor",
            script=_script("probability < self.layerdrop", "torch.zeros([])"),
        ),
    ),
)

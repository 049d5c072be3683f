"""torch.equal, torch.allclose and is_nonzero answer in Python: the forms that answer with a tensor."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._answers import ANSWERS, as_tensor, method
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._layout import joined
from g2.rewrite.rules._names import nodes, reads
from g2.rewrite.site import Site

_CAVEAT = "Where it is compiled, a failing `assert` raises RuntimeError instead of AssertionError."


def propose(site: Site) -> Iterator[Proposal | Left]:
    kinds = Kinds(site)
    calls = [one for one in nodes(site.node) if isinstance(one, cst.Call) and method(one) in ANSWERS]
    for call in calls:
        text = as_tensor(call, kinds)
        if text is None:
            yield Left(f"`{joined(site.piece.code(call))}` has arguments that are not simple")
            continue
        left, asserted = _use(call, kinds)
        if left:
            yield Left(left)
            continue
        yield Proposal(
            rule="",
            summary="the question is answered by a tensor",
            safety=Safety.ASK if asserted else Safety.SAFE,
            files=(FileEdits(site.source.path, (site.piece.replace(call, text),), kinds.names.imports),),
            caveat=_CAVEAT if asserted else "",
            differs=frozenset({"exception-type", "exception-time"}) if asserted else frozenset(),
        )


def _use(call: cst.Call, kinds: Kinds) -> tuple[str, bool]:
    """Why the answer must stay a Python bool, empty when only its truth is asked; whether an `assert` asks."""
    piece = kinds.site.piece
    above = piece.parent(call)
    if isinstance(above, cst.Assert):
        return "", True
    while isinstance(above, (cst.BooleanOperation, cst.UnaryOperation)):
        above = piece.parent(above)
    if isinstance(above, cst.Assign) and isinstance(above.targets[0].target, cst.Name):
        name = above.targets[0].target.value
        asserted = False
        for one in reads(piece, piece.module, name):
            use = piece.parent(one)
            while isinstance(use, (cst.BooleanOperation, cst.UnaryOperation)):
                use = piece.parent(use)
            asserted = asserted or isinstance(use, cst.Assert)
            if not isinstance(use, (cst.If, cst.IfExp, cst.While, cst.Assert)):
                return f"`{name}` is used for something else than a test", False
        return "", asserted
    if isinstance(above, (cst.If, cst.IfExp, cst.While, cst.Assert)):
        return "the branch that asks has no form without a break", False
    return "its answer leaves as a Python bool", False


def _script(line: str, test: str = "same") -> str:
    return f"""\
import torch

@torch.compile
def step(a, b):
    {line}
    if {test}:
        c = a + 1
    else:
        c = a - 1
    return c

print(step(torch.ones(3), torch.ones(3)), step(torch.ones(3), torch.zeros(3)))
"""


RULE = Rule(
    title="a question about tensors is answered by a tensor",
    answers=("data-dependent-answer", "non-tensor-result", "tensor-branch"),
    legal="""
        Only the truth of the answer is asked. torch.equal also compares shapes: it is rewritten where the run saw
        tensors of the same shape.
        """,
    safety=Safety.SAFE,
    propose=propose,
    rank=6,
    examples=(
        Example(
            name="an answer that is asserted",
            before=_script('same = torch.allclose(a, b, atol=9)\n    assert same, "far off"', "True"),
            after=_script('same = torch.isclose(a, b, atol=9).all()\n    assert same, "far off"', "True"),
        ),
        Example(
            name="directly in an assert",
            before=_script('assert torch.equal(a, a + b * 0), "changed"', "True"),
            after=_script('assert (a == (a + b * 0)).all(), "changed"', "True"),
        ),
    ),
    negatives=(
        Negative(
            name="the answer leaves as a Python bool",
            script="""\
import torch

@torch.compile
def step(a, b):
    return a + 1, torch.equal(a, b)

print(step(torch.ones(3), torch.ones(3)))
""",
        ),
        Negative(name="tensors of different shapes", script=_script("same = torch.equal(a, b[:2])")),
        Negative(
            name="the answer is printed",
            script=_script("same = torch.allclose(a, b)\n    text = str(same)"),
        ),
    ),
)
_ = Example

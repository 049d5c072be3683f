"""`if test: continue` on a tensor, when one step of the loop is what is skipped: torch.cond around the step."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._choice import Refused, side
from g2.rewrite.rules._cond import HANDED_ON, broken, cloned, drawn_anew
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._layout import call, comments, joined, width
from g2.rewrite.rules._pure import Effects
from g2.rewrite.rules._shared import shared
from g2.rewrite.rules._skipped import Skip, assignment, skip
from g2.rewrite.rules._truth import bare
from g2.rewrite.rules._update import Update
from g2.rewrite.site import Site

_CAVEAT = (
    "torch.cond traces the step in eager too, so it may not break the graph. Parameters of a step that is skipped get "
    "a gradient of zeros, instead of none, and the result requires gradients as if the step were taken."
)


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = skip(site)
    if not isinstance(found, Skip):
        if found is not None:
            yield found
        return
    kinds = found.kinds
    if found.condition.python:
        yield Left("Python decides first whether the tensor is asked")
        return
    step = assignment(found.behind[0]) if len(found.behind) == 1 else None
    if step is None:
        yield Left("more than one value is made behind the `continue`")
        return
    target = dotted(step.targets[0].target)
    value = side(step.value, kinds)
    effects = Effects()
    effects.add(step.value, kinds)
    old = kinds.of(step.targets[0].target)
    try:
        shared(Update(target, value), step, kinds)
        if effects.never:
            raise Refused(f"the step must only compute: {next(iter(effects.never))}")
        drawn_anew(effects, kinds)
        broken([step.value], kinds)
        if not old.tensor:
            raise Refused(f"it is not known that `{target}` is a tensor before the step")
    except Refused as refusal:
        yield Left(str(refusal))
        return
    yield Proposal(
        rule="",
        summary="the step that may be skipped goes into torch.cond",
        safety=Safety.ASK,
        files=(FileEdits(site.source.path, _edits(found, step, target), kinds.names.imports),),
        tests=(site.piece.span(found.branch.test),),
        caveat=f"{_CAVEAT} {HANDED_ON}",
        differs=frozenset({"zero-gradient", "requires-grad", "contiguous"}),
    )


def _edits(place: Skip, step: cst.Assign, target: str) -> tuple[Edit, ...]:
    found, outer, line, condition, kinds = place.branch, place.outer, place.behind[0], place.condition, place.kinds
    piece, torch = kinds.site.piece, kinds.names.torch
    text = condition.plain()
    kept = comments(piece, found)
    functions = [f"lambda: {cloned(target, kinds)}", f"lambda: {joined(bare(step.value, kinds))}"]
    margin = piece.indent(line)
    if outer is found:
        predicate, first = text, piece.bounds(found)[0]
        if condition.swapped:
            predicate = condition.text
            functions.reverse()
        made = call(f"{target} = {torch}.cond", [predicate, *functions], "", len(margin), width(piece))
        lines = [*kept, *made.split("\n")]
        return (Edit(first, piece.bounds(line)[1], f"\n{margin}".join(lines)),)
    name = piece.fresh("skip")
    start = piece.bounds(outer)[0]
    made = call(f"{target} = {torch}.cond", [name, *functions], "", len(margin), width(piece))
    return (
        Edit(start, start, f"{name} = False\n{piece.indent(outer)}"),
        piece.replace(found, "\n".join([*kept, f"{name} = {joined(text)}"])),
        piece.replace(line, made),
    )


def _script(body: str, setup: str = "") -> str:
    lines = "\n".join(f"            {line}" if line else "" for line in body.strip("\n").split("\n"))
    return f"""\
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(3))

    def forward(self, x):
        seen = []
        for layer in self.layers:
{lines}
        return x

torch.manual_seed(0)
net = Net()
for _ in range(3):
    print(net(torch.ones(2, 4)).detach())
net.eval()(torch.ones(2, 4))
"""


RULE = Rule(
    title="a step that a tensor may skip goes into torch.cond",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="""
        The `continue` stands in the loop, or last in an `if` of the loop that Python decides. One assignment follows
        it, whose target is a tensor before, and which only computes. Nothing later writes into the target.
        """,
    safety=Safety.ASK,
    propose=propose,
    rank=8,
    examples=(
        Example(
            name="layer drop in training",
            before=_script("""
# LayerDrop
if self.training:
    probability = torch.rand([])
    if probability < 0.5:
        continue

x = layer(x)  # the layer itself
"""),
            after=_script("""
# LayerDrop
skip = False
if self.training:
    probability = torch.rand([])
    skip = probability < 0.5

x = torch.cond(
    skip,
    lambda: x.clone(memory_format=torch.contiguous_format),
    lambda: layer(x),
)  # the layer itself
"""),
        ),
        Example(
            name="directly in the loop",
            before=_script("""
if not x.sum() > 0:  # nothing left
    continue
x = torch.relu(layer(x))
"""),
            after=_script("""
# nothing left
x = torch.cond(
    x.sum() > 0,
    lambda: torch.relu(layer(x)),
    lambda: x.clone(memory_format=torch.contiguous_format),
)
"""),
        ),
    ),
    negatives=(
        Negative(
            name="two values are made behind it",
            script=_script("""
if x.sum() > 99:
    continue
y = layer(x)
x = x + y
"""),
        ),
        Negative(
            name="the step writes",
            script=_script("""
if x.sum() > 99:
    continue
x = layer(x.mul_(2))
"""),
        ),
        Negative(
            name="a list grows behind it",
            script=_script("""
if x.sum() > 99:
    continue
seen.append(layer(x))
"""),
        ),
        Negative(
            name="more follows in the inner if",
            script=_script("""
if self.training:
    if x.sum() > 99:
        continue
    seen = [x]
x = layer(x)
"""),
        ),
    ),
)

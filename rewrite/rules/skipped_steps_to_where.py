"""`if test: continue` on a tensor before steps that make one value: they are always run, torch.where keeps the old."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._choice import Notes, Refused
from g2.rewrite.rules._kept_value import always_asked, asked_if_there
from g2.rewrite.rules._layout import comments, joined
from g2.rewrite.rules._selected import selected
from g2.rewrite.rules._skipped import Skip, skip
from g2.rewrite.rules._steps import goes_on
from g2.rewrite.site import Site

_ALWAYS = "What is done behind the `continue` is done for steps that are skipped too, such as filling a cache."


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = skip(site)
    if not isinstance(found, Skip):
        if found is not None:
            yield found
        return
    kinds = found.kinds
    notes = Notes()
    notes.ask(_ALWAYS)
    try:
        if not found.behind:
            raise Refused("nothing follows the `continue`")
        edits = _edits(found, goes_on(found.behind, found.behind[0], kinds, notes))
    except Refused as refusal:
        yield Left(str(refusal))
        return
    summary = "the steps that may be skipped are always computed, and torch.where keeps the value before them"
    yield selected(kinds, edits, notes, summary, [found.branch.test])


def _edits(place: Skip, last: cst.Assign) -> list[Edit]:
    found, outer, condition, kinds = place.branch, place.outer, place.condition, place.kinds
    piece, kept = kinds.site.piece, comments(kinds.site.piece, found)
    if condition.python:
        name = piece.fresh("skip")
        first = [f"{name} = None", f"if {' and '.join(map(_part, condition.python))}:"]
        line = piece.replace(found, "\n".join([*kept, *first, f"    {name} = {joined(condition.plain())}"]))
        return [line, *asked_if_there(last, name, kinds)]
    if outer is found:
        name = piece.fresh("needed" if condition.swapped else "skip")
        line = piece.replace(found, "\n".join([*kept, f"{name} = {joined(condition.text)}"]))
        return [line, *always_asked(last, name, condition.swapped, kinds)]
    name, start = piece.fresh("skip"), piece.bounds(outer)[0]
    return [
        Edit(start, start, f"{name} = None\n{piece.indent(outer)}"),
        piece.replace(found, "\n".join([*kept, f"{name} = {joined(condition.plain())}"])),
        *asked_if_there(last, name, kinds),
    ]


def _part(code: str) -> str:
    """A part of a condition, fit to stand beside `and`."""
    whole = cst.parse_expression(code)
    wide = isinstance(whole, (cst.IfExp, cst.Lambda)) or (
        isinstance(whole, cst.BooleanOperation) and isinstance(whole.operator, cst.Or)
    )
    return f"({code})" if wide else code


def _script(body: str, more: str = "") -> str:
    lines = "\n".join(f"            {line}" if line else "" for line in body.strip("\n").split("\n"))
    return f"""\
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x, cache=None):
        if cache is not None:
            cache.append(x)
        return (x + torch.tanh(self.fc(x)),)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(3))
        self.checkpointing = False
        self.chance = 0.5

    def forward(self, x):
        seen = []
        for layer in self.layers:
{lines}
        return x{more}

torch.manual_seed(0)
net = Net()
for _ in range(3):
    print(net(torch.ones(2, 4)).detach())
net.eval()(torch.ones(2, 4))
"""


RULE = Rule(
    title="steps that a tensor may skip are always computed",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="""
        The `continue` stands in the loop, or last in an `if` of the loop that Python decides. Only assignments to names
        follow it, and conditions that Python decides; one name gets the value that goes on, a tensor before, and the
        others are used nowhere else in the run. ASK: skipped steps are computed too, with all that their calls do.
        """,
    safety=Safety.ASK,
    propose=propose,
    rank=9,
    examples=(
        Example(
            name="layer drop in training",
            before=_script("""
# LayerDrop
if self.training:
    probability = torch.rand([])
    if probability < 0.5:
        continue

outputs = layer(x)
x = outputs[0] if isinstance(outputs, tuple) else outputs  # the hidden states
"""),
            after=_script("""
# LayerDrop
skip = None
if self.training:
    probability = torch.rand([])
    skip = probability < 0.5

outputs = layer(x)
new_x = outputs[0] if isinstance(outputs, tuple) else outputs
x = new_x if skip is None else torch.where(skip, x, new_x)  # the hidden states
"""),
        ),
        Example(
            name="a chance that Python asks about first",
            before=_script("""
# layer dropout
if self.training and self.chance > 0.0 and torch.rand([]) < self.chance:
    continue

x = layer(x)[0]
"""),
            after=_script("""
# layer dropout
skip = None
if self.training and self.chance > 0.0:
    skip = torch.rand([]) < self.chance

new_x = layer(x)[0]
x = new_x if skip is None else torch.where(skip, x, new_x)
"""),
        ),
        Example(
            name="what Python decides between",
            before=_script("""
if self.training:
    probability = torch.rand([])
    if probability < 0.5:
        continue
if self.checkpointing and self.training:
    outputs = torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False)
else:
    outputs = layer(x)
x = outputs[0]
if self.checkpointing:
    seen += (outputs,)
"""),
            after=_script("""
skip = None
if self.training:
    probability = torch.rand([])
    skip = probability < 0.5
if self.checkpointing and self.training:
    outputs = torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False)
else:
    outputs = layer(x)
new_x = outputs[0]
x = new_x if skip is None else torch.where(skip, x, new_x)
if self.checkpointing:
    seen += (outputs,)
"""),
        ),
        Example(
            name="a cache that the steps fill",
            before=_script("""
if self.training:
    probability = torch.rand([])
    if probability < 0.5:
        continue
x = layer(x, seen)[0]
"""),
            after=_script("""
skip = None
if self.training:
    probability = torch.rand([])
    skip = probability < 0.5
new_x = layer(x, seen)[0]
x = new_x if skip is None else torch.where(skip, x, new_x)
"""),
        ),
        Example(
            name="directly in the loop",
            before=_script("""
if not x.sum() > 9:  # not enough
    continue
y = layer(x)
x = y[0]
"""),
            after=_script("""
# not enough
needed = x.sum() > 9
y = layer(x)
x = torch.where(needed, y[0], x)
"""),
        ),
    ),
    negatives=(
        Negative(
            name="a list grows behind it",
            script=_script("""
if x.sum() > 99:
    continue
seen.append(x)
x = layer(x)[0]
"""),
        ),
        Negative(
            name="the value between is used behind the loop",
            script=_script(
                """
y = x
if x.sum() > 99:
    continue
y = layer(x)
x = y[0]
""",
                " + y[0].sum()",
            ),
        ),
        Negative(
            name="the condition also asks the loop's own count",
            script=_script("""
if x.sum() > 99 or len(seen) > 2:
    continue
x = layer(x)[0]
"""),
        ),
    ),
)

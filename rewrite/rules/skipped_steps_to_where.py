"""`if test: continue` on a tensor before steps that make one value: they are always run, torch.where keeps the old."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._choice import Notes, Refused, choose, in_vain, side
from g2.rewrite.rules._layout import call, comments, joined, width
from g2.rewrite.rules._names import bindings, reads, scope
from g2.rewrite.rules._selected import selected
from g2.rewrite.rules._shared import shared
from g2.rewrite.rules._skipped import Skip, assignment, skip
from g2.rewrite.rules._truth import Truth, bare
from g2.rewrite.rules._updates import Update
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
        edits = _edits(found, _steps(found, notes))
    except Refused as refusal:
        yield Left(str(refusal))
        return
    summary = "the steps that may be skipped are always computed, and torch.where keeps the value before them"
    yield selected(kinds, edits, notes, summary, [found.branch.test])


def _steps(place: Skip, notes: Notes) -> cst.Assign:
    """The last statement, which gives the one value that the next step needs. Raises Refused."""
    found, behind, kinds = place.branch, place.behind, place.kinds
    piece = kinds.site.piece
    assigns = [assignment(one) for one in behind]
    if not assigns or not all(assigns):
        other = next((one for one, assign in zip(behind, assigns, strict=True) if assign is None), found)
        raise Refused(f"`{piece.short(other)}` behind the `continue` does more than to give a name a value")
    made = [one for one in assigns if one is not None]
    last, function = made[-1], scope(piece, found)
    start, end = piece.bounds(behind[0])[0], piece.bounds(behind[-1])[1]
    target = _name(last)
    for step in made[:-1]:
        name, own = _name(step), piece.bounds(step)[0]
        if name == target:
            raise Refused(f"`{name}` gets a value more than once behind the `continue`")
        for read in reads(piece, function, name):
            if not own < piece.bounds(read)[0] < end:
                raise Refused(f"`{name}` is used elsewhere, where a skipped step left another value")
        if any(not start <= piece.bounds(one)[0] < end for one in bindings(piece, function, name)):
            raise Refused(f"`{name}` gets values elsewhere too")
    old = kinds.of(last.targets[0].target)
    if not old.tensor:
        raise Refused(f"it is not known that `{target}` is a tensor before the steps")
    for step in made:
        value = side(step.value, kinds)
        if step is last:
            choose(Truth("skip"), side(last.targets[0].target, kinds), value, kinds, notes)
        else:
            in_vain(value, kinds, notes)
            kinds.bind(_name(step), value.kind)
    if notes.named:
        raise Refused("a derivative of the steps may be infinite where they are skipped")
    shared(Update(target, side(last.value, kinds)), last, kinds)
    return last


def _edits(place: Skip, last: cst.Assign) -> list[Edit]:
    found, outer, condition, kinds = place.branch, place.outer, place.condition, place.kinds
    piece, torch = kinds.site.piece, kinds.names.torch
    target, kept, margin = _name(last), comments(piece, found), piece.indent(last)
    new, value = piece.fresh(f"new_{target}"), joined(bare(last.value, kinds))
    inner = isinstance(last.value, (cst.Name, cst.Call, cst.Attribute, cst.Subscript, cst.BinaryOperation))
    if outer is found:
        text, name = joined(condition.text), piece.fresh("needed" if condition.swapped else "skip")
        sides = [new, target] if condition.swapped else [target, new]
        edits = [piece.replace(found, "\n".join([*kept, f"{name} = {text}"]))]
        head, ending = f"{target} = {torch}.where", ""
        if inner and len(value) < 40:
            sides[sides.index(new)] = value
    else:
        name, start = piece.fresh("skip"), piece.bounds(outer)[0]
        sides = [target, new]
        edits = [
            Edit(start, start, f"{name} = None\n{piece.indent(outer)}"),
            piece.replace(found, "\n".join([*kept, f"{name} = {joined(condition.plain())}"])),
        ]
        head, ending = f"{target} = {new} if {name} is None else {torch}.where", ""
    lines = call(head, [name, *sides], ending, len(margin), width(piece)).split("\n")
    if outer is not found and len(lines) > 1:
        lines = [f"if {name} is not None:", f"    {new} = {torch}.where({name}, {target}, {new})", f"{target} = {new}"]
    begin, end = piece.bounds(last)
    written = f"\n{margin}".join(lines)
    if new in sides:
        first = piece.bounds(last.targets[0].target)
        edits += [Edit(*first, new), Edit(end, end, f"\n{margin}{written}")]
    else:
        edits.append(Edit(begin, end, written))
    return edits


def _name(assign: cst.Assign) -> str:
    target = assign.targets[0].target
    assert isinstance(target, cst.Name)
    return target.value


def _script(body: str, more: str = "") -> str:
    lines = "\n".join(f"            {line}" if line else "" for line in body.strip("\n").split("\n"))
    return f"""\
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return (x + torch.tanh(self.fc(x)),)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(3))

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
        follow it; the last one gives the value that goes on, a tensor before, and the others are used nowhere else.
        ASK: skipped steps are computed too, with all that their calls do.
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

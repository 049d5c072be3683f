"""A flag that a tensor sets, for steps that are skipped then: they are always run, torch.where keeps the old value."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._branches import asked, branch
from g2.rewrite.rules._choice import Notes, Refused
from g2.rewrite.rules._flag import Flag, flag_of, lines, name_set
from g2.rewrite.rules._kept_value import asked_if_there
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._layout import comments, joined
from g2.rewrite.rules._names import nodes, reads, scope
from g2.rewrite.rules._run import never
from g2.rewrite.rules._selected import selected
from g2.rewrite.rules._skipped import assignment
from g2.rewrite.rules._steps import goes_on
from g2.rewrite.site import Site

_DOING = (cst.Call, cst.Await, cst.Yield, cst.NamedExpr)
_ALWAYS = "Steps that the flag skips are run too, with all that their calls do."


def propose(site: Site) -> Iterator[Proposal | Left]:
    setter = branch(site)
    name = name_set(setter)
    if not isinstance(setter, cst.If) or not name:
        return
    kinds, notes = asked(site), Notes()
    notes.ask(_ALWAYS)
    try:
        flag = flag_of(setter, name, kinds)
        last = goes_on(list(lines(flag.steps)), flag.asker, kinds, notes)
        _given_instead(flag, last, kinds, notes)
        edits = _edits(flag, last, kinds)
    except Refused as refusal:
        yield Left(str(refusal))
        return
    summary = "the steps that the flag skips are always run, and torch.where keeps the value before them"
    yield selected(kinds, edits, notes, summary, [setter.test])


def _given_instead(flag: Flag, last: cst.Assign, kinds: Kinds, notes: Notes) -> None:
    """What skipped steps leave in place of their values: only constants that this run does not read. Raises Refused."""
    piece = kinds.site.piece
    start, end = piece.bounds(flag.asker)
    for one in flag.instead.body if flag.instead is not None else ():
        made = assignment(one) if isinstance(one, cst.BaseStatement) else None
        if made is None or any(isinstance(node, _DOING) for node in nodes(made)):
            raise Refused(f"`{piece.short(one)}` is done in place of the steps")
        name = dotted(made.targets[0].target)
        if name == dotted(last.targets[0].target):
            raise Refused(f"`{name}` gets another value in place of the steps")
        if not any(isinstance(node, cst.AssignTarget) and dotted(node.target) == name for node in nodes(flag.steps)):
            raise Refused(f"`{name}` gets a value only in place of the steps")
        for read in reads(piece, scope(piece, flag.asker), name):
            if not start <= piece.bounds(read)[0] < end:
                test = never(read, kinds)
                if test is None:
                    raise Refused(f"`{name}` is used elsewhere, where skipped steps left another value")
                notes.ask(f"What `{piece.short(test)}` decides is done for skipped steps too.")


def _edits(flag: Flag, last: cst.Assign, kinds: Kinds) -> list[Edit]:
    piece = kinds.site.piece
    remarks = comments(piece, flag.setter)
    set_ = f"{flag.name} = {joined(flag.condition.plain())}" + (f"  {remarks[0]}" if len(remarks) == 1 else "")
    made = assignment(flag.cleared)
    assert made is not None
    return [
        piece.replace(made.value, "None"),
        piece.replace(flag.setter, "\n".join([*(remarks if len(remarks) > 1 else []), set_])),
        piece.replace(flag.asker, _always(flag, last, kinds)),
    ]


def _always(flag: Flag, last: cst.Assign, kinds: Kinds) -> str:
    """The steps one level further out, the value kept where the flag is set. Raises Refused."""
    piece = kinds.site.piece
    source = piece.source
    if any(isinstance(one, cst.SimpleString) and "\n" in one.value for one in nodes(flag.steps)):
        raise Refused("the steps hold a string of several lines")
    steps = list(lines(flag.steps))
    inner = piece.indent(steps[0])
    first = source.position(piece.bounds(steps[0])[0])[0]
    while source.line(first - 1).strip().startswith("#"):
        first -= 1
    place, stop = source.offset(first, 0), piece.bounds(steps[-1])[1]
    parts = []
    for edit in sorted(asked_if_there(last, flag.name, kinds, len(inner) - len(piece.indent(flag.asker)))):
        parts += [source.text[place : edit.start], edit.text]
        place = edit.end
    text = "".join([*parts, source.text[place:stop]])
    others = [one for one in comments(piece, flag.asker) if one not in text]
    return "\n".join([*others, *(line.removeprefix(inner) for line in text.split("\n"))])


def _script(body: str) -> str:
    lines = "\n".join(f"            {line}" if line else "" for line in body.strip("\n").split("\n"))
    return f"""\
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return (x + torch.tanh(self.fc(x)), x.mean())

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(3))

    def forward(self, x, with_means=False):
        means = () if with_means else None
        for layer in self.layers:
{lines}
        return (x, means) if with_means else x

torch.manual_seed(0)
net = Net()
for _ in range(3):
    print(net(torch.ones(2, 4)).detach())
net.eval()(torch.ones(2, 4))
"""


RULE = Rule(
    title="steps that a tensor's flag skips are always run",
    answers=("tensor-branch",),
    legal="""
        A name is False, becomes True under a tensor's condition, and is asked once, by an `if` in the same block. The
        steps that are skipped then only give names values, with conditions that Python decides; one of them was a
        tensor before and goes on, and the others are used nowhere else in the run. ASK: skipped steps are run too, with
        all that their calls do.
        """,
    safety=Safety.ASK,
    propose=propose,
    rank=8,
    examples=(
        Example(
            name="layer drop in training",
            before=_script("""
# LayerDrop
skip = False
if self.training:
    probability = torch.rand([])
    if probability < 0.5:  # at random
        skip = True

if skip:
    outputs = (None, None)
else:
    # the layer
    outputs = layer(x)

    x = outputs[0]

if with_means:
    means = means + (outputs[1],)
"""),
            after=_script("""
# LayerDrop
skip = None
if self.training:
    probability = torch.rand([])
    skip = probability < 0.5  # at random

# the layer
outputs = layer(x)

new_x = outputs[0]
x = new_x if skip is None else torch.where(skip, x, new_x)

if with_means:
    means = means + (outputs[1],)
"""),
        ),
        Example(
            name="only where it is not set",
            before=_script("""
drop = False
if x.sum() > 9:
    drop = True
if not drop:
    x = layer(x)[0]
"""),
            after=_script("""
drop = None
drop = x.sum() > 9
new_x = layer(x)[0]
x = new_x if drop is None else torch.where(drop, x, new_x)
"""),
        ),
    ),
    negatives=(
        Negative(
            name="the flag is asked again",
            script=_script("""
drop = False
if x.sum() > 9:
    drop = True
if not drop:
    x = layer(x)[0]
if drop:
    print("dropped")
"""),
        ),
        Negative(
            name="what is done in its place is used",
            script=_script("""
drop = False
if x.sum() > 9:
    drop = True
if drop:
    mean = 0.0
else:
    x, mean = layer(x)
x = x + mean
"""),
        ),
        Negative(
            name="the steps print",
            script=_script("""
drop = False
if x.sum() > 9:
    drop = True
if not drop:
    print("layer")
    x = layer(x)[0]
"""),
        ),
        Negative(
            name="a value besides the tensor goes on",
            script=_script("""
drop = False
if x.sum() > 9:
    drop = True
if not drop:
    means = layer(x)[1]
    x = layer(x)[0]
if means is not None:
    x = x + means
"""),
        ),
    ),
)

"""A branch whose untaken side should not run: torch.cond, which runs one of two functions."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._branches import asked, branch
from g2.rewrite.rules._choice import Refused, Side, side
from g2.rewrite.rules._cond import HANDED_ON, broken, cloned, drawn_anew
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._layout import call, comments, joined, width
from g2.rewrite.rules._mixed import placed
from g2.rewrite.rules._pure import Effects
from g2.rewrite.rules._shared import shared
from g2.rewrite.rules._tensor_api import VIEWS
from g2.rewrite.rules._truth import truth
from g2.rewrite.rules._update import Update
from g2.rewrite.rules._updates import given_before
from g2.rewrite.site import Site

_CAVEAT = "torch.cond traces both sides in eager too, so neither may break the graph."
_GRADIENTS = (
    "Parameters that one side alone uses get a gradient of zeros, instead of none, when it is not taken, and the "
    "result requires gradients then, too."
)


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = branch(site)
    if not isinstance(found, (cst.If, cst.IfExp)):
        return
    kinds = asked(site)
    condition = truth(found.test, kinds)
    if condition is None:
        return
    try:
        target, then, other = _sides(found, kinds)
        gradients = _worth(then, other, kinds)
    except Refused as refusal:
        if str(refusal):
            yield Left(str(refusal))
        return
    torch = kinds.names.torch
    functions = [f"lambda: {_new(one, kinds)}" for one in (then, other)]
    handed_on = any("contiguous_format" in one for one in functions)
    if condition.swapped:
        functions.reverse()
    predicate = condition.loose or condition.text
    if isinstance(found, cst.IfExp):
        text = f"{torch}.cond({predicate}, {', '.join(functions)})"
        if condition.python:
            text = f"{text} if {' and '.join(condition.python)} else {other.text}"
        elif condition.instead:
            text = f"{then.text} if {' or '.join(condition.instead)} else {text}"
        text = f"({text})" if found.lpar and condition.mixed else text
    else:
        column = len(site.piece.indent(found)) + (4 if condition.mixed else 0)
        line = call(f"{target}{torch}.cond", [predicate, *functions], "", column, width(site.piece))
        try:
            lines = placed(found, condition, line.split("\n"), site.piece)
        except Refused as refusal:
            yield Left(str(refusal))
            return
        text = "\n".join([*comments(site.piece, found), *lines])
    yield Proposal(
        rule="",
        summary="the branch becomes torch.cond, which runs the side that is taken",
        safety=Safety.ASK,
        files=(FileEdits(site.source.path, (site.piece.replace(found, text),), kinds.names.imports),),
        tests=(site.piece.span(found.test),),
        caveat=" ".join([_CAVEAT, *([_GRADIENTS] if gradients else []), *([HANDED_ON] if handed_on else [])]),
        differs=frozenset(
            [*(("zero-gradient", "requires-grad") if gradients else ()), *(("contiguous",) if handed_on else ())]
        ),
    )


def _sides(found: cst.If | cst.IfExp, kinds: Kinds) -> tuple[str, Side, Side]:
    """What stands before the value, and the value of each side. Raises Refused, without a clause for another rule's."""
    if isinstance(found, cst.IfExp):
        return "", side(found.body, kinds), side(found.orelse, kinds)
    if isinstance(found.orelse, cst.If):
        raise Refused("")
    then = _only(found.body)
    other = _only(found.orelse.body) if found.orelse is not None else None
    if isinstance(then, cst.Return) and isinstance(other, cst.Return) and then.value and other.value:
        return "return ", side(then.value, kinds), side(other.value, kinds)
    if not isinstance(then, cst.Assign) or (found.orelse is not None and not isinstance(other, cst.Assign)):
        raise Refused("")
    target = _target(then)
    if isinstance(other, cst.Assign) and _target(other) != target:
        raise Refused("")
    value = side(then.value, kinds)
    old = Side(target, kinds.of(then.targets[0].target), (then.targets[0].target,))
    last = side(other.value, kinds) if isinstance(other, cst.Assign) else old
    if last is old and "." not in target and not given_before(target, kinds, found):
        raise Refused(f"`{target}` is given a value in one branch only")
    shared(Update(target, value), found, kinds)
    return f"{target} = ", value, last


def _only(suite: cst.BaseSuite) -> cst.BaseSmallStatement | None:
    if len(suite.body) != 1:
        return None
    line = suite.body[0]
    if isinstance(line, cst.SimpleStatementLine):
        return line.body[0] if len(line.body) == 1 else None
    return line if isinstance(line, cst.BaseSmallStatement) else None


def _target(assign: cst.Assign) -> str:
    name = dotted(assign.targets[0].target)
    if len(assign.targets) != 1 or not name:
        raise Refused("")
    return name


def _worth(then: Side, other: Side, kinds: Kinds) -> bool:
    """Whether parameters are concerned. Raises Refused where torch.where is better, or neither will do."""
    effects = Effects()
    for one in (then, other):
        if one.kind.name not in ("tensor", "unknown"):
            raise Refused("")
        for part in one.parts:
            effects.add(part, kinds)
    if effects.never:
        raise Refused(f"a side of torch.cond must only compute: {next(iter(effects.never))}")
    if not (effects.perhaps or effects.draws or effects.raising or effects.modules):
        raise Refused("")
    drawn_anew(effects, kinds)
    broken([*then.parts, *other.parts], kinds)
    shapes, dtypes = (then.kind.shape, other.kind.shape), {then.kind.dtype, other.kind.dtype} - {""}
    if len(dtypes) > 1 or (None not in shapes and shapes[0] != shapes[1]):
        raise Refused("")
    return effects.modules or bool(effects.perhaps)


def _new(one: Side, kinds: Kinds) -> str:
    """A side's text, cloned where it may hand on a tensor that is there."""
    node = one.parts[0]
    text = joined(one.text)
    if isinstance(node, (cst.Name, cst.Attribute, cst.Subscript)):
        return cloned(text, kinds)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in VIEWS:
        return cloned(text, kinds)
    return text


def _script(body: str, last: str = "return x") -> str:
    lines = "\n".join(f"        {line}" for line in body.strip("\n").split("\n"))
    return f"""\
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.big = torch.nn.Linear(4, 4)
        self.small = torch.nn.Linear(4, 4)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, x, skip=False):
        if self.training:
            skip = x.mean() < 0
{lines}
        {last}

torch.manual_seed(0)
net = Net()
for number in (1.0, -1.0):
    x = torch.full((2, 4), number, requires_grad=True)
    net(x).sum().backward()
    print(x.grad, net.small.weight.grad)
net.eval()(x)
"""


_BREAKS = """\
class Known(torch.nn.Module):
    def forward(self, x):
        torch._dynamo.graph_break()
        return x * 2

"""

RULE = Rule(
    title="a branch becomes torch.cond",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="""
        Each side is one value of the same dtype and shape. Computing a side prints nothing and changes nothing, and
        draws no random numbers, as the backward of torch.cond draws them anew (torch 2.11 to 2.15). What a side hands
        on unchanged is cloned, since torch.cond must not return its inputs. No side broke the graph itself in the run.
        torch.where is tried first where both sides are cheap and pure.
        """,
    safety=Safety.ASK,
    propose=propose,
    rank=8,
    examples=(
        Example(
            name="a layer that is skipped",
            before=_script("""
if not skip:  # LayerDrop
    x = self.big(x)
x = self.small(x)
"""),
            after=_script("""
# LayerDrop
x = torch.cond(
    skip,
    lambda: x.clone(memory_format=torch.contiguous_format),
    lambda: self.big(x),
)
x = self.small(x)
"""),
        ),
        Example(
            name="one of two modules",
            before=_script("""
y = self.big(x) if (x > 0).all() else self.big(x[:, :4]) + self.small(x)
return y + self.small(x)
"""),
            after=_script("""
y = torch.cond((x > 0).all(), lambda: self.big(x), lambda: self.big(x[:, :4]) + self.small(x))
return y + self.small(x)
"""),
        ),
    ),
    negatives=(
        Negative(
            name="both sides are cheap, torch.where is better",
            script=_script("""
if not skip:
    x = x + 1
x = self.small(x)
"""),
        ),
        Negative(
            name="a side prints",
            script=_script("""
if x.sum() > 0:
    x = print("positive") or self.big(x)
x = self.small(x)
"""),
        ),
        Negative(
            name="a side may draw random numbers, and is trained",
            script=_script("""
y = self.drop(x) if (x > 0).all() else self.big(x)
x = self.small(x) + y
"""),
        ),
        Negative(
            name="a side breaks the graph itself",
            script=_script(
                """
y = self.big(x) if (x > 0).all() else self.small(x)
return y + self.small(x)
"""
            )
            .replace("self.big = torch.nn.Linear(4, 4)", "self.big = Known()")
            .replace("class Net", _BREAKS + "class Net"),
        ),
        Negative(
            name="the sides have different shapes",
            script=_script("""
y = self.big(x).sum() if (x > 0).all() else x * 2
x = self.small(x) + y
"""),
        ),
        Negative(
            name="the branch holds several statements",
            script=_script("""
if x.sum() > 0:
    x = self.big(x)
    self.seen = x.detach()
x = self.small(x)
"""),
        ),
    ),
)

"""`if test: return a`, with more behind it: everything is computed, and what is returned is selected."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import libcst as cst

from g2.rewrite.model import Edit, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._branches import asked, branch
from g2.rewrite.rules._choice import Notes, Refused
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._layout import call, width
from g2.rewrite.rules._returned import Flow, returned
from g2.rewrite.rules._selected import selected
from g2.rewrite.rules._truth import truth
from g2.rewrite.site import Site


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = branch(site)
    if not isinstance(found, cst.If):
        return
    block = site.piece.parent(found)
    if not isinstance(block, (cst.IndentedBlock, cst.Else)) or not _returns(found):
        return
    if any(isinstance(above, (cst.For, cst.While, cst.Try)) for above in site.piece.ancestors(found)):
        yield Left("it returns out of a loop or a `try`")
        return
    statements: Sequence[cst.BaseStatement] = [found]
    if isinstance(block, cst.IndentedBlock):
        body = list(block.body)
        place = [one is found for one in body].index(True)
        statements = body[place:]
        first = _first(body[:place], asked(site))
        if first < place:
            yield from _tried(site, body[first:])
    yield from _tried(site, statements)


def _first(before: list[cst.BaseStatement], kinds: Kinds) -> int:
    """Where the first of the early returns by a tensor stands, of those that follow each other."""
    for index, one in enumerate(before):
        if isinstance(one, cst.If) and _returns(one) and truth(one.test, kinds) is not None:
            return index
    return len(before)


def _tried(site: Site, statements: Sequence[cst.BaseStatement]) -> Iterator[Proposal | Left]:
    kinds = asked(site)
    notes = Notes()
    found = statements[0]
    try:
        flow = returned(statements, kinds, notes)
        text = _text(found, flow, kinds)
    except Refused as refusal:
        yield Left(str(refusal))
        return
    start, end = site.piece.bounds(found)[0], site.piece.bounds(statements[-1])[1]
    summary = "all is computed, and what is returned is selected by torch.where"
    yield selected(kinds, [Edit(start, end, text)], notes, summary, flow.tests)


def _returns(found: cst.If) -> bool:
    last = found.body.body[-1] if found.body.body else None
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    if isinstance(last, cst.If):
        return _returns(last)
    return isinstance(last, cst.Return)


def _text(found: cst.BaseStatement, flow: Flow, kinds: Kinds) -> str:
    piece = kinds.site.piece
    margin = piece.indent(found)
    texts = [value.text for value in flow.values]
    last = f"return {', '.join(texts)}"
    if len(margin) + len(last) > width(piece) and len(texts) == 1 and flow.split:
        last = call(f"return {kinds.names.torch}.where", list(flow.split), "", len(margin), width(piece))
    lines = [*flow.lines, *last.split("\n")]
    while lines and not lines[0].strip():
        lines = lines[1:]
    return "\n".join(margin + line if index and line.strip() else line for index, line in enumerate(lines))


def _script(body: str) -> str:
    text = textwrap.indent(body.strip("\n"), "    ")
    return f"""\
import torch

@torch.compile
def step(x, low, high):
    t = x.mean()
{text}

low, high = torch.tensor(1.0), torch.tensor(3.0)
for number in (1.0, 2.0, 3.0):
    x = torch.full((4,), number, requires_grad=True)
    y = step(x, low, high)
    print(y.detach())
    y.sum().backward()
    print(x.grad)
"""


RULE = Rule(
    title="early returns become torch.where",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="""
        The condition is one truth of a tensor. The code behind the return only gives values to names and returns one of
        the same dtype and shape, as far as the run and the text tell; computing it in vain does nothing else.
        """,
    safety=Safety.SAFE,
    propose=propose,
    rank=10,
    examples=(
        Example(
            name="one return, and another",
            before=_script("""
if t > 2:
    return x + 1
return x - 1
"""),
            after=_script("""
return torch.where(t > 2, x + 1, x - 1)
"""),
        ),
        Example(
            name="two early returns and singular code behind them",
            before=_script("""
if t == low:
    return x * 2  # at the lower end

# between the ends
if t == high:
    return x * 3
slope = x / (high - t)
return slope + 1
"""),
            after=_script("""
condition = t == low
# at the lower end

# between the ends
condition_2 = t == high
slope = x / torch.where(condition | condition_2, 1.0, high - t)
return torch.where(condition, x * 2, torch.where(condition_2, x * 3, slope + 1))
"""),
        ),
        Example(
            name="a chain of elif",
            before=_script("""
if t <= low:
    return x
elif t < high:
    half = x * 0.5
    return half + 1
else:
    return -x
"""),
            after=_script("""
half = x * 0.5
return torch.where(t <= low, x, torch.where(t < high, half + 1, -x))
"""),
        ),
    ),
    negatives=(
        Negative(
            name="the code behind changes a tensor in place",
            script=_script("""
if t > 2:
    return x + 1
low.add_(1)
return x - low
"""),
        ),
        Negative(
            name="one way returns another shape",
            script=_script("""
if t > 2:
    return t
return x - 1
"""),
        ),
        Negative(
            name="the code behind loops",
            script=_script("""
if t > 2:
    return x + 1
for _ in range(3):
    x = x * 2
return x
"""),
        ),
        Negative(
            name="the way that is taken calls a function of the script",
            script="import torch\n\ndef log(x):\n    seen.append(1)\n    return x\n\nseen = []\n"
            + _script("""
if t > 2:
    print("large")
    return x + 1
return log(x)
"""),
        ),
    ),
)

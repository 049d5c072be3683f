"""A branch that a drawn number decides: an operator draws the number as a tensor, and both ways are computed."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.capture.model import Value
from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._branches import branch
from g2.rewrite.rules._draws import Draw, drawn, operator
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._names import definition, nodes, scope
from g2.rewrite.rules._number_uses import Scalar, Uses
from g2.rewrite.rules._operator_body import NotTaken
from g2.rewrite.rules._then import then
from g2.rewrite.site import Site


def propose(site: Site) -> Iterator[Proposal | Left]:
    draws = _draws(site)
    if not draws:
        return
    if len(draws) > 1:
        yield Left("several numbers are drawn for one branch, the later ones only sometimes")
        return
    (draw,) = draws
    kinds = Known(site)
    uses = Uses(kinds, kinds.names.torch)
    try:
        call, text = operator(site, kinds, draw)
    except NotTaken as error:
        yield Left(str(error))
        return
    uses.parts[draw.call] = call
    why = uses.follow(draw.call, Scalar(draw.whole, draw.dtype))
    if why is not None:
        yield why
        return
    if not uses.tests:
        return  # draw-in-operator has it
    if any(isinstance(site.piece.parent(test), cst.Assert) for test in uses.tests):
        yield Left("an assert asks the number")
        return
    if not _always(site, draw.call):
        yield Left("the number is drawn only where another part of the condition lets it")
        return
    outer = [one for one in uses.parts if not any(above in uses.parts for above in site.piece.ancestors(one))]
    edits = tuple(sorted(site.piece.replace(one, uses.parts[one]) for one in outer))
    kept = Proposal(
        rule="",
        summary="an operator with an ordered effect draws the number from the same random stream, as a tensor",
        safety=Safety.SAFE,
        files=(FileEdits(site.source.path, edits, kinds.names.imports, (text,) if text else ()),),
    )
    made = f"{call.partition('(')[0]}()"
    yield from then(site, kept, uses.tests, {**uses.held, made: Value(made, "tensor", draw.dtype, ())})


def _draws(site: Site) -> list[Draw]:
    """The draws in the condition at the place, or in the statement there; those that a name there holds with them."""
    found = branch(site)
    asked: cst.CSTNode = found.test if found is not None else site.node
    if isinstance(asked, cst.BaseCompoundStatement):
        return []
    inside = [one for node in nodes(asked) if (one := drawn(site.source, node))]
    if inside:
        return inside
    around = scope(site.piece, asked)
    values = {node.value: definition(site.piece, around, node.value) for node in nodes(asked)
              if isinstance(node, cst.Name)}  # fmt: skip
    return [one for value in values.values() if value is not None and (one := drawn(site.source, value))]


def _always(site: Site, call: cst.Call) -> bool:
    """Whether the rewritten condition draws exactly when it did: nothing that may be a tensor comes before the draw
    in its condition, and nothing at all behind it.
    """
    child: cst.CSTNode = call
    for above in site.piece.ancestors(call):
        if isinstance(above, cst.BooleanOperation):
            if above.left is child:
                return False
            kinds = Known(site)
            if any(isinstance(one, cst.BaseExpression) and kinds.of(one).tensor for one in nodes(above.left)):
                return False
        elif isinstance(above, cst.BaseStatement):
            break
        child = above
    return True


_HEAD = """\
import random

import torch
"""

_OPERATOR = """

@torch.library.custom_op("example::draw_random", mutates_args=())
def _draw_random() -> torch.Tensor:
    return torch.tensor(random.random(), dtype=torch.float64)


_draw_random.register_fake(lambda: torch.empty((), dtype=torch.float64))
# torch.compile keeps an operator with an ordered effect at its place in the graph.
_draw_random.register_effect(torch.library.EffectType.ORDERED)
"""


def _script(body: str, operator: str = "") -> str:
    lines = "\n".join(f"        {line}" if line else "" for line in body.strip("\n").split("\n"))
    return f"""\
{_HEAD}{operator}

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 4)
        self.chance = 0.5

    def forward(self, x):
{lines}

random.seed(0)
torch.manual_seed(0)
net = Net()
for _ in range(4):
    print(net(torch.arange(8.0).view(2, 4)).detach(), random.random())
net.eval()(torch.ones(2, 4))
"""


RULE = Rule(
    title="a branch on a drawn number becomes one on a tensor",
    answers=("python-random", "numpy-random", "tensor-branch", "unusual-call"),
    legal="""
        One number is drawn with NumPy's or Python's random, its arguments are plain numbers, and every use of it is a
        comparison that decides a branch (or arithmetic with tensors); a rule must be there for the branch. An operator
        draws it from the same stream, exactly when it was drawn before; parts of a condition that Python decides stay
        Python's. Both ways are then computed.
        """,
    safety=Safety.SAFE,
    propose=propose,
    rank=24,
    examples=(
        Example(
            "an augmentation by chance, in training",
            _script("""
x = self.fc(x)
if self.training and random.random() < self.chance:
    x = x.flip(-1)  # mirrored
return x * 2
"""),
            _script(
                """
x = self.fc(x)
if self.training:
    x = torch.where(_draw_random() < self.chance, x.flip(-1), x)  # mirrored
return x * 2
""",
                _OPERATOR,
            ),
        ),
        Example(
            "the model's own output by chance",
            _script("""
y, steps = x, []
for t in range(2):
    y = torch.tanh(self.fc(y))
    steps.append(y)
    y = x if random.random() < 0.5 else y
return torch.stack(steps)
"""),
            _script(
                """
y, steps = x, []
for t in range(2):
    y = torch.tanh(self.fc(y))
    steps.append(y)
    y = torch.where(_draw_random() < 0.5, x, y)
return torch.stack(steps)
""",
                _OPERATOR,
            ),
        ),
    ),
    negatives=(
        Negative(
            "the draw is not made where the first part says no",
            _script("""
y = self.fc(x)
if y.sum() > 99 and random.random() < 0.5:
    y = y + 1
return y
"""),
        ),
        Negative(
            "a part of the condition stands behind the draw",
            _script("""
y = self.fc(x)
if random.random() < 0.5 and self.training:
    y = y + 1
return y
"""),
        ),
        Negative(
            "the draw would stand there twice, as a side is singular where it is not taken",
            _script("""
y = self.fc(x)
return x.sqrt() if self.training and random.random() < 0.5 else y
"""),
        ),
        Negative(
            "the number is also returned in the result",
            _script("""
chance = random.random()
if chance < 0.5:
    x = x + 1
return torch.stack([x, x * len(str(chance))])
"""),
        ),
        Negative(
            "the branch stops the loop",
            _script("""
for _ in range(3):
    x = self.fc(x)
    if random.random() < 0.5:
        break
return x
"""),
        ),
    ),
)

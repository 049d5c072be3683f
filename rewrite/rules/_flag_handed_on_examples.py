"""Examples of work on a selection in a function that is told whether anything is selected."""

from __future__ import annotations

from g2.rewrite.rule import Example, Negative

_WORK = """
rows = chosen.nonzero(as_tuple=True)
taken = self.wide(x)[rows[0]]
# in their places
out[rows[0]] = taken.view(len(rows[0]), -1)
"""


def _script(
    call: str = "self.mixer(x, chosen, some=some)",
    work: str = _WORK,
    other: str = "",
    last: str = "out",
    flag: str = "some = chosen.any().item()",
    option: str = "",
) -> str:
    rows = "\n".join(f"            {line}" for line in work.strip("\n").split("\n"))
    given = f"        {flag}\n" if flag else ""
    return f"""\
import torch
from torch import nn

torch._dynamo.config.capture_dynamic_output_shape_ops = True

class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.local = nn.Linear(4, 4)
        self.wide = nn.Linear(4, 4)

    def forward(self, x, chosen, some=None):
        out = self.local(x).flatten(1)
        if some:
{rows}
{other}        return {last}

class Net(nn.Module):
    def __init__(self, told=False):
        super().__init__()
        self.mixer = Mixer()
        self.told = told

    def forward(self, x):
        chosen = x.sum((1, 2)) > 0
{given}        return {call}

torch.manual_seed(0)
net = Net()
{option}net.compile(backend="aot_eager")
with torch.no_grad():
    for sign in (torch.ones(3), -torch.ones(3), torch.tensor([1.0, -1.0, 1.0])):
        print(net(sign[:, None, None] * torch.ones(3, 2, 4)))
"""


_FLAT = _WORK.replace("taken.view(len(rows[0]), -1)", "taken.flatten(1)")
_BOTH = "(self.mixer(x, chosen, some={}), some if self.told else None)"
_SET = "torch._dynamo.config.capture_scalar_outputs = True\n"
_LOOP = "[layer(x, chosen, some={}) for layer in (self.mixer, self.mixer)]"
_LOCAL = """\
        else:
            out = out * 1
"""

EXAMPLES = (
    Example(
        "a method that is told whether there is anything to do",
        _script(),
        _script("self.mixer(x, chosen, some=True)", _FLAT, flag=""),
    ),
    Example(
        "a loop over modules that are told",
        _script(_LOOP.format("some")),
        _script(_LOOP.format("True"), _FLAT, flag=""),
    ),
    Example(
        "numbers are in the graph already, and the method's question stops it",
        _script(_BOTH.format("some"), option=_SET),
        _script(_BOTH.format("True"), _FLAT, option=_SET),
    ),
    Example(
        "the flag is also kept for a caller who wants it",
        _script(_BOTH.format("some")),
        _script(_BOTH.format("True"), _FLAT, option=_SET),
    ),
)

NEGATIVES = (
    Negative("the method prints", _script(work=_WORK + 'print("some")')),
    Negative("the method returns", _script(work=_WORK + "return out * 2")),
    Negative("the method counts", _script(work=_WORK + "self.count = 1")),
    Negative("all are asked for", _script(flag="some = chosen.all().item()")),
    Negative("the flag is not handed on", _script("self.mixer(x, chosen) if some else x")),
    Negative("it is given by its place", _script("self.mixer(x, chosen, some)")),
    Negative("the flag gets another value", _script(flag="some = chosen.any().item()\n        some = not some")),
    Negative(
        "another name is made where nothing is selected",
        _script(work=_WORK, other=_LOCAL.replace("out = ", "last = "), last="out if some else last"),
    ),
)

"""Examples of procedure_in_operator."""

from __future__ import annotations

from g2.rewrite.rule import Example, Negative

_HEAD = """\
import torch
from torch import nn
{operator}

class Codes(nn.Module):
    def __init__(self, size=4, least=2.0):
        super().__init__()
        self.least = least
        self.register_buffer("codes", torch.zeros(size, 3))
        self.register_buffer("used", torch.zeros(size))
        self.register_buffer("ready", torch.tensor(False))

"""
_TAIL = """\

    def forward(self, x):
        self.{name}(x)
        return x - self.codes.mean(0)

torch.manual_seed(0)
codes = Codes()
for _ in range(3):
    x = torch.randn(6, 3, requires_grad=True)
    codes(x).sum().backward()
    print(codes.codes.sum(), codes.used, codes.ready, torch.rand(1))
"""
_ONCE = """\
    def start(self, x):
        \"\"\"Codes from the first batch.\"\"\"{entry}
        if self.ready:
            return
        chosen = torch.randperm(x.shape[0])[: self.codes.shape[0]]
        self.codes.data.copy_(x[chosen])
        self.ready.data.copy_(torch.tensor(True))
"""
_RENEWED = """\
    def fill(self, rows, mask, number):
        self.codes.data[mask] = rows[torch.randint(0, rows.shape[0], (number,))]
        self.used.data[mask] = self.least

    @torch.no_grad()
    def renew(self, x):{entry}
        self.used.mul_(0.5)
        rare = self.used < self.least
        if not rare.any():
            return
        self.fill(x, rare, rare.sum().item())
"""


def _once(operator: str = "", entry: str = "") -> str:
    return _HEAD.format(operator=operator) + _ONCE.format(entry=entry) + _TAIL.format(name="start")


_OPERATOR = """

@torch.library.custom_op("example::start", mutates_args=("ready", "codes"))
def _start(x: torch.Tensor, ready: torch.Tensor, codes: torch.Tensor) -> None:
    module = Codes.__new__(Codes)
    torch.nn.Module.__init__(module)
    module.ready = ready
    module.codes = codes
    module.start(x)
"""
_ENTRY = """
        if torch.compiler.is_compiling() and type(self) is Codes:
            return _start(x.detach(), self.ready.data, self.codes.data)"""

_RENEWING = """

@torch.library.custom_op("example::renew", mutates_args=("used", "codes"))
def _renew(
    x: torch.Tensor,
    used: torch.Tensor,
    least: float,
    codes: torch.Tensor,
) -> None:
    module = Codes.__new__(Codes)
    torch.nn.Module.__init__(module)
    module.used = used
    module.least = least
    module.codes = codes
    module.renew(x)
"""
_ENTERED = """
        if torch.compiler.is_compiling() and type(self) is Codes:
            return _renew(x.detach(), self.used, self.least, self.codes.data)"""


def _renewed(operator: str = "", entry: str = "") -> str:
    return _HEAD.format(operator=operator) + _RENEWED.format(entry=entry) + _TAIL.format(name="renew")


EXAMPLES = (
    Example("a table is made from the first batch", _once(), _once(_OPERATOR, _ENTRY)),
    Example("as many rows are drawn as are rare", _renewed(), _renewed(_RENEWING, _ENTERED)),
)

NEGATIVES = (
    Negative("an attribute gets another value", _renewed().replace("self.used.mul_(0.5)", "self.last = x")),
    Negative("its argument is written into", _renewed().replace("self.used.mul_(0.5)", "x.data.mul_(0.5)")),
    Negative("something is given back", _renewed().replace("            return\n", "            return rare\n")),
    Negative("gradients go into what it writes", _once().replace("codes.data.copy_(x", "codes.copy_(x")),
    Negative(
        "the module itself is handed on",
        _once()
        .replace("x[chosen]", "keep(self, x[chosen])")
        .replace("class Codes", "def keep(module, rows):\n    return rows\n\nclass Codes"),
    ),
    Negative(
        "a tensor of the module is handed to code that may write into it",
        _once()
        .replace("x[chosen]", "keep[0](self.codes, x[chosen])")
        .replace("class Codes", "keep = [lambda codes, rows: rows]\n\nclass Codes"),
    ),
    Negative("a class above has its own part", _renewed().replace("self.used.mul_(0.5)", "super().extra_repr()")),
)

"""Examples of loops over the positions that occur: mixtures of experts."""

from __future__ import annotations

from g2.rewrite.rule import Example, Negative


def _script(hit: str, body: str, more: str = "") -> str:
    top = "\n".join(f"        {line}" if line else "" for line in hit.strip("\n").split("\n"))
    rows = "\n".join(f"            {line}" if line else "" for line in body.strip("\n").split("\n"))
    return f"""\
import torch
from torch import nn

class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(4, 3)
        self.experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.register_buffer("bias", torch.ones(4))

    def forward(self, x):
        weights, chosen = torch.topk(self.gate(x).softmax(-1), 2)
        out = torch.zeros_like(x)
{top}
{rows}
        return out{more}

torch.manual_seed(0)
net = torch.compile(Experts())
print(net(torch.ones(6, 4)).sum().item())
"""


_MASK = "mask = nn.functional.one_hot(chosen, num_classes=3).permute(2, 1, 0)\n"

_WRITTEN = """
expert = self.experts[i]
asked = mask[i].any(dim=0)
# the rows that chose it
new = out + expert(x)
out = torch.where(asked[:, None], new, out)
"""

_ROWS = """
{}if i == 3:
    continue
asked = mask[i].any(dim=0)
out[asked] = self.bias
"""

EXAMPLES = (
    Example(
        "experts that some token chose, as numbers",
        _script(
            _MASK
            + "\nhit = (mask.sum(dim=(-1, -2)) > 0).nonzero(as_tuple=True)[0].tolist()\nfor i in hit:  # few of them",
            _WRITTEN,
        ),
        _script(_MASK + "\nfor i in range(mask.shape[0]):  # few of them", _WRITTEN),
    ),
    Example(
        "as rows of a tensor, found without gradients",
        _script(
            "with torch.no_grad():\n    "
            + _MASK
            + "    hit = torch.greater(mask.sum(dim=(-1, -2)), 0).nonzero()\n\nfor i in hit:",
            _ROWS.format("i = i[0]\n"),
        ),
        _script("with torch.no_grad():\n    " + _MASK + "\nfor i in range(mask.shape[0]):", _ROWS.format("")),
    ),
)

_HIT = _MASK + "for i in (mask.sum(dim=(-1, -2)) > 0).nonzero(as_tuple=True)[0].tolist():"

NEGATIVES = (
    Negative("the body counts", _script("used = 0\n" + _HIT, _WRITTEN + "used = used + 1\n", " * used")),
    Negative("the body writes without a selection", _script(_HIT, _WRITTEN + "out[0] += 1\n")),
    Negative(
        "a negative number and a positive one are no selection",
        _script(_HIT.replace(".permute(2, 1, 0)", ".permute(2, 1, 0) - 1"), _WRITTEN),
    ),
    Negative("the last one is used behind the loop", _script(_HIT, _WRITTEN, " * i")),
    Negative(
        "the positions are of some rows alone",
        _script(_HIT.replace("mask.sum(dim=(-1, -2))", "mask[:, 0].sum(dim=-1)"), _WRITTEN),
    ),
    Negative("random numbers are drawn", _script(_HIT, _WRITTEN.replace("expert(x)", "expert(x) * torch.rand(())"))),
)

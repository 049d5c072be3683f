"""Examples of work on a selection that is guarded by asking whether it is empty."""

from __future__ import annotations

from g2.rewrite.rule import Example, Negative


def _script(body: str, head: str = "") -> str:
    rows = "\n".join(f"            {line}" if line else "" for line in body.strip("\n").split("\n"))
    return f"""\
import torch
from torch import nn

{head}class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(4, 3)
        self.experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x):
        weights, chosen = torch.topk(self.gate(x).softmax(-1), 2)
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
{rows}
        return out

torch.manual_seed(0)
net = Experts()
net.compile(backend="aot_eager")
print(f"{{net(torch.ones(6, 4)).sum().item():.4f}}")
"""


_SET = "torch._dynamo.config.capture_dynamic_output_shape_ops = True\n"

_TAKEN = "token, slot = torch.where(chosen == i)\n"

EXAMPLES = (
    Example(
        "positions that may be none",
        _script(
            _TAKEN
            + """
if token.numel() > 0:  # somebody chose it
    rows = expert(x[token])

    # add
    out.index_add_(0, token, rows * weights[token, slot, None])
"""
        ),
        _script(
            _TAKEN
            + """
# somebody chose it
rows = expert(x[token])

# add
out.index_add_(0, token, rows * weights[token, slot, None])
"""
        ).replace("net.compile(", _SET + "net.compile("),
    ),
    Example(
        "the next one",
        _script(
            _TAKEN
            + """
if token.shape[0] == 0:
    continue
out[token] += weights[token, slot, None] * expert(x[token])
"""
        ),
        _script(
            _TAKEN
            + """
out[token] += weights[token, slot, None] * expert(x[token])
"""
        ).replace("net.compile(", _SET + "net.compile("),
    ),
    Example(
        "a mask",
        _script(
            """
asked = (chosen == i).any(dim=-1)
if asked.any():
    new = out + expert(x)
    out = torch.where(asked[:, None], new, out)
"""
        ),
        _script(
            """
asked = (chosen == i).any(dim=-1)
new = out + expert(x)
out = torch.where(asked[:, None], new, out)
"""
        ),
    ),
)

NEGATIVES = (
    Negative(
        "something is counted under the branch",
        _script(_TAKEN + "if token.numel() > 0:\n    out[token] += expert(x[token])\n    out = out + 1\n"),
    ),
    Negative(
        "another selection is written to",
        _script(_TAKEN + "other = chosen[:, 0] == 1\nif token.numel() > 0:\n    out[other] = 1.0\n"),
    ),
    Negative(
        "the rest of the loop is only run where nothing is selected",
        _script(_TAKEN + "if token.numel() > 0:\n    out[token] += 1\n    continue\nout = out + 1\n"),
    ),
    Negative("more than one is asked for", _script(_TAKEN + "if token.numel() > 1:\n    out[token] += 1\n")),
    Negative(
        "the other way does something",
        _script(_TAKEN + "if token.numel() > 0:\n    out[token] += 1\nelse:\n    out = out + 1\n"),
    ),
    Negative(
        "the mean of nothing leaves the branch",
        _script(_TAKEN + "mean = x.sum()\nif token.numel() > 0:\n    mean = x[token].mean()\nout = out + mean\n"),
    ),
)

"""A branch on a tensor that only sends a message: the operator that sends it asks the condition."""

from __future__ import annotations

from g2.rewrite.model import Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._message_call import reported

_HEAD = """\
import logging
import sys

import torch
"""
_REST = """\
logger = logging.getLogger(__name__)
logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(2, 2)
        self.seen = []

    def forward(self, x):
"""
_CALLS = """\

torch.manual_seed(0)
net = Net()
with torch.no_grad():
    for scale in (1.0, 40.0, -40.0):
        print(net(scale * torch.ones(3, 2)))
"""


def _script(body: str, operator: str = "") -> str:
    lines = "\n".join(f"        {line}" if line else "" for line in body.strip("\n").split("\n"))
    return f"{_HEAD}{operator}\n{_REST}{lines}\n\n{_CALLS}"


RULE = Rule(
    title="a message that a tensor decides goes into an operator with its condition",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="""
        The branch has no other way and does nothing but to print, log or warn; its condition is the truth of one
        tensor. What the message shows is handed to an operator, as in message-in-operator, and the condition with it.
        torch.library's ORDERED effect keeps it in the graph, once a call and in its order.
        """,
    safety=Safety.SAFE,
    propose=reported,
    rank=6,
    examples=(
        Example(
            "great values are logged",
            _script("""
y = self.fc(x)
if y.max() > 9:  # may overflow
    logger.warning("values up to %s", y.max().item())
return y * 2
"""),
            _script(
                """
y = self.fc(x)
# may overflow
_log_warning_values(y.max() > 9, y.max())
return y * 2
""",
                """

@torch.library.custom_op("example::log_warning_values", mutates_args=())
def _log_warning_values(condition: torch.Tensor, value: torch.Tensor) -> None:
    if condition:
        logger.warning("values up to %s", value.item())


_log_warning_values.register_fake(lambda condition, value: None)
# torch.compile keeps an operator with an ordered effect at its place in the graph.
_log_warning_values.register_effect(torch.library.EffectType.ORDERED)
""",
            ),
        ),
        Example(
            "one text is printed",
            _script("""
y = self.fc(x)
if not torch.isfinite(y).all() or (y > 9).any():
    print("too much")
return y
"""),
            _script(
                """
y = self.fc(x)
_print_too_much(~torch.isfinite(y).all() | (y > 9).any())
return y
""",
                """

@torch.library.custom_op("example::print_too_much", mutates_args=())
def _print_too_much(condition: torch.Tensor) -> None:
    if condition:
        print("too much")


_print_too_much.register_fake(lambda condition: None)
# torch.compile keeps an operator with an ordered effect at its place in the graph.
_print_too_much.register_effect(torch.library.EffectType.ORDERED)
""",
            ),
        ),
    ),
    negatives=(
        Negative(
            "the branch does more than to report",
            _script("""
y = self.fc(x)
if y.max() > 9:
    print("too much")
    y = y / 2
return y
"""),
        ),
        Negative(
            "there is another way",
            _script("""
y = self.fc(x)
if y.max() > 9:
    print("too much")
else:
    y = y + 1
return y
"""),
        ),
        Negative(
            "what is shown is an object of the script's own",
            _script("""
y = self.fc(x)
if y.max() > 9:
    print("too much for", self.seen)
return y
"""),
        ),
        Negative(
            "what is called may do anything",
            _script("""
y = self.fc(x)
if y.max() > 9:
    self.seen.append(1)
return y
"""),
        ),
    ),
)

"""A print, a log record or a warning becomes an operator with an ordered effect, which the graph keeps in its place."""

from __future__ import annotations

from g2.rewrite.model import Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._message_call import proposals

RULE = Rule(
    title="a message becomes an operator with an ordered effect",
    answers=("print-call", "logging-call", "warning-call", "tensor-as-text", "host-value", "clock-read"),
    legal="The message is a statement of its own, what it calls is known at the top of the file, and every value that "
    "it shows is a tensor, a number, a bool, a text, a shape, a dtype or a device, as the run saw it. Such values are "
    "handed to an operator, whose body is the message as it was. torch.library's ORDERED effect keeps it in the graph, "
    "once a call and in its order, under Dynamo, AOTAutograd and Inductor.",
    safety=Safety.SAFE,
    propose=proposals,
    examples=(
        Example(
            "a print of a tensor and a number",
            """import torch


@torch.compile
def step(x, rate=0.5):
    y = x * rate
    print("mean", y.mean(), "at rate", rate)  # as we go
    return y + 1


step(torch.ones(4))
step(torch.zeros(4))
""",
            """import torch


@torch.library.custom_op("example::print_mean", mutates_args=())
def _print_mean(mean: torch.Tensor, rate: float) -> None:
    print("mean", mean, "at rate", rate)


_print_mean.register_fake(lambda mean, rate: None)
# torch.compile keeps an operator with an ordered effect at its place in the graph.
_print_mean.register_effect(torch.library.EffectType.ORDERED)


@torch.compile
def step(x, rate=0.5):
    y = x * rate
    _print_mean(y.mean(), rate)  # as we go
    return y + 1


step(torch.ones(4))
step(torch.zeros(4))
""",
        ),
        Example(
            "logging one text, with the level of the call",
            """import logging
import sys

import torch

logger = logging.getLogger(__name__)
logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)


class Net(torch.nn.Module):
    def forward(self, x):
        if not self.training:
            logger.warning(
                "the module is not in training mode, "
                "its dropout does nothing"
            )
        return x * 2


net = Net().eval()
net(torch.ones(2))
net(torch.ones(2))
""",
            """import logging
import sys

import torch


@torch.library.custom_op("example::log_warning", mutates_args=())
def _log_warning(message: str) -> None:
    logger.warning(message)


_log_warning.register_fake(lambda message: None)
# torch.compile keeps an operator with an ordered effect at its place in the graph.
_log_warning.register_effect(torch.library.EffectType.ORDERED)

logger = logging.getLogger(__name__)
logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)


class Net(torch.nn.Module):
    def forward(self, x):
        if not self.training:
            _log_warning(
                "the module is not in training mode, "
                "its dropout does nothing"
            )
        return x * 2


net = Net().eval()
net(torch.ones(2))
net(torch.ones(2))
""",
        ),
        Example(
            "the number of a tensor goes into the text",
            """import sys

import torch as th


@th.compile
def step(x):
    loss = (x * x).sum()
    print(f"loss {loss.item():.3f} of {len(x)} rows, {x.dtype}", file=sys.stdout)
    return loss * 2


step(th.ones(4))
step(th.zeros(5))
""",
            """import sys

import torch as th


@th.library.custom_op("example::print_loss", mutates_args=())
def _print_loss(loss: th.Tensor, length: int, dtype: th.dtype) -> None:
    print(f"loss {loss.item():.3f} of {length} rows, {dtype}", file=sys.stdout)


_print_loss.register_fake(lambda loss, length, dtype: None)
# torch.compile keeps an operator with an ordered effect at its place in the graph.
_print_loss.register_effect(th.library.EffectType.ORDERED)


@th.compile
def step(x):
    loss = (x * x).sum()
    _print_loss(loss, len(x), x.dtype)
    return loss * 2


step(th.ones(4))
step(th.zeros(5))
""",
        ),
        Example(
            "a warning",
            """import warnings

import torch


@torch.compile
def step(x):
    y = x * 2
    warnings.warn("the slow path is used")
    return y + 1


print(step(torch.ones(4)))
print(step(torch.ones(4)))
""",
            """import warnings

import torch


@torch.library.custom_op("example::warn_the_slow", mutates_args=())
def _warn_the_slow() -> None:
    warnings.warn("the slow path is used")


_warn_the_slow.register_fake(lambda: None)
# torch.compile keeps an operator with an ordered effect at its place in the graph.
_warn_the_slow.register_effect(torch.library.EffectType.ORDERED)


@torch.compile
def step(x):
    y = x * 2
    _warn_the_slow()
    return y + 1


print(step(torch.ones(4)))
print(step(torch.ones(4)))
""",
        ),
    ),
    negatives=(
        Negative(
            "an object that no operator takes",
            """import torch


class Config:
    rate = 2


@torch.compile
def step(x, config):
    y = x * 2
    print(config.__class__, y.mean(), config)
    return y + 1


step(torch.ones(4), Config())
""",
        ),
        Negative(
            "a stream that is a local name",
            """import sys

import torch


@torch.compile
def step(x):
    out = sys.stdout
    y = x * 2
    print(y.mean(), file=out)
    return y + 1


step(torch.ones(4))
""",
        ),
        Negative(
            "the exception being handled is logged",
            """import logging

import torch

logger = logging.getLogger("training")


@torch.compile
def step(x):
    try:
        y = x * 2
        raise ValueError("no")
    except ValueError:
        logger.exception("failed")
    return x + 1


step(torch.ones(4))
""",
        ),
        Negative(
            "a global that changes in the region",
            """import torch

calls = 0


@torch.compile
def step(x):
    global calls
    calls = [calls[0] + 1] if calls else [1]
    y = x * 2
    print("call", calls)
    return y + 1


step(torch.ones(4))
""",
        ),
    ),
    rank=20,
)

"""Integers that are attributes of a module become inputs of the graph instead of constants."""

from __future__ import annotations

from collections.abc import Iterator

from g2.capture.model import Guard
from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._options_together import setting
from g2.rewrite.site import Site


def _propose(site: Site) -> Iterator[Proposal | Left]:
    guards = site.recompile.guards if site.recompile else ()
    if not any(_is_whole_attribute(guard) for guard in guards):
        yield Left("what changed is no integer attribute")
        return
    yield from setting(site, allow_unspec_int_on_nn_module=True)


def _is_whole_attribute(guard: Guard) -> bool:
    return guard.kind == "value" and "." in guard.source and all(
        value.lstrip("-").isdigit() for value in (guard.old, guard.new)
    )


RULE = Rule(
    title="integers of modules become inputs of the graph",
    answers=("changing-number", "recompile-limit"),
    legal="""
        Always: the option changes what Dynamo takes for a constant and not what the program computes. It works for
        integers of an nn.Module, after the second value; where an `if` on the number changes its answer Dynamo still
        compiles again. The trial run has to show a recompile less.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=60,
    examples=(
        Example(
            "a counter",
            """
            import torch

            class Net(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.step = 1

                def forward(self, x):
                    self.step += 1
                    return x * self.step

            net = torch.compile(Net(), dynamic=True)
            for _ in range(4):
                print(net(torch.ones(3)))
            """,
            """
            import torch

            class Net(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.step = 1

                def forward(self, x):
                    self.step += 1
                    return x * self.step

            torch._dynamo.config.allow_unspec_int_on_nn_module = True
            net = torch.compile(Net(), dynamic=True)
            for _ in range(4):
                print(net(torch.ones(3)))
            """,
        ),
        Example(
            "an epoch that is set from outside",
            """
            import torch

            torch._dynamo.config.assume_static_by_default = False

            class Net(torch.nn.Module):
                epoch = 0

                def forward(self, x):
                    return x / (self.epoch + 1)

            net = Net()
            for epoch in range(2, 6):
                net.epoch = epoch
                print(net(torch.ones(3)))
            """,
            """
            import torch

            torch._dynamo.config.allow_unspec_int_on_nn_module = True
            torch._dynamo.config.assume_static_by_default = False

            class Net(torch.nn.Module):
                epoch = 0

                def forward(self, x):
                    return x / (self.epoch + 1)

            net = Net()
            for epoch in range(2, 6):
                net.epoch = epoch
                print(net(torch.ones(3)))
            """,
        ),
    ),
    negatives=(
        Negative(
            "the number is an argument",
            """
            import torch

            @torch.compile
            def step(x, k):
                return x * k

            for k in (2, 3, 4):
                print(step(torch.ones(3), k))
            """,
        ),
        Negative(
            "the attribute is no integer",
            """
            import torch

            class Net(torch.nn.Module):
                rate = 0.5

                def forward(self, x):
                    return x * self.rate

            net = torch.compile(Net())
            for rate in (0.5, 0.25):
                net.rate = rate
                print(net(torch.ones(3)))
            """,
        ),
        Negative(
            "the script chose the option itself",
            """
            import torch

            class Net(torch.nn.Module):
                step = 2

                def forward(self, x):
                    return x * self.step

            torch._dynamo.config.allow_unspec_int_on_nn_module = False
            net = torch.compile(Net())
            for step in (2, 3):
                net.step = step
                print(net(torch.ones(3)))
            """,
        ),
        Negative(
            "a global number is not of a module",
            """
            import torch

            count = 2

            @torch.compile
            def step(x):
                return x * count

            for count in (2, 3):
                print(step(torch.ones(3)))
            """,
        ),
    ),
)

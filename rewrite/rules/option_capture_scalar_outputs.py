"""`.item()` and its like stay in the graph as unknown numbers."""

from __future__ import annotations

from collections.abc import Iterator

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._decisions import decides
from g2.rewrite.rules._options_together import setting
from g2.rewrite.site import Site

_UNKNOWN = (
    "Where the number is a size, the compiled code works with a size that it does not know; a backend that needs it "
    "raises when it compiles."
)


def _propose(site: Site) -> Iterator[Proposal | Left]:
    if site.target.reason == "host-value" and (why := decides(site)):
        yield Left(why)
        return
    caveat = _UNKNOWN if site.target.reason == "size-from-data" else ""
    alone = tuple(setting(site, caveat, capture_scalar_outputs=True))
    yield from alone
    if any(isinstance(said, Proposal) for said in alone):
        yield from setting(site, _UNKNOWN, capture_scalar_outputs=True, capture_dynamic_output_shape_ops=True)


RULE = Rule(
    title="numbers read from tensors stay in the graph",
    answers=("host-value", "size-from-data"),
    legal="""
        Always: the option changes what Dynamo captures and not what the program computes. Where Python decides
        something with the number, or a size depends on it, Dynamo stops at that place instead: the trial run sees that,
        and the option is then not offered.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=80,
    examples=(
        Example(
            "a decorated function",
            """
            import torch

            @torch.compile
            def step(x):
                scale = x.max().item()
                return x * 2 / scale

            print(step(torch.ones(4)))
            """,
            """
            import torch

            @torch._dynamo.config.patch(capture_scalar_outputs=True)
            @torch.compile
            def step(x):
                scale = x.max().item()
                return x * 2 / scale

            print(step(torch.ones(4)))
            """,
        ),
        Example(
            "a module stays a module",
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, x):
                    return x / x.max().item()

            net = torch.compile(Net())
            print(net(torch.ones(4)))
            """,
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, x):
                    return x / x.max().item()

            torch._dynamo.config.capture_scalar_outputs = True
            net = torch.compile(Net())
            print(net(torch.ones(4)))
            """,
        ),
        Example(
            "the script compiles nothing itself",
            """
            import torch
            from torch import nn

            class Net(nn.Module):
                def forward(self, x):
                    return x / x.max().item()

            print(Net()(torch.ones(4)))
            """,
            """
            import torch
            from torch import nn

            torch._dynamo.config.capture_scalar_outputs = True

            class Net(nn.Module):
                def forward(self, x):
                    return x / x.max().item()

            print(Net()(torch.ones(4)))
            """,
        ),
    ),
    negatives=(
        Negative(
            "an if on the number only moves the break",
            """
            import torch

            @torch.compile
            def step(x):
                scale = x.max().item()
                if scale > 3:
                    return x * 2
                return x / scale

            print(step(torch.ones(4)))
            """,
        ),
        Negative(
            "the script chose the option itself",
            """
            import torch

            torch._dynamo.config.capture_scalar_outputs = False

            @torch.compile
            def step(x):
                return x / x.max().item()

            print(step(torch.ones(4)))
            """,
        ),
        Negative(
            "the number goes into a text",
            """
            import torch

            @torch.compile
            def step(x):
                return x * 2, f"{x.max().item():.3f}"

            print(step(torch.ones(4)))
            """,
        ),
        Negative(
            "a list is indexed with the number",
            """
            import torch

            @torch.compile
            def step(x):
                return x * [1.0, 2.0][int(x.max().item())]

            print(step(torch.ones(4)))
            """,
        ),
    ),
)

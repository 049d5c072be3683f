"""torch.autograd.grad inside a compiled function is captured."""

from __future__ import annotations

from collections.abc import Iterator

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._options_together import setting
from g2.rewrite.site import Site

_CAVEAT = (
    "Dynamo takes torch.autograd.grad into a graph only since torch 2.11; how a backend differentiates such a graph "
    "again was tried with the recorded calls alone."
)


def _propose(site: Site) -> Iterator[Proposal | Left]:
    yield from setting(site, _CAVEAT, trace_autograd_ops=True)


RULE = Rule(
    title="gradients taken in the region are captured",
    answers=("gradient-in-region",),
    legal="""
        Always: the option changes what Dynamo captures and not what the program computes. It exists in torch 2.11 to
        2.15. Where the tensors were made outside of the region Dynamo still stops, and the option is then not offered.
        """,
    safety=Safety.ASK,
    propose=_propose,
    rank=84,
    examples=(
        Example(
            "a force",
            """
            import torch

            @torch.compile
            def force(x):
                y = (x * x).sum()
                (slope,) = torch.autograd.grad(y, x)
                return -slope

            print(force(torch.ones(3, requires_grad=True)))
            """,
            """
            import torch

            @torch._dynamo.config.patch(trace_autograd_ops=True)
            @torch.compile
            def force(x):
                y = (x * x).sum()
                (slope,) = torch.autograd.grad(y, x)
                return -slope

            print(force(torch.ones(3, requires_grad=True)))
            """,
        ),
        Example(
            "a module that the script does not compile",
            """
            import torch

            class Energy(torch.nn.Module):
                def forward(self, x):
                    energy = (x * x * x).sum()
                    return torch.autograd.grad(energy, x)[0]

            print(Energy()(torch.ones(3, requires_grad=True)))
            """,
            """
            import torch

            torch._dynamo.config.trace_autograd_ops = True

            class Energy(torch.nn.Module):
                def forward(self, x):
                    energy = (x * x * x).sum()
                    return torch.autograd.grad(energy, x)[0]

            print(Energy()(torch.ones(3, requires_grad=True)))
            """,
        ),
    ),
    negatives=(
        Negative(
            "the script chose the option itself",
            """
            import torch

            torch._dynamo.config.trace_autograd_ops = False

            @torch.compile
            def force(x):
                return -torch.autograd.grad((x * x).sum(), x)[0]

            print(force(torch.ones(3, requires_grad=True)))
            """,
        ),
        Negative(
            "the option is set to another value around the call",
            """
            import torch

            @torch._dynamo.config.patch(trace_autograd_ops=False)
            @torch.compile
            def force(x):
                return -torch.autograd.grad((x * x).sum(), x)[0]

            print(force(torch.ones(3, requires_grad=True)))
            """,
        ),
        Negative(
            "torch.func.grad is captured anyway",
            """
            import torch

            @torch.compile
            def force(x):
                return -torch.func.grad(lambda x: (x * x).sum())(x)

            print(force(torch.ones(3)))
            """,
        ),
        Negative(
            "the gradient is taken outside of what is compiled",
            """
            import torch

            @torch.compile
            def energy(x):
                return (x * x).sum()

            x = torch.ones(3, requires_grad=True)
            print(torch.autograd.grad(energy(x), x))
            """,
        ),
    ),
)

"""`x[mask]`, `nonzero`, `unique` and their like stay in the graph, with sizes that it does not know."""

from __future__ import annotations

from collections.abc import Iterator

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._decisions import decides
from g2.rewrite.rules._options_together import setting
from g2.rewrite.site import Site

_CAVEAT = (
    "The compiled code works with a size that it does not know; a backend that needs it raises when it compiles."
)


def _propose(site: Site) -> Iterator[Proposal | Left]:
    if why := decides(site, sizes=True):
        yield Left(why)
        return
    alone = tuple(setting(site, _CAVEAT, capture_dynamic_output_shape_ops=True))
    yield from alone
    if any(isinstance(said, Proposal) for said in alone):
        yield from setting(site, _CAVEAT, capture_dynamic_output_shape_ops=True, capture_scalar_outputs=True)


RULE = Rule(
    title="results whose size depends on the data stay in the graph",
    answers=("data-dependent-shape",),
    legal="""
        Always: the option changes what Dynamo captures and not what the program computes. Where Python or an operator
        has to decide something with the unknown size, Dynamo stops at that place instead: the trial run sees that, and
        the option is then not offered. With capture_scalar_outputs only where it is not enough alone.
        """,
    safety=Safety.ASK,
    propose=_propose,
    rank=82,
    examples=(
        Example(
            "a mask picks values",
            """
            import torch

            @torch.compile
            def total(x):
                y = x * 2
                return y[y > 0].sum()

            print(total(torch.ones(4)))
            """,
            """
            import torch

            @torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True)
            @torch.compile
            def total(x):
                y = x * 2
                return y[y > 0].sum()

            print(total(torch.ones(4)))
            """,
        ),
        Example(
            "a function compiled by a call",
            """
            import torch

            def places(x):
                return x.nonzero() * 2

            compiled = torch.compile(places)
            print(compiled(torch.ones(4)))
            """,
            """
            import torch

            def places(x):
                return x.nonzero() * 2

            compiled = torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True)(torch.compile(places))
            print(compiled(torch.ones(4)))
            """,
        ),
    ),
    negatives=(
        Negative(
            "Python decides with the size",
            """
            import torch

            @torch.compile
            def total(x):
                y = x[x > 0]
                if y.shape[0] > 2:
                    return y.sum()
                return x.sum()

            print(total(torch.ones(4)))
            """,
        ),
        Negative(
            "rows are taken in a Python loop",
            """
            import torch

            @torch.compile
            def total(x):
                out = 0
                for i in x.nonzero():
                    out = out + i.sum()
                return out

            print(total(torch.ones(4)))
            """,
        ),
        Negative(
            "the script chose the option itself",
            """
            import torch

            torch._dynamo.config.capture_dynamic_output_shape_ops = False

            @torch.compile
            def total(x):
                return x[x > 0].sum()

            print(total(torch.ones(4)))
            """,
        ),
        Negative(
            "the option is set to another value around the call",
            """
            import torch

            @torch._dynamo.config.patch(capture_dynamic_output_shape_ops=False)
            @torch.compile
            def total(x):
                return x[x > 0].sum()

            print(total(torch.ones(4)))
            """,
        ),
    ),
)

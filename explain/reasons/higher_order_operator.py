"""torch.cond, while_loop, scan, map, checkpoint: an operator that takes a function."""

import re

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason

_SHORT = re.compile(r"higher order operator doesn't work unless it is captured completely", re.IGNORECASE)


def _claims(evidence: Evidence) -> bool:
    return _SHORT.search(f"{evidence.title} {evidence.context}") is not None


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a function inside torch.cond or its like breaks the rules: {source}" if source else ""


REASON = Reason(
    title="a function given to torch.cond or its like breaks the rules",
    happened="""
        An operator that takes a function (`torch.cond`, `while_loop`, `scan`, `map`, `vmap`-like
        operators, gradient checkpointing) got one it can't take in: it returns its own input, the
        branches return different shapes or dtypes, it changes something outside, or it holds a
        graph break of its own.
        """,
    why="""
        The function goes into the graph as a graph of its own. So it must be pure: tensors in,
        new tensors out, the same form on every way, and no break inside. Here a break is no way
        out, so most of these cases are errors.
        """,
    instead="""
        Return new tensors of one shape and dtype from all branches:

            torch.cond(p, lambda x: x.clone(), lambda x: x + 1, (x,))          # not lambda x: x

        Change lists, attributes and inputs outside, with what was returned. Or select with
        `torch.where`.
        """,
    cost="""
        For `torch.cond` and its like the program stops with an error. A checkpointed block with a
        break inside runs uncompiled.
        """,
    kinds=(
        "GB0017",
        "GB0040",
        "GB0041",
        "GB0042",
        "GB0067",
        "GB0073",
        "GB0074",
        "GB1177",
        "GB4413",
        "GB0301",
        "GB0302",
        "GB0305",
        "GB0306",
        "GB0307",
        "GB0314",
        "GB0329",
        "GB0330",
        "GB0331",
        "GB0332",
        "GB0333",
        "GB0334",
        "GB0335",
        "GB0336",
        "GB0338",
        "GB0344",
        "GB0349",
        "GB0351",
        "GB0353",
        "GB0356",
        "GB7935",
        "GB0327",
        "GB6017",
    ),
    names=(
        "torch.cond",
        "torch.while_loop",
        "torch.scan",
        "torch.map",
        "torch.switch",
        "torch.associative_scan",
        "higher order",
        "higherorder",
        "hop",
        "flex_gemm",
        "checkpoint",
    ),
    claims=_claims,
    before=("dynamo-error",),
    headline=_headline,
    steps=(
        "Return new tensors of one shape and dtype from every branch (`x.clone()`, not `x`), and "
        "change nothing outside.",
    ),
    example=Example(
        bad="""
            import torch
            from torch.utils.checkpoint import checkpoint

            seen = []

            def block(x):
                seen.append(x.shape)
                return x * 2

            @torch.compile
            def step(x):
                return checkpoint(block, x + 1, use_reentrant=False) + 1

            step(torch.ones(3, requires_grad=True))
            """,
        good="""
            import torch
            from torch.utils.checkpoint import checkpoint

            def block(x):
                return x * 2

            @torch.compile
            def step(x):
                return checkpoint(block, x + 1, use_reentrant=False) + 1

            step(torch.ones(3, requires_grad=True))
            """,
    ),
    see_also=("tensor-branch", "function-transform"),
)

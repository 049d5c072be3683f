"""A decision needs a size or a number that is only known when the graph runs (an unbacked symbol)."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason


def _claims(evidence: Evidence) -> bool:
    if evidence.kind == "GB0170":
        return "SymNodeVariable" in evidence.context
    return "data-dependent" in evidence.title.lower() and evidence.kind is None


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source)
    return f"a decision needs a number known only when the graph runs: {source}" if source else ""


REASON = Reason(
    title="a decision needs a number known only when the graph runs",
    happened="""
        A number that came out of a tensor (or a size that depends on one) is kept in the graph as
        an unknown. Then Python had to decide something with it: an `if`, a `range`, a comparison
        of two sizes.
        """,
    why="""
        With `capture_scalar_outputs` or `capture_dynamic_output_shape_ops` switched on, Dynamo
        carries such a number through arithmetic without knowing it. It still can't choose a
        branch with it.
        """,
    instead="""
        Say what you know about the number before it is used. Then the question has an answer:

            n = t.item()
            torch._check(n <= x.shape[0])

        Or decide in tensors:

            y = torch.where(t > 2, x + 1, x)
        """,
    cost="""
        The graph ends at the decision, as if the number had been read in Python there; the
        options have only moved the break.
        """,
    kinds=("GB0018", "GB0360", "GB9211", "GB9352", "GB0214", "GB0002"),
    names=("data-dependent",),
    claims=_claims,
    before=("tensor-branch", "dynamo-error"),
    headline=_headline,
    steps=(
        "Say what you know of the number before it is used: `torch._check(n <= x.shape[0])`.",
        "Or decide in tensors: `torch.where(t > 2, a, b)` with the tensor the number came from.",
    ),
    outside=(
        "Switch the capture options of `torch._dynamo.config` off again for this program: here "
        "they only move the break.",
    ),
    example=Example(
        bad="""
            import torch

            torch._dynamo.config.capture_scalar_outputs = True

            @torch.compile
            def step(x):
                n = x.sum().item()
                if n > 2:
                    return x + n
                return x - n

            step(torch.ones(4))
            """,
        good="""
            import torch

            torch._dynamo.config.capture_scalar_outputs = True

            @torch.compile
            def step(x):
                n = x.sum()
                return torch.where(n > 2, x + n, x - n)

            step(torch.ones(4))
            """,
    ),
    see_also=("tensor-branch", "host-value", "data-dependent-shape"),
)

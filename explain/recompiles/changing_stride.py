"""A tensor with another memory layout came."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind == "stride"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"{guard.source} lies otherwise in memory (a transpose, a slice, a view of a larger tensor). "
        f"Give it one layout before the call: {guard.source}.contiguous().",
    )


REASON = RecompileReason(
    title="a tensor with another memory layout",
    happened="""
        A tensor of the same shape came with other strides: transposed, sliced out of a larger one, or expanded.
        """,
    why="""
        Strides are compiled as constants, because they decide how the memory is read.
        """,
    instead="""
        Give it one layout before the call:

            y = step(x.contiguous())
        """,
    cost="One more compilation, after which Dynamo makes the strides dynamic where it can.",
    claims=_claims,
    advise=_advise,
    rank=26,
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            f(torch.ones(4, 4))
            f(torch.ones(4, 4).t())
            """,
        good="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            f(torch.ones(4, 4).contiguous())
            f(torch.ones(4, 4).t().contiguous())
            """,
    ),
)

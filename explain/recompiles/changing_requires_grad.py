"""A tensor with requires_grad on came where it was off, or the other way round."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind == "requires_grad"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"{guard.source}.requires_grad was {guard.old} and is {guard.new}. Pass "
        f"{guard.source}.detach() when its gradient is not needed; when the first step of a loop "
        "differs from the others, "
        "one compilation more is normal.",
    )


REASON = RecompileReason(
    title="requires_grad changed",
    happened="""
        A tensor came with `requires_grad` on where it was off at the time of compiling, or the other way round.
        """,
    why="""
        Whether gradients are needed decides whether a backward graph is made.
        """,
    instead="""
        Pass the tensor without its history where no gradient is needed:

            y = step(x.detach())
        """,
    cost="One compilation for each of the two.",
    claims=_claims,
    advise=_advise,
    rank=28,
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            for grad in (True, False):
                f(torch.ones(3, requires_grad=grad))
            """,
        good="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            for grad in (True, False):
                f(torch.ones(3, requires_grad=grad).detach())
            """,
    ),
)

"""Two inputs are one object now and were not, or the other way round."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind == "aliasing"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"{guard.source}: {guard.old} when compiled, {guard.new} now. Pass a copy (x.clone()) where "
        "the same tensor is passed twice, or pass it once and let the function use it twice.",
    )


REASON = RecompileReason(
    title="two inputs became one, or one became two",
    happened="""
        The same tensor was passed in two places and was not at the time of compiling, or the other way round.
        """,
    why="""
        When two inputs share memory, a change in place of one is seen in the other; the compiled code has to know.
        """,
    instead="""
        Pass different tensors at every call:

            y = step(x, x.clone())
        """,
    cost="One compilation for each combination.",
    claims=_claims,
    advise=_advise,
    rank=34,
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x, y):
                return x + y

            x = torch.ones(3)
            f(x, torch.ones(3))
            f(x, x)
            """,
        good="""
            import torch

            @torch.compile
            def f(x, y):
                return x + y

            x = torch.ones(3)
            f(x, torch.ones(3))
            f(x, x.clone())
            """,
    ),
)

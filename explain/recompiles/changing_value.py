"""A Python value that is no number changed: a string, an enum member, a dtype, a tuple."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind == "value"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"Code for each value of {guard.source} is normal as long as there are only a few; the limit "
        "is 8. When it takes many values, keep it out of the compiled "
        "function: choose by it before the call, and pass what the choice gave (a tensor, a function).",
    )


REASON = RecompileReason(
    title="a Python value changed",
    happened="""
        A string, an enum member, a dtype or another constant that the compiled function reads has
        another value than at the time of compiling.
        """,
    why="""
        Python constants are a part of the compiled code: what it does may depend on them in any way.
        """,
    instead="""
        Decide by the value outside the compiled function:

            scale = scales[mode]
            y = step(x, scale)
        """,
    cost="A compilation for each value, up to the recompile limit.",
    claims=_claims,
    advise=_advise,
    rank=32,
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x, mode):
                return x * 2 if mode == "double" else x

            for mode in ("double", "same", "none"):
                f(torch.ones(3), mode)
            """,
        good="""
            import torch

            @torch.compile
            def f(x, scale):
                return x * scale

            for mode in (2.0, 1.0, 0.5):
                f(torch.ones(3), torch.tensor(mode))
            """,
    ),
)

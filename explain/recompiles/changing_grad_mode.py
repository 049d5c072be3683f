"""Gradients were switched on or off."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind == "grad-mode"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"{guard.source} was {guard.old} and is {guard.new}. Training and evaluation with two "
        "compilations are normal; for one, call the function always inside (or always outside) torch.no_grad().",
    )


REASON = RecompileReason(
    title="gradients were switched on or off",
    happened="""
        The function was called inside `torch.no_grad()` or `torch.inference_mode()` and compiled
        outside of it, or the other way round.
        """,
    why="""
        With gradients the graph has a backward part, without it has none: they are two programs.
        """,
    instead="""
        Call it in one way; a warm-up call outside no_grad costs a compilation of its own:

            with torch.no_grad():
                for batch in batches:
                    step(batch)
        """,
    cost="One compilation for each of the two modes.",
    claims=_claims,
    advise=_advise,
    rank=27,
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            f(torch.ones(3))
            with torch.no_grad():
                f(torch.ones(3))
            """,
        good="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            with torch.no_grad():
                f(torch.ones(3))
                f(torch.ones(3))
            """,
    ),
)

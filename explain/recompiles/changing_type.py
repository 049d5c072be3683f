"""A value of another type came, most often a tensor where None was."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind == "type"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"{guard.source} was {guard.old} and is {guard.new}. Two variants (None and a tensor, an int "
        "and a float) mean two compilations, which is normal."
        + (
            " More than two types were seen: pass always the same one."
            if len(guard.values) > 2
            else " To have one, pass always the same type."
        ),
    )


REASON = RecompileReason(
    title="a value of another type",
    happened="""
        A value came with another type than at the time of compiling: a tensor where None was, an int
        where a float was, another class.
        """,
    why="""
        The type decides which code runs, so it is a part of the compiled code.
        """,
    instead="""
        Pass the same type at every call, for instance a mask of ones and not None:

            mask = torch.ones(x.shape[:2]) if mask is None else mask
            y = step(x, mask)
        """,
    cost="One compilation for each combination of types.",
    claims=_claims,
    advise=_advise,
    rank=24,
    outside="When the variants are few, they settle: one compilation each. Pass the optional inputs "
    "at every call to have one.",
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x, mask=None):
                return x + 1 if mask is None else x * mask

            f(torch.ones(3))
            f(torch.ones(3), torch.ones(3))
            """,
        good="""
            import torch

            @torch.compile
            def f(x, mask):
                return x * mask

            for mask in (None, torch.ones(3)):
                mask = torch.ones(3) if mask is None else mask
                f(torch.ones(3), mask)
            """,
    ),
)

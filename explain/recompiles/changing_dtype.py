"""A tensor of another dtype, device or number of dimensions came."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason

_SAID = {"dtype": "dtype", "device": "device", "rank": "the number of dimensions"}


def _claims(guard: Guard) -> bool:
    return guard.kind in ("dtype", "device", "rank")


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"{guard.source} had {_SAID[guard.kind]} {guard.old} and has {guard.new}. Bring it to one form before the call"
        + (
            f": {guard.source}.to({guard.old})."
            if guard.kind == "dtype"
            else f': {guard.source}.to("{guard.old}").'
            if guard.kind == "device"
            else ", for instance with unsqueeze or flatten."
        ),
    )


REASON = RecompileReason(
    title="a tensor of another dtype, device or rank",
    happened="""
        A tensor came with another dtype, on another device or with another number of dimensions than
        at the time of compiling.
        """,
    why="""
        Which kernels run depends on all three, so they are always constants of the compiled code.
        """,
    instead="""
        Bring the tensor to one form before the call:

            y = step(x.to(torch.float32))
        """,
    cost="One compilation for each combination.",
    claims=_claims,
    advise=_advise,
    rank=22,
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            for dtype in (torch.float32, torch.float64):
                f(torch.ones(3, dtype=dtype))
            """,
        good="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            for dtype in (torch.float32, torch.float64):
                f(torch.ones(3, dtype=dtype).to(torch.float32))
            """,
    ),
)

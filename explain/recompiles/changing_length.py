"""A list, tuple or dictionary has another length."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind == "length"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"{guard.source} had {guard.old} elements and has {guard.new}: a loop over it is unrolled, "
        "so each length is compiled. Stack tensors into one tensor (torch.stack) and let its size "
        "change, or pad to one length.",
    )


REASON = RecompileReason(
    title="a container has another length",
    happened="""
        A list, tuple, dictionary or iterator that the compiled function goes through has another
        length than at the time of compiling.
        """,
    why="""
        A loop over a Python container is unrolled: each length gives another graph.
        """,
    instead="""
        Put the elements into one tensor, whose size may change:

            y = step(torch.stack(xs))
        """,
    cost="A compilation for each length, up to the recompile limit.",
    claims=_claims,
    advise=_advise,
    rank=12,
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(xs):
                return sum(xs)

            for n in (2, 3, 4):
                f([torch.ones(3) for _ in range(n)])
            """,
        good="""
            import torch

            @torch.compile
            def f(xs):
                return xs.sum(0)

            for n in (2, 3, 4):
                xs = torch.stack([torch.ones(3) for _ in range(n)])
                torch._dynamo.mark_dynamic(xs, 0, min=2, max=64)
                f(xs)
            """,
    ),
)

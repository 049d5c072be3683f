"""A dimension of an input has another size."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason
from g2.explain.recompiles._sizes import markable, numbers, settled


def _claims(guard: Guard) -> bool:
    return guard.kind == "size"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    steps: list[str] = []
    dim = guard.dim or 0
    name = f"{guard.source}.size({dim})"
    if settled(guard, recompile, session):
        steps.append(
            f"It happened once: Dynamo then made {name} dynamic by itself, and no later size "
            "recompiled. To save this one too:"
        )
    if not markable(guard.source):
        return (
            *steps,
            f"{guard.source} has no name before the call: mark the input that it comes from, or "
            "compile with torch.compile(..., dynamic=True).",
        )
    seen = [n for n in numbers(guard) if n >= 2]
    most = 64
    while seen and most < 2 * max(seen):
        most *= 2
    steps.append(
        f"Say before the call that the dimension changes (max is the largest size you expect, {name} "
        f"was at most {max(seen, default=2)}):\n\n"
        f"    torch._dynamo.mark_dynamic({guard.source}, {dim}, min=2, max={most})"
    )
    return tuple(steps)


REASON = RecompileReason(
    title="the size of an input changed",
    happened="""
        A tensor came with another size in a dimension that was compiled as a constant.
        """,
    why="""
        The first compilation takes every size as a constant, because that makes the fastest code. At
        the second size Dynamo compiles again and
        makes the dimension dynamic, so that further sizes fit. Sizes 0 and 1 always get code of their own.
        """,
    instead="""
        Tell Dynamo before the first call which dimension will change:

            torch._dynamo.mark_dynamic(x, 0, min=2, max=64)

        or make all sizes dynamic from the start:

            step = torch.compile(step, dynamic=True)

        or pad to a few fixed sizes.
        """,
    cost="One more compilation, and somewhat more general code afterwards. More than one when sizes "
    "0 and 1 occur or the code depends on the size.",
    claims=_claims,
    advise=_advise,
    rank=20,
    outside="The sizes come from your call: mark the inputs there, or compile with dynamic=True.",
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            for n in (4, 5, 6, 7):
                f(torch.ones(n, 3))
            """,
        good="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            for n in (4, 5, 6, 7):
                x = torch.ones(n, 3)
                torch._dynamo.mark_dynamic(x, 0, min=2, max=64)
                f(x)
            """,
    ),
)

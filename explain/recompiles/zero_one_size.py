"""A dimension has size 0 or 1, which Dynamo compiles apart."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason
from g2.explain.recompiles._sizes import markable, numbers


def _claims(guard: Guard) -> bool:
    return guard.kind == "size" and any(n in (0, 1) for n in numbers(guard))


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    which = " and ".join(str(n) for n in sorted({n for n in numbers(guard) if n in (0, 1)}))
    dim = guard.dim or 0
    if not markable(guard.source):
        return (
            f"Size {which} gets code of its own even when the dimension is dynamic. {guard.source} "
            "has no name before the call; two compilations are normal here.",
        )
    return (
        f"Size {which} gets code of its own even when the dimension is dynamic. That is one "
        "compilation more and often the right thing (a prompt and "
        "its single further tokens). When one code for all sizes is wanted, mark the dimension as "
        "unbacked; Dynamo then stops at code that depends on the size:\n\n"
        f"    torch._dynamo.decorators.mark_unbacked({guard.source}, {dim})",
    )


REASON = RecompileReason(
    title="a dimension of size 0 or 1",
    happened="A tensor came with size 0 or 1 in a dimension that had other sizes before, or the other way round.",
    why="""
        Tensors of size 1 are broadcast and empty tensors follow other rules, so Dynamo always
        compiles the sizes 0 and 1 as constants, also
        where a dimension was marked as dynamic.
        """,
    instead="""
        Accept the extra compilation, or pad to at least 2, or mark the dimension as unbacked, which
        makes no assumption about 0 and 1:

            torch._dynamo.decorators.mark_unbacked(x, 0)
        """,
    cost="One compilation for each of the sizes 0 and 1.",
    claims=_claims,
    advise=_advise,
    rank=18,
    outside="The sizes come from your call: mark the inputs there, or keep the batch at two or more.",
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x):
                return (x * 2).sum()

            for n in (4, 1):
                f(torch.ones(n, 3))
            """,
        good="""
            import torch

            @torch.compile
            def f(x):
                return (x * 2).sum()

            for n in (4, 1, 0, 5):
                x = torch.ones(n, 3)
                torch._dynamo.decorators.mark_unbacked(x, 0)
                f(x)
            """,
    ),
)

"""A relation between sizes, which the compiled code rests on, does not hold any more."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind == "shape-relation"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"The compiled code rests on {guard.source}, and now {guard.new}. Two dimensions of equal "
        "size at the time of compiling are taken as one, and code that divides or compares sizes adds relations: "
        "make the relation hold (pad to a multiple), or accept one compilation for each case.",
    )


REASON = RecompileReason(
    title="a relation between sizes does not hold any more",
    happened="""
        With dynamic sizes, compiled code rests on relations such as `x.size(0) == y.size(0)` or
        `x.size(0) % 8 == 0`, and one of them is false now.
        """,
    why="""
        Each branch that depends on a size, and each reshape, adds a relation. Dimensions that had one
        size at the time of compiling are taken to be always equal.
        """,
    instead="""
        Pad to sizes for which the relation holds, or compile with sizes that differ where they may differ:

            torch._dynamo.mark_dynamic(x, 0)
            torch._dynamo.mark_dynamic(y, 0)
        """,
    cost="A compilation for each case.",
    claims=_claims,
    advise=_advise,
    rank=15,
    outside="The sizes come from your call: pad the inputs there.",
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x, y):
                return x.sum() + y.sum() if x.size(0) == y.size(0) else x.sum()

            for a, b in ((4, 4), (5, 5), (6, 7)):
                f(torch.ones(a), torch.ones(b))
            """,
        good="""
            import torch

            @torch.compile
            def f(x, y):
                return x.sum() + y.sum() if x.size(0) == y.size(0) else x.sum()

            for a, b in ((4, 4), (5, 5), (6, 6)):
                x, y = torch.ones(a), torch.ones(b)
                torch._dynamo.mark_dynamic(x, 0)
                torch._dynamo.mark_dynamic(y, 0)
                f(x, y)
            """,
    ),
)

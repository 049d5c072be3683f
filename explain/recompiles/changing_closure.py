"""A variable in the closure of a function changed."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.source.startswith(("closure variable", "default argument", "default of")) and guard.kind == "value"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"Make {guard.source} a tensor, or pass it as an argument of the compiled function: a value "
        "in a closure is a constant of the compiled code.",
    )


REASON = RecompileReason(
    title="a variable in a closure changed",
    happened="""
        A function came with another value in its closure (a variable of the function around it) or
        another default than at the time of compiling.
        """,
    why="""
        A closure variable that holds a Python value is a constant of the compiled code.
        """,
    instead="""
        Hold a tensor in the closure, or pass the value as an argument:

            def scaled(k):
                k = torch.tensor(k)
                return lambda x: x * k
        """,
    cost="A compilation for a new value; integers and floats become dynamic at the second.",
    claims=_claims,
    advise=_advise,
    rank=8,
    example=Example(
        bad="""
            import torch

            def scaled(k):
                def inner(x):
                    return x * k
                return inner

            @torch.compile
            def f(x, g):
                return g(x)

            for k in (1.5, 2.5, 3.5):
                f(torch.ones(3), scaled(k))
            """,
        good="""
            import torch

            def scaled(k):
                def inner(x):
                    return x * k
                return inner

            @torch.compile
            def f(x, g):
                return g(x)

            for k in (1.5, 2.5, 3.5):
                f(torch.ones(3), scaled(torch.tensor(k)))
            """,
    ),
)

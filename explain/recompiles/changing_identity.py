"""Another function, lambda or object came."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind == "identity"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"Make {guard.source} once, outside the loop, and pass the same object at every call; a "
        "lambda or an inner function that is defined again with other code is a new one.",
    )


REASON = RecompileReason(
    title="another object",
    happened="""
        A function, a lambda, a class or another object that the compiled function uses is not the one
        that was there at the time of compiling.
        """,
    why="""
        The code of a function that is called is compiled into its caller. Another function is other
        code, so it is compiled again.
        """,
    instead="""
        Make the object once, and pass what changes as a tensor:

            def scaled(x, k):
                return x * k

            for k in ks:
                step(x, k)
        """,
    cost="A compilation for each object. When one is made at every call, all calls after the "
    "recompile limit run in eager.",
    claims=_claims,
    advise=_advise,
    rank=14,
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x, g):
                return g(x)

            for source in ("lambda x: x + 1", "lambda x: x + 2", "lambda x: x + 3"):
                f(torch.ones(3), eval(source))
            """,
        good="""
            import torch

            @torch.compile
            def f(x, k):
                return x + k

            for k in (1.0, 2.0, 3.0):
                f(torch.ones(3), torch.tensor(k))
            """,
    ),
)

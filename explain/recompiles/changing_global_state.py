"""A part of the global state of torch changed: autocast, threads, default dtype or device, modes."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind == "global-state"


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"{guard.source} was {guard.old} and is {guard.new}. Set it once, before the first call of "
        "the compiled function, and not between calls.",
    )


REASON = RecompileReason(
    title="the global state of torch changed",
    happened="""
        A global setting is not what it was at the time of compiling: autocast, the number of threads,
        the default dtype or device, deterministic algorithms, a mode or hook.
        """,
    why="""
        These settings change what the same operations do, so the compiled code is good for one setting only.
        """,
    instead="""
        Set it once at the start, and use autocast at every call or at none:

            torch.set_num_threads(4)
            step = torch.compile(step)
        """,
    cost="One compilation for each combination of settings.",
    claims=_claims,
    advise=_advise,
    rank=16,
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            f(torch.ones(3))
            torch.set_default_dtype(torch.float64)
            f(torch.ones(3, dtype=torch.float32))
            """,
        good="""
            import torch

            @torch.compile
            def f(x):
                return x * 2

            torch.set_default_dtype(torch.float64)
            for _ in range(2):
                f(torch.ones(3, dtype=torch.float32))
            """,
    ),
)

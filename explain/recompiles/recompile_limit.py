"""The recompile limit was hit, and which guard changed is not known."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return False


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        "Find the value that changes from call to call and make it a tensor; see the other "
        "recompiles of this function.",
    )


REASON = RecompileReason(
    title="the recompile limit was hit",
    happened="""
        A function was compiled as often as Dynamo allows (8 times, `torch._dynamo.config.recompile_limit`).
        """,
    why="""
        A function that needs new code for every call would spend more time compiling than running, so Dynamo stops.
        """,
    instead="""
        Remove what changes from call to call. When all the variants are wanted, raise the limit:

            torch._dynamo.config.recompile_limit = 16
        """,
    cost="Every call that fits no compiled variant runs in eager, without a word.",
    claims=_claims,
    advise=_advise,
    rank=90,
)

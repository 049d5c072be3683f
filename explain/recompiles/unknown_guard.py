"""A guard of a kind that has no text of its own."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind in ("other", "")


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (f"Dynamo recompiled because this does not hold any more: {guard.code or guard.source}.",)


REASON = RecompileReason(
    title="a guard does not hold any more",
    happened="""
        Something that the compiled code rests on has changed.
        """,
    why="""
        Dynamo checks what it assumed while compiling before every call, and compiles again when it does not hold.
        """,
    instead="""
        Keep what is named here the same at every call.
        """,
    cost="A compilation for each variant.",
    claims=_claims,
    advise=_advise,
    rank=95,
)

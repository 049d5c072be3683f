"""What the files about sizes share."""

from __future__ import annotations

from g2.capture.model import Guard, Recompile, Session


def numbers(guard: Guard) -> list[int]:
    """The sizes seen; bounds such as ">= 2" are left out."""
    values = guard.values or (guard.old, guard.new)
    return [int(v) for v in values if v.lstrip("-").isdigit()]


def settled(guard: Guard, recompile: Recompile, session: Session) -> bool:
    """Whether it happened once, and no later value of the same size or number made the same function compile again."""
    if recompile.count != 1 or recompile.limit_hit:
        return False
    again = sum(
        r.count
        for r in session.recompiles
        # Names differ soonest: a run with thousands of recompiles is asked this for each of them.
        if r.function == recompile.function
        and r.span == recompile.span
        and any((g.source, g.dim) == (guard.source, guard.dim) for g in r.guards)
    )
    return again <= 1


def markable(source: str) -> bool:
    """Whether a person can name the tensor before the call: a value on Dynamo's own stack has no name."""
    return not source.startswith("(")

"""What the files about sizes share."""

from __future__ import annotations

from g2.capture.model import Guard, Recompile, Session


def numbers(guard: Guard) -> list[int]:
    """The sizes seen; bounds such as ">= 2" are left out."""
    values = guard.values or (guard.old, guard.new)
    return [int(v) for v in values if v.lstrip("-").isdigit()]


def settled(guard: Guard, recompile: Recompile, session: Session) -> bool:
    """Whether it happened once, and no later value of the same size or number made the same function compile again."""
    again = sum(
        r.count
        for r in session.recompiles
        if (r.span, r.function) == (recompile.span, recompile.function)
        and any((g.source, g.dim) == (guard.source, guard.dim) for g in r.guards)
    )
    return recompile.count == 1 and again <= 1 and not recompile.limit_hit


def markable(source: str) -> bool:
    """Whether a person can name the tensor before the call: a value on Dynamo's own stack has no name."""
    return not source.startswith("(")

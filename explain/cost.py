"""How dear a break is, for ordering: what it cost in this run, in milliseconds."""

from __future__ import annotations

from g2.capture.model import Break, Effect, Recompile


def weight(place: Break) -> float:
    """Milliseconds lost to a break in the whole run: time per call times calls, and what was compiled because of it."""
    return (place.cost.per_call_ms or 0.0) * place.calls + place.cost.compile_s * 1e3


def order(place: Break, roots: frozenset[str] = frozenset()) -> tuple[object, ...]:
    """Sort key: what was seen before what is hidden; first what costs a whole root (`roots`: their names) its graphs,
    then the dearest, then lost functions, then the place.
    """
    whole = place.effect is not Effect.SPLIT and place.function in roots
    return (place.hidden, not whole, -weight(place), place.effect is Effect.SPLIT, place.span)


def recompile_order(recompile: Recompile) -> tuple[object, ...]:
    """Sort key: those that hit the limit first, then the most frequent."""
    return (not recompile.limit_hit, -recompile.eager_calls, -recompile.count, recompile.span)

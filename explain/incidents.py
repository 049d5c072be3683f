"""Recompiles that one change brought are one thing to act on.

A size that changes at one call recompiles every piece of the model that a graph break left standing alone; a person has
to hear of the change once, with the pieces listed under it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from g2.capture.model import Recompile, Session
from g2.explain.cost import recompile_order
from g2.explain.guards import explain_recompile, reason_of
from g2.explain.report import RecompileFinding

_SHAPES = frozenset({"size", "stride", "rank", "shape-relation"})
_Key = tuple[object, ...]


def incidents(recompiles: Iterable[Recompile], session: Session) -> tuple[RecompileFinding, ...]:
    """One finding for each change, about the outermost function that it recompiled; the others in `others`."""
    groups: dict[_Key, list[Recompile]] = {}
    for recompile in recompiles:
        groups.setdefault(_key(recompile), []).append(recompile)
    found = []
    for members in groups.values():
        first, *others = (explain_recompile(r, session) for r in sorted(members, key=_outermost))
        found.append(replace(first, others=tuple(others)))
    return tuple(sorted(found, key=lambda f: recompile_order(f.recompile)))


def _key(recompile: Recompile) -> _Key:
    """Recompiles with the same key are one incident.

    The same line brought the same kinds of change: shapes of whatever tensors, or values that changed alike. A function
    that several objects share is an incident of its own, and so is one whose call site is not known.
    """
    place = (recompile.span.path, recompile.function)
    if any(reason_of(guard).slug == "shared-function" for guard in recompile.guards):
        return ("shared", *place)
    if recompile.call_site is None or not recompile.guards:
        return (*place, recompile.span.line, tuple(g.source for g in recompile.guards))
    kinds = frozenset("shape" if g.kind in _SHAPES else g.kind for g in recompile.guards)
    if kinds <= {"shape", "dtype", "device", "requires_grad", "type"}:
        return (recompile.call_site, kinds)
    return (recompile.call_site, kinds, frozenset((g.kind, g.old, g.new) for g in recompile.guards))


def _outermost(recompile: Recompile) -> tuple[int, int]:
    """Sort key: the outermost function first, and in it the piece that begins first."""
    return (len(recompile.stack), recompile.span.line)

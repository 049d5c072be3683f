"""A Session with its meaning: reasons, headlines, advice, after-effects folded under their causes."""

from __future__ import annotations

from collections import defaultdict

from g2.capture.model import Break, Session, Span
from g2.explain.catalog import evidence, reason_for
from g2.explain.cost import order
from g2.explain.headline import advice, headline
from g2.explain.incidents import incidents
from g2.explain.report import Finding, RecompileFinding, Report


def report(session: Session) -> Report:
    """What the views draw."""
    roots = frozenset(root.name for root in session.roots if root.calls)
    effects: dict[Span, list[Break]] = defaultdict(list)
    spans = {b.span for b in session.breaks if b.after_effect_of is None}
    causes: list[Break] = []
    for place in session.breaks:
        cause = place.after_effect_of
        if cause is not None and cause in spans:
            effects[cause].append(place)
        else:
            causes.append(place)
    findings = tuple(_finding(b, tuple(effects.pop(b.span, ()))) for b in sorted(causes, key=lambda b: order(b, roots)))
    recompiles = incidents(session.recompiles, session)
    return Report(session, findings, recompiles, _next_step(session, findings, recompiles))


def _finding(place: Break, after_effects: tuple[Break, ...]) -> Finding:
    reason = reason_for(evidence(place))
    return Finding(place, reason, headline(place, reason), advice(place, reason), after_effects)


def _next_step(
    session: Session, findings: tuple[Finding, ...], recompiles: tuple[RecompileFinding, ...]
) -> str:
    if findings:
        return f"g2 why {findings[0].reason.slug}"
    if recompiles:
        return f"g2 why {recompiles[0].reason}"
    if not session.roots and session.torch is not None:
        return "g2 explain --compile Class.method SCRIPT"
    return ""

"""What the views draw: a Session with its meaning. Made by `explain.findings.report(session)`."""

from __future__ import annotations

from dataclasses import dataclass

from g2.capture.model import Break, Recompile, Session
from g2.explain.reason import Reason


@dataclass(frozen=True, slots=True)
class Finding:
    """A graph break with its reason, and the after-effects that go away with it."""

    place: Break
    reason: Reason
    headline: str  # one line, specific: "`if` on a tensor's value: x.sum() > 0"
    advice: tuple[str, ...]  # what to do, one step a string; may hold code
    after_effects: tuple[Break, ...] = ()


@dataclass(frozen=True, slots=True)
class RecompileFinding:
    """A recompile with what it says and what to do about it; `others` were brought by the same change."""

    recompile: Recompile
    reason: str  # slug: "changing-size", "changing-number", ...
    headline: str  # "x.size(1) changed: 5, 1, 2, 3"
    advice: tuple[str, ...]
    others: tuple[RecompileFinding, ...] = ()

    @property
    def count(self) -> int:
        """Recompilations in all, those of `others` with it."""
        return self.recompile.count + sum(other.count for other in self.others)


@dataclass(frozen=True, slots=True)
class Report:
    """Findings ordered by what they cost, dearest first; totals for the summary line; what to do next."""

    session: Session
    findings: tuple[Finding, ...]
    recompiles: tuple[RecompileFinding, ...]
    next_step: str

    @property
    def clean(self) -> bool:
        return not self.findings and not self.recompiles

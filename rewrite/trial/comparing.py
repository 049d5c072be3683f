"""The code before and the new code on one input: what the comparison says, and who is to blame for a difference."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from g2.rewrite.trial.compare import compare
from g2.rewrite.trial.deeds import Outcome
from g2.rewrite.trial.spending import Spending
from g2.rewrite.trial.subject import Caller, Case, Failed, Subject, Way, plain
from g2.rewrite.trial.variants import sequences, variants

Tell = Callable[[dict[str, Any]], None]
_ONE = 15.0  # seconds for one call, at most
_TOGETHER = 14  # cases in one fork
TELLING = 10  # other inputs that are tried however little time there is


@dataclass(slots=True)
class Comparing:
    """Compares until the caller's deadline, or until time of processors is spent; what it finds goes to `tell` as
    events.
    """

    caller: Caller
    tell: Tell
    differs: frozenset[str]
    spending: Spending
    _late: set[tuple[str, str, int]] = field(default_factory=set[tuple[str, str, int]])

    @property
    def kept(self) -> frozenset[str]:
        """Attributes that the new text takes as they were when the object was made."""
        return frozenset(tag.removeprefix("kept:") for tag in self.differs if tag.startswith("kept:"))

    def left(self, subject: Subject, until: float) -> bool:
        """Whether there is time for one more; when there is none, the journal is told once."""
        if time.monotonic() < min(until, self.caller.deadline) and not self.spending.over:
            return True
        key = (subject.what, subject.path, subject.line)
        if key not in self._late:
            self._late.add(key)
            self.note(f"Not every input that was to be tried with {subject.what} was: the time for it was up.", subject)
        return False

    def note(self, what: str, subject: Subject) -> None:
        self.tell({"e": "proof_note", "what": what, "path": subject.path or None, "line": subject.line or None})

    def first(self, subject: Subject, until: float) -> bool:
        """The call itself, the most telling other inputs, and sequences on the same object; False when one differs."""
        if not self.left(subject, until):
            return False
        verdict = self.one(subject, subject.recorded)
        return verdict != "differs" and self.telling(subject, until)

    def telling(self, subject: Subject, until: float) -> bool:
        """As `first`, without the call itself."""
        cases = self._others(subject)[:TELLING]
        cases += [Case(name, tuple(calls)) for name, calls in _each(sequences, subject)]
        for start in range(0, len(cases), _TOGETHER):
            if not self.left(subject, until) or not self.many(subject, cases[start : start + _TOGETHER]):
                return False
        return True

    def rest(self, subject: Subject, until: float, most: int) -> None:
        """Inputs after those, `most` with them, as long as there is plenty of time; until one differs."""
        cases = self._others(subject)[TELLING:most]
        for start in range(0, len(cases), _TOGETHER):
            if not self.spending.plenty or time.monotonic() > until:
                return
            if not self.many(subject, cases[start : start + _TOGETHER]):
                return

    def one(self, subject: Subject, case: Case) -> str:
        """Compare, tell, and return the verdict; empty where there is nothing to tell."""
        outcome, detail = self._verdict(subject, case)
        if outcome:
            blamed = self._blamed(subject, case) if outcome == "differs" else subject
            self._told(blamed, case.inputs, outcome, detail)
        return outcome

    def many(self, subject: Subject, cases: Sequence[Case]) -> bool:
        """Compare cases that are called one after another; False when one differs.

        A difference counts when it is there as well without those before, or when none of those before raised: what an
        exception leaves half done is no difference.
        """
        first = 0
        while first < len(cases) and self.left(subject, self.caller.deadline):
            olds, news = (
                self.caller.outcomes(subject, cases[first:], way, self._seconds()) for way in (Way.OLD, Way.NEW)
            )
            raised = False
            number = first
            for number, (case, old, new) in enumerate(zip(cases[first:], olds, news, strict=False), first):
                outcome, detail = "differs", ""
                if isinstance(old, Outcome) and isinstance(new, Outcome):
                    outcome, detail = compare(old, new, None, self.differs)
                    raised = raised or old.raised is not None
                elif isinstance(old, Failed) and isinstance(new, Failed) and old.unmade and new.unmade:
                    continue
                if outcome != "differs":
                    self._told(subject, case.inputs, outcome, detail)
                    continue
                alone = self.one(subject, case)
                if alone == "differs":
                    return False
                together = cases[first : number + 1]
                if (
                    not raised
                    and self._beyond(subject, case, alone, old, new)
                    and self._steady(subject, together, olds)
                ):
                    self._told(subject, f"{case.inputs}, after {number - first} other calls", "differs", detail)
                    return False
                break
            first = number + 1
        return True

    def compiled(self, subject: Subject, case: Case) -> bool:
        """The new code compiled (aot_eager) against itself in eager. False where the code before does not agree with
        itself so: then nothing is told.
        """
        verdict, detail = self._compiled(subject, case, Way.NEW, Way.NEW_COMPILED)
        if verdict == "differs" and self._compiled(subject, case, Way.OLD, Way.OLD_COMPILED)[0] == "differs":
            return False
        if verdict:
            self._told(subject, f"{case.inputs}, compiled", verdict, detail)
        return True

    def _compiled(self, subject: Subject, case: Case, eager: Way, compiled: Way) -> tuple[str, str]:
        one = self._outcome(subject, case, eager)
        if isinstance(one, Failed):
            return "", ""
        other = self._outcome(subject, case, compiled)
        if isinstance(other, Failed):
            return ("", "") if other.late else ("differs", other.why)
        verdict, detail = compare(plain(one), other, None, self.differs)
        if verdict == "differs":
            verdict, detail = self._measured(subject, case, plain(one), other) or (verdict, detail)
        return verdict, detail

    def _verdict(self, subject: Subject, case: Case) -> tuple[str, str]:
        old = self._outcome(subject, case, Way.OLD)
        if isinstance(old, Failed):
            return ("", "") if old.unmade else ("unable", old.why)
        new = self._outcome(subject, case, Way.NEW)
        if isinstance(new, Failed):
            return ("", "") if new.unmade else ("unable" if new.late else "differs", new.why)
        outcome, detail = compare(old, new, None, self.differs)
        if outcome != "differs":
            return outcome, detail
        again = self._outcome(subject, case, Way.OLD)
        if isinstance(again, Failed) or compare(old, again, None, self.differs)[0] == "differs":
            return "unable", "the code before does something else each time"
        return self._measured(subject, case, old, new) or (outcome, detail)

    def _steady(self, subject: Subject, cases: Sequence[Case], before: Sequence[Outcome | Failed]) -> bool:
        """Whether the code before does the same again in the last of these cases."""
        again = self.caller.outcomes(subject, cases, Way.OLD, self._seconds())
        last = len(cases) - 1
        if len(again) != len(cases):
            return False
        one, other = before[last], again[last]
        return isinstance(one, Outcome) and isinstance(other, Outcome) and compare(one, other)[0] != "differs"

    def _measured(self, subject: Subject, case: Case, old: Outcome, new: Outcome) -> tuple[str, str] | None:
        """The comparison with rounding allowed for; None where there is nothing to measure it by."""
        reference = self._reference(subject, case, Way.DOUBLE)
        if reference is None:
            return None
        found = compare(old, new, reference, self.differs)
        if found[0] != "differs":
            return found
        return compare(old, new, reference, self.differs, self._reference(subject, case, Way.SHAKEN))

    def _beyond(self, subject: Subject, case: Case, alone: str, old: Outcome | Failed, new: Outcome | Failed) -> bool:
        """Whether two that differ behind other calls, and alone do not, differ by more than rounding does."""
        if alone != "close" or isinstance(old, Failed) or isinstance(new, Failed):
            return alone in ("same", "close")
        measured = self._measured(subject, case, old, new)
        return measured is None or measured[0] == "differs"

    def _reference(self, subject: Subject, case: Case, way: Way) -> Outcome | None:
        found = self._outcome(subject, case, way)
        return None if isinstance(found, Failed) or found.raised is not None else found

    def _outcome(self, subject: Subject, case: Case, way: Way) -> Outcome | Failed:
        return self.caller.outcome(subject, case, way, self._seconds())

    def _seconds(self) -> float:
        return min(_ONE, max(self.caller.deadline - time.monotonic(), 1))

    def _blamed(self, subject: Subject, case: Case) -> Subject:
        """The one function whose new code makes the call differ; the subject itself where no single one does."""
        changed = list({id(live.pair): live.pair for live in self.caller.versions.live}.values())
        own = (subject.path, subject.line)
        changed.sort(key=lambda pair: (pair.path, pair.line) != own)
        if len(changed) < 2:
            return subject
        old = self._outcome(subject, case, Way.OLD)
        for pair in changed:
            if isinstance(old, Failed) or time.monotonic() > self.caller.deadline or self.spending.over:
                break
            only = [pair, *(one for one in changed if one.name.startswith(f"{pair.name}."))]
            new = self.caller.outcome(subject, case, Way.NEW, self._seconds(), only)
            if isinstance(new, Failed) or compare(old, new, None, self.differs)[0] == "differs":
                if (pair.path, pair.line) == own:
                    return subject
                return replace(subject, what=f"{subject.what} with {pair.name}", path=pair.path, line=pair.line)
        return subject

    def _others(self, subject: Subject) -> list[Case]:
        """Other inputs, the most telling first."""
        return [Case(one.name, (one,)) for one in _each(partial(variants, kept=self.kept), subject)]

    def _told(self, subject: Subject, inputs: str, outcome: str, detail: str) -> None:
        self.tell(
            {"e": "trial", "what": subject.what, "path": subject.path, "line": subject.line, "inputs": inputs,
             "outcome": outcome, "detail": detail}
        )  # fmt: skip


def _each(make: Callable[..., Iterable[Any]], subject: Subject) -> list[Any]:
    """What one of the makers of inputs gives for a call; none where it cannot."""
    try:
        return list(make(subject.args, subject.kwargs, subject.owner, subject.names))
    except Exception:
        return []

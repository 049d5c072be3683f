"""The code before and the new code on one input: what the comparison says, and who is to blame for a difference."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from g2.rewrite.trial.compare import compare
from g2.rewrite.trial.deeds import Outcome
from g2.rewrite.trial.subject import Caller, Failed, Subject, Way, plain
from g2.rewrite.trial.variants import Variant, sequences, variants

Tell = Callable[[dict[str, Any]], None]
_ONE = 20.0  # seconds for one call, at most


@dataclass(slots=True)
class Comparing:
    """Compares until `deadline` (time.monotonic); what it finds goes to `tell` as events."""

    caller: Caller
    tell: Tell
    differs: frozenset[str]
    deadline: float
    _late: set[tuple[str, str, int]] = field(default_factory=set[tuple[str, str, int]])

    def left(self, subject: Subject, until: float) -> bool:
        """Whether there is time for one more; when there is none, the journal is told once."""
        if time.monotonic() < min(until, self.deadline):
            return True
        key = (subject.what, subject.path, subject.line)
        if key not in self._late:
            self._late.add(key)
            self.note(f"Not every input that was to be tried with {subject.what} was: the time for it was up.", subject)
        return False

    def note(self, what: str, subject: Subject) -> None:
        self.tell({"e": "proof_note", "what": what, "path": subject.path or None, "line": subject.line or None})

    def all(self, subject: Subject, until: float, most: int) -> None:
        """The call itself, other inputs, and sequences on the same object."""
        if not self.left(subject, until):
            return
        if self.one(subject, "as recorded", [subject.recorded]) == "differs":
            return
        other: Iterable[tuple[str, list[Variant]]] = (
            (one.name, [one]) for one in islice(_each(variants, subject), most)
        )
        for name, calls in (*other, *_each(sequences, subject)):
            if not self.left(subject, until) or self.one(subject, name, calls) == "differs":
                return

    def one(self, subject: Subject, inputs: str, calls: Sequence[Variant]) -> str:
        """Compare, tell, and return the verdict; empty where there is nothing to tell."""
        outcome, detail = self._verdict(subject, calls)
        if not outcome:
            return ""
        blamed = subject
        if outcome == "differs" and not subject.path:
            blamed = self._blamed(subject, calls)
        self._told(blamed, inputs, outcome, detail)
        return outcome

    def compiled(self, subject: Subject, inputs: str, calls: Sequence[Variant]) -> None:
        """The new code compiled (aot_eager) against itself in eager, where the code before agrees with itself."""
        verdict, detail = self._compiled(subject, calls, Way.NEW, Way.NEW_COMPILED)
        if verdict == "differs" and self._compiled(subject, calls, Way.OLD, Way.OLD_COMPILED)[0] == "differs":
            return
        if verdict:
            self._told(subject, f"{inputs}, compiled", verdict, detail)

    def _compiled(self, subject: Subject, calls: Sequence[Variant], eager: Way, compiled: Way) -> tuple[str, str]:
        one = self._outcome(subject, calls, eager)
        if isinstance(one, Failed):
            return "", ""
        other = self._outcome(subject, calls, compiled)
        if isinstance(other, Failed):
            return ("", "") if other.late else ("differs", f"compiled, {other.why}")
        verdict, detail = compare(plain(one), other, None, self.differs)
        if verdict == "differs":
            verdict, detail = compare(plain(one), other, self._reference(subject, calls), self.differs)
        return verdict, detail

    def _verdict(self, subject: Subject, calls: Sequence[Variant]) -> tuple[str, str]:
        old = self._outcome(subject, calls, Way.OLD)
        if isinstance(old, Failed):
            return ("", "") if old.unmade else ("unable", old.why)
        new = self._outcome(subject, calls, Way.NEW)
        if isinstance(new, Failed):
            return ("", "") if new.unmade else ("unable" if new.late else "differs", new.why)
        outcome, detail = compare(old, new, None, self.differs)
        if outcome != "differs":
            return outcome, detail
        again = self._outcome(subject, calls, Way.OLD)
        if isinstance(again, Failed) or compare(old, again, None, self.differs)[0] == "differs":
            return "unable", "the code before does something else each time"
        reference = self._reference(subject, calls)
        return (outcome, detail) if reference is None else compare(old, new, reference, self.differs)

    def _reference(self, subject: Subject, calls: Sequence[Variant]) -> Outcome | None:
        found = self._outcome(subject, calls, Way.DOUBLE)
        return None if isinstance(found, Failed) or found.raised is not None else found

    def _outcome(self, subject: Subject, calls: Sequence[Variant], way: Way) -> Outcome | Failed:
        return self.caller.outcome(subject, calls, way, min(_ONE, max(self.deadline - time.monotonic(), 1)))

    def _blamed(self, subject: Subject, calls: Sequence[Variant]) -> Subject:
        """The one function whose new code makes a root's call differ; the root itself where no single one does."""
        changed = list({id(live.pair): live.pair for live in self.caller.versions.live}.values())
        old = self._outcome(subject, calls, Way.OLD)
        for pair in changed:
            if isinstance(old, Failed) or time.monotonic() > self.deadline:
                break
            only = [pair, *(one for one in changed if one.name.startswith(f"{pair.name}."))]
            seconds = min(_ONE, max(self.deadline - time.monotonic(), 1))
            new = self.caller.outcome(subject, calls, Way.NEW, seconds, only)
            if isinstance(new, Failed) or compare(old, new, None, self.differs)[0] == "differs":
                return replace(subject, what=f"{subject.what} with {pair.name}", path=pair.path, line=pair.line)
        return subject

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

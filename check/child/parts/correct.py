"""The part that says whether compiled code computes what eager does, and where it does not."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from g2.capture.codec import plain
from g2.check.asked import NO_GRAD_IN_GRAPHS
from g2.check.child import correct_random, locate
from g2.check.child.correct_judge import Verdict, strides_differ, verdict
from g2.check.child.correct_rule import MADE, WHOLE
from g2.check.child.correct_runs import RECORDED, Failed, How, Runs, Setting
from g2.check.child.moment import Asked, Moment, Tell
from g2.check.model import Compared
from g2.rewrite.trial.deeds import Outcome
from g2.rewrite.trial.subject import Case
from g2.rewrite.trial.variants import sequences, variants

_COMPARING = 0.6  # of the time for the part; what is left is for finding where it is wrong
_SOON, _FURTHER = 120.0, 0.2  # no further inputs are begun after so many seconds or this share of the part, the later
_ONE = 40.0  # seconds for one input that is looked at again
_AT_FIRST = 6  # inputs that are compared together, the recorded ones among them
_TOGETHER = 8
_MOST = 30
_GRADIENTS = "requiring grad"  # in the name of a variant
Found = list[Outcome | Failed]


def work(moment: Moment, asked: Asked, folder: Path, tell: Tell, most: int = _MOST) -> None:
    """Compare, tell, and locate the first that differs. Events: "compared", "wrong", "note", "spent".

    most: how many inputs are compared, the recorded ones among them.
    """
    part = _Part(moment, asked, tell, time.monotonic() + 0.9 * asked.seconds, most)
    try:
        differing = part.compare(time.monotonic() + _COMPARING * asked.seconds)
        if differing is not None:
            case, found = differing
            locate.locate(part.runs, case, found, folder, part.deadline, tell)
    finally:
        for what, seconds in part.runs.spent.items():
            tell({"e": "spent", "what": what, "s": round(seconds, 3)})


class _Part:
    def __init__(self, moment: Moment, asked: Asked, tell: Tell, deadline: float, most: int) -> None:
        self.runs = Runs(moment, asked.mode)
        self.deadline = deadline
        self._asked = asked
        self._tell = tell
        self._most = most
        self._compared = 0
        self._restless = ""  # how eager differs from itself: then no input is compared
        self._strides = True  # those of outputs count
        self._grad = NO_GRAD_IN_GRAPHS not in asked.differs

    def compare(self, until: float) -> tuple[Case, Verdict] | None:
        """The first case that differs, the recorded one before all others."""
        further = min(until, time.monotonic() + max(_SOON, _FURTHER * self._asked.seconds))
        cases = list(_cases(self.runs))[: self._most]
        first: tuple[Case, Verdict] | None = None
        random = False
        for start, end in itertools.pairwise([0, _AT_FIRST, *range(_AT_FIRST + _TOGETHER, _MOST + 1, _TOGETHER)]):
            if not cases[start:end] or (start and (time.monotonic() > further or first is not None)):
                break
            eager = self.runs.outcomes(cases[start:end], How.EAGER, self._left(until))
            if not start:
                random = any(isinstance(one, Outcome) and _drew(one) for one in eager)
                if not eager or isinstance(eager[0], Failed):
                    why = eager[0].why if eager and isinstance(eager[0], Failed) else "the time was up"
                    self._told(cases[0], Verdict("unable", f"eager: {why}"))
                    return None
            first = self._batch(cases[start:end], eager, until) or first
        if self._compared < len(cases) and first is None:
            what = f"{self._compared} of {len(cases)} inputs were compared: the time for it was up (--part-limit)."
            self._tell({"e": "note", "what": what})
        if random and first is None:
            return self._statistics(cases[0], until)
        return first

    def _left(self, until: float) -> float:
        return max(until - time.monotonic(), 5.0)

    def _batch(self, cases: Sequence[Case], eager: Found, until: float) -> tuple[Case, Verdict] | None:
        cases = cases[: len(eager)]  # there was no time for the others
        compiled = self._all(cases, How.COMPILED, until)
        exact = self._all(cases, How.EXACT, until)
        first: tuple[Case, Verdict] | None = None
        for at, case in enumerate(cases):
            one, other = eager[at], compiled[at]
            self._compared += not any(isinstance(side, Failed) and not side.made for side in (one, other))
            if isinstance(one, Failed):
                continue
            if isinstance(other, Failed):
                found = self._ended(case, other)
            elif self._restless:
                found = Verdict("unable", self._restless)
            else:
                found = verdict(one, other, _outcome(exact[at]), None, self._strides, _slack(case), self._grad)
                if found.outcome == "differs" and first is None:
                    found = self._confirmed(case, one, other, _outcome(exact[at]), until, at == 0)
            if found is None:
                continue
            self._told(case, found)
            if found.outcome == "differs" and first is None:
                first = case, found
        return first

    def _all(self, cases: Sequence[Case], how: How, until: float, setting: Setting | None = None) -> Found:
        """Outcomes of all cases: what comes after one that ended its fork is done in another."""
        found: Found = []
        while len(found) < len(cases) and (time.monotonic() < until or not found):
            more = self.runs.outcomes(cases[len(found) :], how, self._left(until), setting)
            found += more
            if not more or (isinstance(more[-1], Failed) and more[-1].late):
                break
        late = Failed("the time for comparing was up", unmade=True, made=False)
        return [*found, *[late] * (len(cases) - len(found))]

    def _single(self, case: Case, how: How, until: float, setting: Setting | None = None) -> Outcome | Failed:
        """What decides a difference may take from the time for finding where it is."""
        return self._all([case], how, max(until, min(self.deadline, time.monotonic() + _ONE)), setting)[0]

    def _ended(self, case: Case, failed: Failed) -> Verdict | None:
        """Compiled code that left no outcome."""
        if failed.unmade:
            return None
        if failed.late:
            return Verdict("unable", f"compiled: {failed.why}")
        return Verdict("differs", f"compiled code ended the process: {failed.why}; eager does not")

    def _confirmed(
        self, case: Case, eager: Outcome, compiled: Outcome, exact: Outcome | None, until: float, alone: bool
    ) -> Verdict:
        """What is left of a difference when eager's own indeterminism, conditioning and the calls before are looked at.

        alone: there were none before in its fork.
        """
        again = self._single(case, How.EAGER, until)
        if isinstance(again, Outcome):
            itself = verdict(eager, again)
            if itself.outcome not in ("same", "refused"):
                what = f"eager itself does something else each time, so nothing can be compared: {itself.detail}"
                self._restless = what if itself.outcome == "differs" else ""
                return Verdict("unable", what)
        if self._strides and self._traced_so(case, eager, compiled, until):
            self._strides = False
        shaken = _outcome(self._single(case, How.SHAKEN, until))
        found = verdict(eager, compiled, exact, shaken, self._strides, _slack(case), self._grad)
        if found.outcome != "differs":
            return found
        if exact is None and found.worst is not None and _slack(case) == MADE:
            what = f"no float64 run of this input says how far rounding carries; {found.detail}"
            return Verdict("unable", what, found.how, found.worst)
        if alone:
            return found
        again = self._single(case, How.COMPILED, until)
        if isinstance(again, Failed):
            return found if again.late or again.unmade else self._ended(case, again) or found
        single = verdict(eager, again, exact, shaken, self._strides, _slack(case), self._grad)
        if single.outcome == "differs":
            return single
        return replace(found, detail=f"after calls with other inputs, not alone: {found.detail}")

    def _traced_so(self, case: Case, eager: Outcome, compiled: Outcome, until: float) -> bool:
        """Whether outputs have other strides already in the graph that AOTAutograd and its decompositions hand to
        Inductor, which keeps those: cat() of an empty tensor and another, say, is decomposed to a copy with the other's
        strides.
        """
        if (path := strides_differ(eager, compiled)) is None:
            return False
        setting = Setting(backend="aot_eager_decomp_partition")
        outcome = _outcome(self._single(case, How.COMPILED, until, setting))
        if outcome is None or strides_differ(outcome, compiled) is not None:
            return False
        what = f"Torch's own decompositions give {path} other strides than eager does, before Inductor sees the graph."
        self._tell({"e": "note", "what": what})
        return True

    def _statistics(self, case: Case, until: float) -> tuple[Case, Verdict] | None:
        if time.monotonic() > until:
            self._tell({"e": "note", "what": "Inductor's own random numbers were not compared: the time was up."})
            return None
        found = correct_random.compared(self.runs, case, self._left(until))
        self._told(replace(case, inputs=f"{case.inputs}, with Inductor's own random numbers"), found)
        return (case, found) if found.outcome == "differs" else None

    def _told(self, case: Case, found: Verdict) -> None:
        one = Compared(self._asked.variant, case.inputs, found.outcome, found.detail, found.how, found.worst)
        self._tell({"e": "compared", "compared": plain(one)})


def _cases(runs: Runs) -> Iterator[Case]:
    """The recorded inputs, and others made from them, the most telling first."""
    subject = runs.subject
    yield subject.recorded
    try:
        made = list(variants(subject.args, subject.kwargs, subject.owner))
        rows = list(sequences(subject.args, subject.kwargs, subject.owner))
    except Exception:  # the inputs' own code
        return
    others = [Case(one.name, (one,)) for one in made if runs.moment.trains or _GRADIENTS not in one.name]
    in_rows = [Case(name, tuple(calls)) for name, calls in rows]
    yield from (*others[: _AT_FIRST - 2], *in_rows[:1], *others[_AT_FIRST - 2 :], *in_rows[1:])


def _slack(case: Case) -> float:
    return WHOLE if case.inputs == RECORDED else MADE


def _outcome(found: Outcome | Failed) -> Outcome | None:
    return None if isinstance(found, Failed) or found.raised is not None else found


def _drew(outcome: Outcome) -> bool:
    """Whether torch's random stream was drawn from."""
    return any(before != after for name, before, after in outcome.random if name in ("torch", "cuda"))



"""The loop: try cures together, drop what the run speaks against, go on with what appears behind.

All proposals that fit together are tried in one run of the script. Only when a run speaks against them as a whole, and
not against one, are they separated by bisection: k good ones cost about one run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from g2.rewrite import judge
from g2.rewrite.cases import Cases
from g2.rewrite.judge import Home, Run, Seen
from g2.rewrite.model import Proof, Safety, Trial
from g2.rewrite.proofs import UNREACHED
from g2.rewrite.state import Placed, State

ROUNDS = 8  # a break may stand behind a break behind a break; each round is a run of the script
RUNS = 16  # with those that bisection needs


@dataclass(frozen=True, slots=True)
class Tried:
    """A run with cures in place. proofs: what was compared in it, by the cure's key."""

    run: Run
    proofs: dict[str, Proof]


class Bench(Protocol):
    """Runs the script. `runs`: how often it did, the record not counted."""

    runs: int

    def before(self) -> Run:
        """The unchanged script: its record, and the streams of a plain run."""
        ...

    def masked(self) -> frozenset[bytes]:
        """Lines that differ between two plain runs; asked for only when a comparison failed."""
        ...

    def trial(self, state: State, suspects: Sequence[Placed]) -> Tried:
        """The script with `state` in place; the suspects are to be proved."""
        ...


@dataclass(slots=True)
class Loop:
    """What the rounds found out. `state`: the cures that stood every trial."""

    bench: Bench
    cases: Cases
    on_round: Callable[[int, int, int], None] = lambda number, trying, kept: None
    state: State = field(default_factory=State)
    proofs: dict[str, Proof] = field(default_factory=dict[str, Proof])
    rounds: int = 0
    runs: int = 0
    _owing: set[str] = field(default_factory=set[str])  # cures that brought a break which a later round may cure
    _runs: list[Run] = field(default_factory=list[Run])  # the unchanged script, and the last run that stood
    _unchanged: Seen = field(default_factory=lambda: judge.NOTHING)  # what was seen of the unchanged script
    notes: list[str] = field(default_factory=list[str])

    @property
    def base(self) -> Run:
        """The unchanged script."""
        return self._runs[0]

    @property
    def now(self) -> Run:
        """The last run with exactly the cures of `state`."""
        return self._runs[-1]

    def turn(self) -> None:
        """Rounds until nothing is left to try."""
        base = self.bench.before()
        before = self._unchanged = judge.seen(base.report, State())
        self._runs.append(base)
        self.cases.meet(base.report, self.state, 1)
        self._rounds(base, before)
        while self._collect(base, before):
            self._rounds(base, before)
        self._prune(base)

    def _rounds(self, base: Run, before: Seen) -> None:
        """Rounds until nothing is left to try."""
        while self.rounds < ROUNDS and self.runs < RUNS:
            found = judge.seen(self.now.report, self.state)
            state, chosen = self.cases.choose(self.state, frozenset(found.breaks))
            if not chosen:  # recompiles come after the breaks: many of them go with one
                state, chosen = self.cases.choose(self.state, frozenset(found.recompiles))
            if not chosen and self.cases.reopen(self.state, frozenset(found.breaks)):
                state, chosen = self.cases.choose(self.state, frozenset(found.breaks))
            if not chosen:
                return
            self.rounds += 1
            self.on_round(self.rounds, len(chosen), len(self.state.placed))
            self._settle(base, before, state, chosen)
            self.cases.meet(self.now.report, self.state, self.rounds + 1)
        self.notes.append(f"the search was ended after {self.rounds} rounds and {self.runs} runs of the script")

    def _collect(self, base: Run, before: Seen) -> bool:
        """Take back cures that only moved a break, where no round cured what they brought; whether there were any."""
        now = judge.seen(self.now.report, self.state)
        owing = [one for one in self.state.placed if one.key in self._owing]
        bad = {one.key: why for one in owing if (why := judge.came(one, self.state, before, now))}
        if not bad:
            return False
        for one in owing:
            if one.key in bad:
                self.cases.refuse(one, bad[one.key], _keys(self.state))
        state = self.state.without(bad)
        run = base
        if state.placed:
            tried = self._try(state, ())
            run = tried.run
            if self._whole(base, tried, state):
                state, run = State(), base
                self.notes.append("cures that were tried together did not hold alone; none is offered")
        self.state = state
        self._runs.append(run)
        return True

    def adopt(self) -> None:
        """Then have the script itself compile what g2 compiled for it, as it is with the cures."""
        before = judge.seen(self.now.report, self.state)
        places = self.cases.adoptable(self.now.report, self.state, self.rounds + 1)
        while self.runs < RUNS:
            state, chosen = self.cases.choose(self.state, places)
            if not chosen:
                return
            self.rounds += 1
            self.on_round(self.rounds, len(chosen), len(self.state.placed))
            self._settle(self.base, before, state, chosen)

    def _prune(self, base: Run) -> None:
        """Take out what another cure made superfluous: text of functions that no compiled call reaches any more."""
        idle = [one for one in self.state.placed if self._idle(one)]
        if not idle or self.runs >= RUNS:
            return
        state = self.state.without([one.key for one in idle])
        if not state.placed:
            return
        standing = _standing(judge.seen(self.now.report, self.state))
        tried = self._try(state, ())
        if _standing(judge.seen(tried.run.report, state)) <= standing and not self._whole(base, tried, state):
            self.state = state
            self._runs.append(tried.run)

    def _idle(self, one: Placed) -> bool:
        """Whether it changed functions, and none of them was called in what is compiled."""
        proof = self.proofs.get(one.key, Proof())
        elsewhere = any(file.edits and file.path != one.home[0] for file in one.files)
        return not elsewhere and proof.notes == (UNREACHED,)

    def _settle(self, base: Run, before: Seen, state: State, suspects: list[Placed]) -> None:
        """Find out which of the suspects hold; afterwards `now` is a run with `state` again."""
        while suspects and self.runs < RUNS:
            tried = self._try(state, suspects)
            against = self._against(before, tried, state, suspects)
            whole = self._whole(base, tried, state)
            if not against and not whole:
                self.state = state
                self._runs.append(tried.run)
                self.proofs |= {one.key: tried.proofs.get(one.key, Proof()) for one in suspects}
                return
            if against:
                suspects = self._less(suspects, against)
            elif len(suspects) == 1:
                wrong = any(proof.wrong for proof in tried.proofs.values())
                self.cases.refuse(suspects[0], whole, None if wrong else _keys(state))
                suspects = []
            else:
                first, rest = _halves(suspects, tried)
                self._settle(base, before, self._with(first), first)
                suspects = self._fitting(rest)
            state = self._with(suspects)
        for one in suspects:
            self.cases.refuse(one, f"it was not tried: {RUNS} runs of the script are the most")

    def _try(self, state: State, suspects: Sequence[Placed]) -> Tried:
        self.runs += 1
        return self.bench.trial(state, suspects)

    def _against(self, before: Seen, tried: Tried, state: State, suspects: Sequence[Placed]) -> dict[str, str]:
        now = judge.seen(tried.run.report, state)
        found = judge.refusals(suspects, before, judge.seen(self.now.report, self.state), now)
        self._owing |= {one.key for one in suspects if judge.came(one, state, before, now)}
        for one in suspects:
            if one.proposal.both and tried.proofs.get(one.key, Proof()).one_sided:
                found.setdefault(one.key, "what it no longer asks was seen only one way, so the other was not compared")
        blamed: dict[Trial, list[Placed]] = {}
        for one in suspects:
            for trial in [trial for trial in tried.proofs.get(one.key, Proof()).wrong if not trial.root][:1]:
                blamed.setdefault(trial, []).append(one)
        for trial, ones in blamed.items():  # of several in one function the least trusted goes, the others try again
            if not any(one.key in found for one in ones):
                found[max(ones, key=lambda one: list(Safety).index(one.proposal.safety)).key] = _told(trial)
        return found

    def _whole(self, base: Run, tried: Tried, state: State) -> str:
        if why := judge.raised(self._unchanged, judge.seen(tried.run.report, state)):
            return why
        wrong = [trial for proof in tried.proofs.values() for trial in proof.wrong if trial.root]
        if wrong:
            return _told(wrong[0])
        why = judge.against_all(base, tried.run)
        return judge.against_all(base, tried.run, self.bench.masked()) if why else ""

    def _less(self, suspects: list[Placed], against: dict[str, str]) -> list[Placed]:
        for one in suspects:
            if one.key in against:
                self.cases.refuse(one, against[one.key])
        return self._fitting([one for one in suspects if one.key not in against])

    def _with(self, suspects: Sequence[Placed]) -> State:
        state = self.state
        for one in suspects:
            state = state.plus(one)
        return state

    def _fitting(self, suspects: Sequence[Placed]) -> list[Placed]:
        """Those that still have under them what they were made on."""
        there = {one.key for one in self.state.placed}
        kept: list[Placed] = []
        for one in suspects:
            if one.with_ <= there | {other.key for other in kept}:
                kept.append(one)
            else:
                self.cases.refuse(one, "what it was made on top of was refused")
        return kept


def _halves(suspects: Sequence[Placed], tried: Tried) -> tuple[list[Placed], list[Placed]]:
    """Two parts to be tried apart: those whose functions were compared and agreed, or else the first half."""
    agreed = [one for one in suspects if any(not t.root for t in tried.proofs.get(one.key, Proof()).trials)]
    others = [one for one in suspects if one not in agreed]
    if agreed and others and all(not one.with_ for one in suspects):
        return agreed, others
    half = len(suspects) // 2
    return list(suspects[:half]), list(suspects[half:])


def _keys(state: State) -> frozenset[str]:
    return frozenset(one.key for one in state.placed)


def _told(trial: Trial) -> str:
    return f"{trial.what} with {trial.inputs}: {trial.detail}"


def _standing(found: Seen) -> frozenset[Home]:
    return frozenset(found.breaks) | frozenset(found.recompiles)

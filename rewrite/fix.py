"""`g2 fix` as a function: a record, the loop of trials, and what came of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from g2.capture.paths import relative
from g2.rewrite import judge
from g2.rewrite.cases import Case, Cases
from g2.rewrite.diff import unified
from g2.rewrite.model import Alone, Fixing, Offer, Proof, Safety
from g2.rewrite.plan import script
from g2.rewrite.prove import Bench, Loop
from g2.rewrite.source import Source
from g2.rewrite.state import Placed, State


@dataclass(frozen=True, slots=True)
class Result:
    """What was found out, and what is needed to write it: the state with every offer in place."""

    fixing: Fixing
    state: State
    keys: dict[int, tuple[str, ...]]  # of each offer, by its number

    def chosen(self, numbers: Sequence[int]) -> State:
        """The state with these offers alone, and those that they need."""
        wanted = {key for number in numbers for key in self.keys[number]}
        return self.state.without([one.key for one in self.state.placed if one.key not in wanted])


def fix(
    bench: Bench,
    only: Sequence[str] = (),
    on_round: Callable[[int, int, int], None] = lambda *_: None,
    sources: Mapping[str, Source] = MappingProxyType({}),
    adopt: bool = False,
) -> Result:
    """Find cures for all that the script's record shows, and prove them. Nothing on disk is changed.

    only: slugs of rules; all when empty. sources: files that the script sees other than they are on disk, as
    writing.base finds them. adopt: have the script compile what it does not compile yet, once all else is in place.
    Raises launch.LaunchError and OSError where the script cannot be run.
    """
    began = time.monotonic()
    loop = Loop(bench, Cases(frozenset(only)), on_round, State(dict(sources)))
    loop.turn()
    if adopt:
        loop.adopt()
    base, now = loop.base, loop.now
    before, after = (judge.counts(run.session) for run in (base, now))
    offers, keys = _offers(loop, base.session.cwd)
    fixing = Fixing(
        argv=base.session.argv,
        cwd=base.session.cwd,
        script=script(base.session.argv, base.session.cwd),
        before=before,
        after=after,
        offers=offers,
        alone=_alone(loop, offers),
        files=tuple(
            (path, hashlib.sha256(loop.state.original(path).data).hexdigest()) for path in loop.state.changed()
        ),
        rounds=loop.rounds,
        runs=bench.runs,
        seconds=round(time.monotonic() - began, 1),
        notes=tuple(loop.notes),
    )
    return Result(fixing, loop.state, keys)


def _offers(loop: Loop, cwd: str) -> tuple[tuple[Offer, ...], dict[int, tuple[str, ...]]]:
    """One offer for all places that the same edits answer."""
    groups: dict[object, list[Placed]] = {}
    for one in loop.state.placed:
        whole = one.with_ or any(one.key in other.with_ for other in loop.state.placed)
        groups.setdefault(_bound(one, loop.state) if whole else one.files, []).append(one)
    numbers = {one.key: number for number, group in enumerate(groups.values(), start=1) for one in group}
    offers: list[Offer] = []
    keys: dict[int, tuple[str, ...]] = {}
    for number, group in enumerate(groups.values(), start=1):
        first = group[0]
        alone = loop.state.without([one.key for one in loop.state.placed if one not in group])
        proof = _joined([loop.proofs.get(one.key, Proof()) for one in group])
        safety = max((_safety(one, proof, loop.state) for one in group), key=list(Safety).index)
        others = [other for other in loop.state.placed if numbers[other.key] != number]
        needs = {numbers[other.key] for one in group for other in others if _behind(one, other, loop)}
        offers.append(
            Offer(
                number=number,
                targets=tuple(dict.fromkeys(_case(loop.cases, one).target for one in group)),
                proposal=first.proposal,
                safety=safety,
                proof=proof,
                diffs=tuple(
                    (path, unified(shown(path, cwd), text.source.text, text.draw()))
                    for path, text in alone.changed().items()
                ),
                needs=tuple(sorted(needs)),
            )
        )
        keys[number] = tuple(one.key for one in group)
    return tuple(offers), keys


def shown(path: str, cwd: str) -> str:
    """A path as a diff names it: from the working directory, or from the file system's root."""
    return relative(path, cwd).lstrip("/")


def _bound(one: Placed, state: State) -> frozenset[str]:
    """The keys of all that cannot be had without each other."""
    keys = {one.key}
    while True:
        more = {other.key for other in state.placed if other.with_ & keys}
        more |= {key for other in state.placed if other.key in keys for key in other.with_}
        if more <= keys:
            return frozenset(keys)
        keys |= more


def _case(cases: Cases, one: Placed) -> Case:
    return next(case for case in cases.met.values() if one.key in case.tried)


def _behind(one: Placed, cure: Placed, loop: Loop) -> bool:
    """Whether a place was met only once that cure was in place: it changes a function on the way there."""
    case = _case(loop.cases, one)
    if _case(loop.cases, cure).round >= case.round:
        return False
    touched = judge.reach(cure, loop.state)
    return any(
        path == where and first <= line <= last
        for where, line in (case.home[:2], *case.stack)
        for path, first, last in touched
    )


def _joined(proofs: Sequence[Proof]) -> Proof:
    return Proof(
        tuple(dict.fromkeys(trial for proof in proofs for trial in proof.trials)),
        tuple(dict.fromkeys(side for proof in proofs for side in proof.sides)),
        tuple(dict.fromkeys(note for proof in proofs for note in proof.notes)),
    )


def _safety(one: Placed, proof: Proof, state: State) -> Safety:
    """SAFE only with evidence: what changed was compared, and both ways of each branch were taken.

    A function that changed has to be compared itself; where Dynamo alone is spoken to, compiled calls of roots do.
    """
    if one.proposal.safety is not Safety.SAFE:
        return one.proposal.safety
    agreed = [trial for trial in proof.trials if trial.outcome in ("same", "close")]
    if judge.changes_functions(one, state):
        agreed = [trial for trial in agreed if not trial.root]
    return Safety.SAFE if agreed and not proof.one_sided and not proof.notes else Safety.ASK


def _alone(loop: Loop, offers: Sequence[Offer]) -> tuple[Alone, ...]:
    answered = {target for offer in offers for target in offer.targets}
    standing = judge.seen(loop.now.report, loop.state)
    found: list[Alone] = []
    for case in loop.cases.met.values():
        if case.target in answered:
            continue
        if not _stands(case, loop, standing) and case.target.kind != "root":
            continue  # it went away with another
        advice = case.shown[0].advice if case.shown else case.advice
        found.append(Alone(case.target, why(case, loop), advice))
    return tuple(found)


def _stands(case: Case, loop: Loop, standing: judge.Seen) -> bool:
    """Whether the script still stops at a place: for this reason, or for another that is no place of its own."""
    if standing.breaks[case.home] or standing.recompiles[case.home]:
        return True
    others = (home for home in standing.breaks if home[:2] == case.home[:2])
    return any(home not in loop.cases.met for home in others)


def why(case: Case, loop: Loop) -> tuple[str, ...]:
    """Why a place is left alone: never nothing."""
    said = dict.fromkeys(f"{left.why} ({left.rule})" if left.rule else left.why for left in case.left if left.why)
    if case.open_:
        rules = ", ".join(dict.fromkeys(one.proposal.rule for one in case.open_))
        ended = f"the search ended after {loop.runs} runs of the script"
        cause = ended if loop.notes else "another cure changed the same text, or what breaks there"
        said[f"a rewrite was found and not tried: {cause} ({rules})"] = None
    if said:
        return tuple(said)
    if case.tried:
        return ("its rewrite was taken back: no compiled call reached what it changed",)
    if case.shown:
        return ("what helps needs a decision of yours",)
    if loop.cases.only:
        return ("no rule that was asked for answers it",)
    return (f"no rule has a rewrite for it ({case.target.reason})",)

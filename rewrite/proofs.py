"""What a trial is asked to prove, and what it found, by the cures that were in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from g2.capture.fold.journals import Event
from g2.capture.model import Span
from g2.rewrite import trial_events
from g2.rewrite.judge import changes_functions, doing, reach
from g2.rewrite.model import Proof, Trial
from g2.rewrite.state import Placed, State, functions
from g2.rewrite.trial.asked import Asked

Place = tuple[str, int, int, int, int]
Function = tuple[str, int, int]  # path, first and last line
Spot = tuple[str, int]  # path and first line of one
_NOWHERE = ("", 0)  # of what is about no function
ALLOWED = "It was compared while differences were allowed that other rewrites name."
UNREACHED = "No call of what changed was compared: no compiled call led there."
_ENOUGH = 4.0  # seconds of processors that the comparisons of a run may take at least


@dataclass(slots=True)
class _Compared:
    """What a run found out about one function. sides: of tests in it, whether each way was seen."""

    trials: list[Trial] = field(default_factory=list[Trial])
    notes: list[str] = field(default_factory=list[str])
    sides: dict[Place, tuple[bool, bool]] = field(default_factory=dict[Place, tuple[bool, bool]])

    def plus(self, other: _Compared) -> _Compared:
        """Both."""
        sides = dict(self.sides)
        for test, (yes, no) in other.sides.items():
            had = sides.get(test, (False, False))
            sides[test] = (had[0] or yes, had[1] or no)
        return _Compared(
            list(dict.fromkeys([*self.trials, *other.trials])), list(dict.fromkeys([*self.notes, *other.notes])), sides
        )


@dataclass(slots=True)
class Proofs:
    """Asks one run after another, and remembers: a function whose new text was compared is not compared again.

    What else was in place then and is not now does not matter, as it was found to do the same as the text before it;
    of a run in which something was not, nothing is remembered.
    """

    _known: dict[object, tuple[frozenset[str], _Compared]] = field(
        default_factory=dict[object, "tuple[frozenset[str], _Compared]"]
    )  # by what the function does now; and the tags of model.Proposal that were allowed then
    _apart: set[str] = field(default_factory=set[str])  # roots that do something else compiled, before any cure

    def ask(self, record: Path, state: State, suspects: Sequence[Placed], seconds: float) -> None:
        """Tell the trial which functions have changed and what must be seen of them; without suspects, that all is well
        as a whole. seconds: that the script took by itself. Raises OSError.
        """
        functions = _functions(suspects or state.placed, state)
        known = {
            place[:2]
            for place, does in functions.items()
            if not suspects or does == _does(place, state, False) or self._knows(place, does, state, suspects)
        }
        Asked(
            functions=frozenset(place[:2] for place in functions),
            known=frozenset(known),
            tests=tuple(dict.fromkeys(_numbers(test) for one in suspects for test in one.tests)),
            differs=_differs(state.placed),
            seconds=max(_ENOUGH, seconds),
            apart=frozenset(self._apart),
        ).write(record)

    def _knows(self, place: Function, does: object, state: State, suspects: Sequence[Placed]) -> bool:
        """Whether it was compared, and its tests were watched."""
        return (
            bool(self._of(place, does, state).trials)
            and _tests(place, suspects) <= self._of(place, does, state).sides.keys()
        )

    def _of(self, place: Function, does: object, state: State) -> _Compared:
        """What earlier runs found out about it, where they allowed no more than is allowed now."""
        tags, compared = self._known.get((place, does), (frozenset[str](), _Compared()))
        return compared if tags <= _differs(state.placed) else _Compared()

    def read(self, record: Path, state: State, suspects: Sequence[Placed]) -> dict[str, Proof]:
        """The proof of each suspect, by its key. Raises OSError."""
        events = trial_events.read(record)
        self._apart |= {event["root"] for event in events if event["e"] == "apart"}
        found, roots = _by_spot([event for event in events if event["e"] != "apart"])
        functions = _functions(suspects, state)
        whole = found.get(_NOWHERE, _Compared())
        compared = {
            place: self._of(place, does, state).plus(_within(place, found.get(place[:2], _Compared()), whole))
            for place, does in functions.items()
        }
        if not any(trial.outcome == "differs" for one in found.values() for trial in one.trials):
            for place, does in functions.items():
                if any(trial.outcome in ("same", "close") for trial in compared[place].trials):
                    self._known[place, does] = _differs(state.placed), compared[place]
        again = not any(found.get(place[:2]) for place in functions)
        proofs: dict[str, Proof] = {}
        for one in suspects:
            every = _Compared()
            for place in reach(one, state):
                every = every.plus(compared[place])
            sides = {**whole.sides, **every.sides}
            trials = dict.fromkeys([*every.trials, *_of_roots(one, state, roots, again)])
            outside = [note for spot in _outside(one, state) for note in found.get(spot, _Compared()).notes]
            notes = [*every.notes, *outside, *whole.notes]
            if not trials:
                notes.append(UNREACHED)
            if _differs(state.placed) - one.proposal.differs:
                notes.append(ALLOWED)
            tests = tuple((test, *sides.get(_numbers(test), (False, False))) for test in one.tests)
            proofs[one.key] = Proof(tuple(trials), tests, tuple(dict.fromkeys(notes)))
        return proofs


def _of_roots(one: Placed, state: State, roots: Sequence[tuple[Trial, frozenset[Spot]]], again: bool) -> list[Trial]:
    """The calls of roots in which a cure had a part: those that reached a function of its own.

    All of them where it changes no function, and where every function was compared in an earlier run (again).
    """
    own = {place[:2] for place in reach(one, state)}
    every = again or not changes_functions(one, state)
    return [trial for trial, reached in roots if every or own & reached]


def _outside(one: Placed, state: State) -> list[Spot]:
    """The lines that a cure changes outside of functions: they run when the file is loaded."""
    found: list[Spot] = []
    for file in one.files:
        source = state.original(file.path)
        for edit in file.edits:
            first, last = source.position(edit.start)[0], source.position(max(edit.end - 1, edit.start))[0]
            found += [(file.path, line) for line in range(first, last + 1) if not functions(source, line, line)]
    return found


def _by_spot(events: Iterable[Event]) -> tuple[dict[Spot, _Compared], list[tuple[Trial, frozenset[Spot]]]]:
    """What the run found by function, sides with what is about the whole; calls of roots and the functions in them."""
    found: dict[Spot, _Compared] = defaultdict(_Compared)
    roots: list[tuple[Trial, frozenset[Spot]]] = []
    sides: dict[Place, tuple[bool, bool]] = {}
    for event in events:
        one = found[event.get("path") or "", event.get("line") or 0]
        if event["e"] == "trial":
            whole = not event["path"]
            trial = Trial(event["what"], event["inputs"], event["outcome"], event.get("detail", ""), whole)
            one.trials.append(trial)
            if whole:
                roots.append((trial, frozenset((path, line) for path, line in event.get("reached", ()))))
        elif event["e"] == "side":
            key = (event["path"], event["line"], event["column"], event["end_line"], event["end_column"])
            had = sides.get(key, (False, False))
            sides[key] = (had[0] or event["true"], had[1] or event["false"])
        else:
            one.notes.append(event["what"])
    found[_NOWHERE].sides = sides
    return found, roots


def _within(place: Function, own: _Compared, whole: _Compared) -> _Compared:
    """What was found about one function, with the tests that stand in it."""
    path, first, last = place
    sides = {test: seen for test, seen in whole.sides.items() if test[0] == path and first <= test[1] <= last}
    return _Compared(own.trials, own.notes, sides)


def _functions(placed: Iterable[Placed], state: State) -> dict[Function, object]:
    """The functions on disk that these cures change, with what they do then."""
    places = dict.fromkeys(place for one in placed for place in reach(one, state))
    return {place: _does(place, state, True) for place in places}


def _does(place: Function, state: State, now: bool) -> object:
    """What a function does, on disk or now: what only speaks to Dynamo needs no comparison."""
    path, first, last = place
    source = state.original(path)
    names = {name for name, *lines in functions(source, first, last) if lines == [first, last]}
    return tuple(doing(state.read(path) if now else source, names))


def _tests(place: Function, suspects: Sequence[Placed]) -> frozenset[Place]:
    """What must be seen of a function."""
    path, first, last = place
    tests = (_numbers(test) for one in suspects for test in one.tests)
    return frozenset(test for test in tests if test[0] == path and first <= test[1] <= last)


def _differs(placed: Iterable[Placed]) -> frozenset[str]:
    return frozenset(tag for one in placed for tag in one.proposal.differs)


def _numbers(span: Span) -> Place:
    return (span.path, span.line, span.column, span.end_line, span.end_column)

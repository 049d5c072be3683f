"""The places that ask for a cure, with what has been tried for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from g2.explain.report import Report
from g2.rewrite.adopt import adopt
from g2.rewrite.edit import Overlap
from g2.rewrite.judge import Home, Spot, home_of, reach
from g2.rewrite.model import Left, Proposal, Safety, Target
from g2.rewrite.plan import candidates
from g2.rewrite.source import Unreadable
from g2.rewrite.state import Placed, State


@dataclass(slots=True)
class Case:
    """One place. `open_`: proposals not tried yet, best first."""

    target: Target  # as it was first met, its span on disk
    home: Home
    advice: tuple[str, ...]
    open_: list[Placed] = field(default_factory=list[Placed])
    tried: list[str] = field(default_factory=list[str])  # keys, the last one is in place or was refused
    left: list[Left] = field(default_factory=list[Left])
    shown: list[Proposal] = field(default_factory=list[Proposal])  # those that need a person's decision
    round: int = 0  # in which it was met
    stack: tuple[Spot, ...] = ()  # the calls that led there, on disk
    again: dict[str, tuple[Placed, frozenset[str]]] = field(default_factory=dict[str, "tuple[Placed, frozenset[str]]"])
    # proposals that a run spoke against, and the cures that were in place then: others may make way for them


@dataclass(slots=True)
class Cases:
    """All places met so far. `only`: rules that may be used, all when empty; `wanted`: whether a place is asked for."""

    only: frozenset[str] = frozenset()
    met: dict[Home, Case] = field(default_factory=dict[Home, Case])

    def meet(self, report: Report, state: State, round_: int) -> int:
        """Take the findings of a report that was made with `state` in place; how many of them are new."""
        new = 0
        for found in candidates(report, state.read):
            home = _home(found.target, report.session.cwd, state)
            if (case := self.met.get(home)) is not None:
                if not (case.open_ or case.tried):  # other cures may have made a rewrite legal
                    more = [one for one in self._wanted(found.proposals) if one.safety is not Safety.SHOW]
                    case.left = list(found.left) if more else case.left
                    self._open(case, found.target, more, state)
                continue
            new += 1
            on_disk = _moved(found.target, home[1])
            stack = tuple(home_of(span, "", report.session.cwd, state)[0][:2] for span in found.stack)
            case = Case(on_disk, home, found.advice, left=list(found.left), round=round_, stack=stack)
            self.met[home] = case
            self._open(case, found.target, self._wanted(found.proposals), state)
        return new

    def _wanted(self, proposals: Iterable[Proposal]) -> list[Proposal]:
        return [one for one in proposals if not self.only or one.rule in self.only]

    def adoptable(self, report: Report, state: State, round_: int) -> frozenset[Home]:
        """Take the modules that nobody compiles, of a report that was made with `state` in place; their places."""
        new: list[Home] = []
        for found in adopt(report, state.read):
            home = _home(found.target, report.session.cwd, state)
            if home not in self.met:
                new.append(home)
                on_disk = _moved(found.target, home[1])
                case = self.met[home] = Case(on_disk, home, (), left=list(found.left), round=round_)
                self._open(case, found.target, found.proposals, state)
        return frozenset(new)

    def _open(self, case: Case, target: Target, proposals: Iterable[Proposal], state: State) -> None:
        for proposal in proposals:
            if proposal.safety is Safety.SHOW:
                case.shown.append(proposal)
                continue
            try:
                case.open_.append(state.place(target, case.home[:2], proposal))
            except (Overlap, Unreadable) as error:
                case.left.append(Left(str(error) or "another cure touches the same text", proposal.rule))

    def choose(self, state: State, standing: frozenset[Home]) -> tuple[State, list[Placed]]:
        """One untried proposal for each place that still stands, as far as they fit together.

        Those that name no difference come first: what another names would be allowed to them as well.
        """
        strict, chosen = self._chosen(state, standing, lambda one: not one.proposal.differs)
        return (strict, chosen) if chosen else self._chosen(state, standing, lambda one: True)

    def _chosen(
        self, state: State, standing: frozenset[Home], fit: Callable[[Placed], bool]
    ) -> tuple[State, list[Placed]]:
        chosen: list[Placed] = []
        for case in self._waiting(state, standing):
            if not case.open_ or not fit(case.open_[0]):
                continue
            late: list[Placed] = []
            while case.open_:
                one = case.open_.pop(0)
                try:
                    state = state.plus(one)
                except Overlap:
                    late.append(one)  # when what it overlaps is refused its turn comes
                    continue
                except Unreadable as error:
                    case.left.append(Left(f"its text would not be Python: {error}", one.proposal.rule))
                    continue
                case.tried.append(one.key)
                chosen.append(one)
                break
            case.open_ = late + case.open_
        return state, chosen

    def _waiting(self, state: State, standing: frozenset[Home]) -> Iterator[Case]:
        placed = {one.key for one in state.placed}
        for home, case in self.met.items():
            if home in standing and not (set(case.tried) & placed):
                yield case

    def refuse(self, one: Placed, why: str, there: frozenset[str] | None = None) -> None:
        """A proposal was tried, and this speaks against it.

        there: keys of the cures that were in place, where that may change with others; None where it did something else
        than the original. A second time is the last.
        """
        for case in self.met.values():
            if one.key in case.tried:
                case.left.append(Left(why, one.proposal.rule))
                if there is not None and case.tried.count(one.key) == 1:
                    case.again[one.key] = one, there

    def reopen(self, state: State, standing: frozenset[Home]) -> bool:
        """Open again what was refused at places that still stand, where a cure has come to a function on the way there
        since; whether there is any.
        """
        found = False
        for case in self._waiting(state, standing):
            for one, there in list(case.again.values()):
                if any(_on_the_way(other, case, state) for other in state.placed if other.key not in there):
                    del case.again[one.key]
                    case.open_.append(one)
                    found = True
        return found


def _on_the_way(one: Placed, case: Case, state: State) -> bool:
    """Whether a cure changes a function that leads to a place, or the place's own."""
    return any(
        path == where and first <= line <= last
        for where, line in (case.home[:2], *case.stack)
        for path, first, last in reach(one, state)
    )


def _home(target: Target, cwd: str, state: State) -> Home:
    span = target.span if target.kind == "break" else replace(target.span, column=-1)
    return home_of(span, target.reason, cwd, state)[0]


def _moved(target: Target, line: int) -> Target:
    """A place of a text with cures in it, at its line on disk."""
    span = target.span
    end = span.end_line + line - span.line if span.end_line >= 0 else -1
    return replace(target, span=replace(span, line=line, end_line=end))

"""The life of a fork that proves: at one call of a root, the code before and the new code are compared."""

from __future__ import annotations

import gc
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from g2.capture.backend import Backend
from g2.capture.fold.journals import events_of
from g2.capture.journal import Journal
from g2.capture.overlay import served
from g2.capture.through.fork import wait_for_turn
from g2.capture.through.quiet import become_quiet, silence_descriptors
from g2.rewrite.trial.asked import Asked
from g2.rewrite.trial.calls import Calls
from g2.rewrite.trial.comparing import Comparing
from g2.rewrite.trial.forking import attempt
from g2.rewrite.trial.seeking import seek
from g2.rewrite.trial.sides import Sides
from g2.rewrite.trial.subject import Caller, Subject, surroundings
from g2.rewrite.trial.versions import Live, Versions
from g2.rewrite.trial_events import read

SECONDS = 75.0  # of one prover, waiting for its turn not counted
ALL = 120.0  # seconds of processors for all provers of a run; those that come later compare nothing
_FUNCTIONS = 0.6  # share of these for the calls of functions
_INPUTS = 40  # other inputs of a function
_LESS = 6  # where a function was met before, by another call of the script
_OF_ROOT = 8  # of a root: what matters there is how functions play together
_MET = 12  # comparisons of a function after which it was met


@dataclass(frozen=True, slots=True)
class Moment:
    """A call of a root that is about to be made. number: how often this root's calls were proved before; module: the
    root's, where it is one.
    """

    root: str
    number: int
    module: torch.nn.Module | None
    run: Callable[..., Any]
    eager: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def prove(moment: Moment, path: Path, parents: Journal, backend: Backend, stream: tuple[Any, ...]) -> None:
    """Everything that the fork does. Its events go to `path`."""
    parents.failed = "this process is a fork of g2's own"
    silence_descriptors(set())
    journal = Journal(path)
    journal.write({"e": "start", "pid": os.getpid(), "ppid": os.getppid(), "trial": True, "t": time.time()})
    wait_for_turn(path.parent, [".turn-prove"])  # one at a time: each goes on from what those before have proved
    become_quiet(seconds=int(SECONDS) + 30)
    random.setstate(stream)  # Python seeds it anew in a forked process
    torch.set_num_threads(1)  # the threads of OpenMP did not come along
    begin = time.monotonic()
    try:
        if _spent(path.parent) > ALL:
            raise TimeoutError("the time for comparing was up")
        reached = _Prover(moment, path.parent, journal, backend).work(begin + SECONDS)
        end = {"e": "end", "reached": reached}
    except BaseException as error:
        why = str(error) if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"[:500]
        what = f"One call of {moment.root.partition('@')[0]} was not compared to its end: {why}."
        journal.write({"e": "proof_note", "what": what, "path": None, "line": None})
        end = {"e": "end", "reached": None}
    cpu = sum(os.times()[:4])  # with that of the forks it waited for
    journal.write({**end, "t": time.time(), "s": round(time.monotonic() - begin, 3), "cpu_s": round(cpu, 3)})


def _spent(folder: Path) -> float:
    """Seconds of processors that the provers have taken which have ended."""
    ends = (event for path in folder.glob("trial-*.jsonl") for event in events_of(path) if event["e"] == "end")
    return float(sum(event["cpu_s"] for event in ends))


class _Prover:
    def __init__(self, moment: Moment, folder: Path, journal: Journal, backend: Backend) -> None:
        self._moment = moment
        self._journal = journal
        self._backend = backend
        self._asked = Asked.read(folder)
        self._met = Counter((event["path"], event["line"]) for event in read(folder) if event["e"] == "trial")
        self._sides = Sides()
        self._sides.install()
        overlay = served()
        assert overlay is not None
        places = {number: (test[0], test[1:]) for number, test in enumerate(self._asked.tests)}
        self._versions = Versions(overlay, places)
        gc.freeze()  # a collection in a fork would copy every page it looks at

    def work(self, deadline: float) -> int:
        """The number of changed functions that the call reached."""
        for note in self._versions.notes:
            self._journal.write({"e": "proof_note", "what": note.what, "path": note.path, "line": note.line or None})
        for number, test in enumerate(self._asked.tests):
            if number not in self._versions.watched:
                name = Path(test[0]).name
                what = f"Which way the test at line {test[1]} of {name} goes could not be watched."
                self._journal.write({"e": "proof_note", "what": what, "path": test[0], "line": test[1]})
        reached = 0
        if self._versions.live:
            reached = self._functions(time.monotonic() + (deadline - time.monotonic()) * _FUNCTIONS)
        if reached:
            self._root(deadline)
            self._tell_sides()
        elif self._moment.number == 0:  # what was changed may only speak to Dynamo: that shows when it compiles
            subject = _subject(self._moment)
            self._comparing(self._journal.write, deadline).compiled(subject, subject.recorded)
        return reached

    def _functions(self, deadline: float) -> int:
        """The calls of changed functions; how many functions were reached."""
        asked = self._asked.functions
        live = [one for one in self._versions.live if not asked or (one.pair.path, one.pair.line) in asked]
        moment = self._moment

        def work(file: BinaryIO) -> None:
            def tell(event: dict[str, Any]) -> None:
                file.write(json.dumps(event).encode("ascii", "backslashreplace") + b"\n")
                file.flush()

            calls = Calls(self._comparing(tell, deadline), live, self._wanted, self._inputs)
            try:
                calls.meet(lambda: moment.eager(*moment.args, **moment.kwargs))
            finally:
                tell({"sides": {number: sorted(seen) for number, seen in self._sides.seen.items()}})
                tell({"reached": len(calls.reached)})

        answer = attempt(work, max(deadline - time.monotonic(), 1) + 10)
        reached = 0
        for line in answer.data.splitlines():
            event = json.loads(line)
            if "e" in event:
                self._journal.write(event)
                reached = max(reached, 1)
            elif "sides" in event:
                for number, seen in event["sides"].items():
                    self._sides.seen[int(number)] |= set(seen)
            else:
                reached = event["reached"]
        return reached

    def _root(self, deadline: float) -> None:
        """The root's call as a whole."""
        moment = self._moment
        subject = _subject(moment)
        comparing = self._comparing(self._journal.write, deadline)
        first = moment.number == 0
        comparing.all(subject, deadline - (10 if first else 0), _OF_ROOT if first else 2)
        unseen = {number for live in self._versions.live for number in self._wanted(live)}
        if first and unseen:
            wanted = unseen.copy

            def still() -> set[int]:
                return {number for number in wanted() if len(self._sides.seen[number]) < 2}

            seek(comparing, subject, still, deadline - 10)
        if moment.number != 1:  # the second call brings Dynamo little that is new
            comparing.compiled(subject, subject.recorded)

    def _comparing(self, tell: Callable[[dict[str, Any]], None], deadline: float) -> Comparing:
        caller = Caller(self._versions, self._sides, self._backend, deadline)
        return Comparing(caller, tell, self._asked.differs)

    def _inputs(self, live: Live) -> int:
        """How many other inputs are tried with a function."""
        return _LESS if self._met[live.pair.path, live.pair.line] >= _MET else _INPUTS

    def _wanted(self, live: Live) -> set[int]:
        """Tests of a function of which not both sides have been seen."""
        pair = live.pair
        return {
            number
            for number, test in enumerate(self._asked.tests)
            if number in self._versions.watched and test[0] == pair.path and pair.line <= test[1] <= pair.last
            if len(self._sides.seen[number]) < 2
        }

    def _tell_sides(self) -> None:
        names = ("path", "line", "column", "end_line", "end_column")
        for number, test in enumerate(self._asked.tests):
            seen = self._sides.seen[number]
            place = dict(zip(names, test, strict=True))
            self._journal.write({"e": "side", **place, "true": True in seen, "false": False in seen})


def _subject(moment: Moment) -> Subject:
    """The root's call; the module, where it is the first argument or what a method belongs to, is its owner."""
    args, eager, run = moment.args, moment.eager, moment.run
    what = moment.root.partition("@")[0]
    owner = getattr(eager, "__self__", None)
    if owner is None and args and moment.module is not None and args[0] is moment.module:
        owner, args = args[0], args[1:]
        return Subject(
            what, "", 0, lambda *a, **k: eager(owner, *a, **k), args, moment.kwargs, owner, (), None,
            lambda *a, **k: run(owner, *a, **k),
        )  # fmt: skip
    function = getattr(eager, "__func__", eager)
    return Subject(what, "", 0, eager, args, moment.kwargs, owner, (), function, run, surroundings(function))

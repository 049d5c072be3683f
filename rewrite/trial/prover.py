"""The life of a fork that proves: at one call of a root, the code before and the new code are compared."""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any, BinaryIO

import torch

from g2.capture.backend import Backend
from g2.capture.fold.journals import events_of
from g2.capture.journal import Journal
from g2.capture.overlay import served
from g2.capture.through.fork import wait_for_turn
from g2.capture.through.quiet import become_quiet, silence_descriptors
from g2.rewrite.trial.asked import Asked
from g2.rewrite.trial.calls import Calls, Place, compare_call
from g2.rewrite.trial.clock import readers
from g2.rewrite.trial.comparing import Comparing
from g2.rewrite.trial.filled import filled
from g2.rewrite.trial.forking import attempt
from g2.rewrite.trial.functions import under_way
from g2.rewrite.trial.reached import reached
from g2.rewrite.trial.seeking import seek
from g2.rewrite.trial.sides import Sides
from g2.rewrite.trial.spending import Spending
from g2.rewrite.trial.subject import Caller, Subject
from g2.rewrite.trial.versions import Versions
from g2.rewrite.trial_events import read

SECONDS = 240.0  # of one prover, waiting for its turn not counted; less time of processors ends it long before
_AT_MOST = 3.0  # times what was asked for, in seconds of processors: then nothing more is compared, and a note says so
_LEAST = 30.0  # but so many
_FUNCTIONS = 0.7  # share of these for the calls of functions
_INPUTS = 40  # other inputs of a function
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
        spent = _spent(folder)
        most = max(_AT_MOST * self._asked.seconds, _LEAST) - spent
        if most <= 0:
            raise TimeoutError("the time for comparing was up")
        self._spending = Spending(max(self._asked.seconds - spent, 0.0), most)
        self._met = Counter((event["path"], event["line"]) for event in read(folder) if event["e"] == "trial")
        self._sides = Sides()
        self._sides.install()
        overlay = served()
        assert overlay is not None
        places = {number: (test[0], test[1:]) for number, test in enumerate(self._asked.tests)}
        self._versions = Versions(overlay, places)
        readers(len(sys.modules))  # found once, for all forks
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
        inside: set[Place] = set()
        around = self._around(deadline)
        if self._versions.live:
            inside = self._functions(time.monotonic() + (deadline - time.monotonic()) * _FUNCTIONS)
        if self._asked_for(inside) - self._own():
            self._root(deadline)
        elif self._moment.number == 0:  # the root does what its own function does, or was only spoken of to Dynamo
            self._compiled(deadline)
        if inside or around:
            self._tell_sides()
        return len(inside | around)

    def _around(self, deadline: float) -> set[Place]:
        """Compare changed functions that are under way, as a training step is that calls what is compiled."""
        found: set[Place] = set()
        comparing = self._comparing(self._journal.write, deadline, self._spending.part(_FUNCTIONS))
        for subject in under_way(self._versions.live):
            place = (subject.path, subject.line)
            found.add(place)
            inputs = self._inputs(place)
            if inputs is not None:
                compare_call(comparing, subject, partial(self._wanted, place), inputs)
        return found

    def _own(self) -> set[Place]:
        """The changed function that the root's call is, if it is one."""
        function = getattr(self._moment.eager, "__func__", self._moment.eager)
        module = self._moment.module
        codes = {getattr(function, "__code__", None)}
        if module is not None and getattr(function, "__name__", "") != "forward":
            codes.add(getattr(type(module).forward, "__code__", None))
        return {(one.pair.path, one.pair.line) for one in self._versions.live if one.pair.new in codes}

    def _functions(self, deadline: float) -> set[Place]:
        """The calls of changed functions in that of the root; which functions were reached."""
        moment = self._moment
        enough, most = self._spending.part(_FUNCTIONS).handed()

        def work(file: BinaryIO) -> None:
            def tell(event: dict[str, Any]) -> None:
                file.write(json.dumps(event).encode("ascii", "backslashreplace") + b"\n")
                file.flush()

            comparing = self._comparing(tell, deadline, Spending(enough, most))
            calls = Calls(comparing, self._versions.live, self._wanted, self._inputs, self._own())
            try:
                calls.meet(lambda: moment.eager(*moment.args, **moment.kwargs))
            finally:
                tell({"sides": {number: sorted(seen) for number, seen in self._sides.seen.items()}})
                tell({"reached": sorted(calls.reached)})

        answer = attempt(work, max(deadline - time.monotonic(), 1) + 10)
        reached: set[Place] = set()
        for line in answer.data.splitlines():
            event = json.loads(line)
            if "e" in event:
                self._journal.write(event)
                if event["e"] == "trial":
                    reached.add((event["path"], event["line"]))
            elif "sides" in event:
                for number, seen in event["sides"].items():
                    self._sides.seen[int(number)] |= set(seen)
            else:
                reached |= {(path, line) for path, line in event["reached"]}
        return reached

    def _root(self, deadline: float) -> None:
        """The root's call as a whole, for how functions play together."""
        subject = _subject(self._moment, self._versions)
        comparing = self._comparing(self._journal.write, deadline)
        if comparing.left(subject, deadline) and comparing.one(subject, subject.recorded) == "differs":
            return
        if self._moment.number:
            return
        self._compiled(deadline)
        places = {(one.pair.path, one.pair.line) for one in self._versions.live}
        unseen = {number for place in places if self._inputs(place) is not None for number in self._wanted(place)}
        if unseen:
            seek(comparing, subject, lambda: {n for n in unseen if len(self._sides.seen[n]) < 2}, deadline)
        if not self._asked.known and self._spending.plenty:
            comparing.telling(subject, deadline)

    def _compiled(self, deadline: float) -> None:
        subject = _subject(self._moment, self._versions)
        comparing = self._comparing(self._journal.write, deadline)
        root = self._moment.root.rpartition(":")[0]  # the line moves with edits
        if root in self._asked.apart or not comparing.left(subject, deadline):
            return
        if not comparing.compiled(subject, subject.recorded):
            self._journal.write({"e": "apart", "root": root})

    def _comparing(
        self, tell: Callable[[dict[str, Any]], None], deadline: float, spending: Spending | None = None
    ) -> Comparing:
        differs = self._asked.differs
        caller = Caller(self._versions, self._sides, self._backend, deadline, filled(differs))
        return Comparing(caller, tell, differs, spending or self._spending)

    def _asked_for(self, places: set[Place]) -> set[Place]:
        return places if self._asked.functions is None else places & self._asked.functions

    def _inputs(self, place: Place) -> int | None:
        """How many other inputs are tried with a function; None when it is not to be compared."""
        if not self._asked_for({place}) or place in self._asked.known:
            return None
        return 0 if self._met[place] >= _MET else _INPUTS

    def _wanted(self, place: Place) -> set[int]:
        """Tests of a function of which not both sides have been seen."""
        pair = next(one.pair for one in self._versions.live if (one.pair.path, one.pair.line) == place)
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


def _subject(moment: Moment, versions: Versions) -> Subject:
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
    codes = [code for one in versions.live if one.function is function for code in (one.pair.old, one.pair.new)]
    around = reached(function, codes or [function.__code__]) if isinstance(function, FunctionType) else {}
    return Subject(what, "", 0, eager, args, moment.kwargs, owner, (), function, run, around)

"""Inputs that take the side of a test that no other input took: random ones, many in one fork, until one does."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Callable
from itertools import islice
from typing import BinaryIO

from g2.rewrite.trial.comparing import Comparing
from g2.rewrite.trial.eager import undisturbed
from g2.rewrite.trial.forking import attempt
from g2.rewrite.trial.restoring import Kept
from g2.rewrite.trial.subject import Case, Subject, Way
from g2.rewrite.trial.variants import Variant, search

_AT_ONCE = 40  # inputs in one fork
_BATCHES = 5
_SECONDS = 5.0  # of processors, for the inputs of one fork


def seek(comparing: Comparing, subject: Subject, wanted: Callable[[], set[int]], until: float) -> None:
    """Look for inputs with which the tests `wanted` go the way not seen yet, and compare both versions on those.

    One fork looks in any case, others as long as there is plenty of time.
    """
    spending = comparing.spending
    with contextlib.suppress(Exception):
        stream = search(subject.args, subject.kwargs, subject.owner, 1, subject.names, comparing.kept)
        for number in range(_BATCHES):
            if not wanted() or time.monotonic() > min(until, comparing.caller.deadline):
                return
            if spending.over or (number and not spending.plenty):
                return
            batch = list(islice(stream, _AT_ONCE))
            for telling in _telling(comparing, subject, batch, wanted(), until):
                if wanted():
                    comparing.one(subject, Case(batch[telling].name, (batch[telling],)))


def _telling(comparing: Comparing, subject: Subject, batch: list[Variant], wanted: set[int], until: float) -> list[int]:
    """Numbers of those inputs with which a wanted test goes a way that it has not gone."""
    caller = comparing.caller
    seen = caller.sides.seen

    def work(file: BinaryIO) -> None:
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
        caller.prepare(Way.OLD)
        call = undisturbed(subject.call)
        kept = Kept([subject.owner, *subject.around.values()])
        for number, one in enumerate(batch):
            before = {test: len(seen[test]) for test in wanted}
            with contextlib.suppress(Exception):
                args, kwargs = one.make()
                call(*args, **kwargs)
            kept.restore()
            if any(len(seen[test]) > before[test] for test in wanted):
                file.write(json.dumps(number).encode() + b"\n")
                file.flush()
            if all(len(seen[test]) > 1 for test in wanted):
                return

    answer = attempt(work, max(min(until, comparing.caller.deadline) - time.monotonic(), 1))
    return [int(line) for line in answer.data.splitlines()]

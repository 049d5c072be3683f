"""Child side: which calls of a root are examined, and the fork that waits to do it.

capture/roots.py loads this module by its name, when the run's job names it. A fork has the very state of its call; it
waits until the script has ended, so that neither disturbs the other.

Private torch used here: torch.autograd._engine_run_backward (2.11 to 2.15), through which backward() and grad() go.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from g2.capture.behind import signature
from g2.capture.journal import Journal
from g2.capture.ourselves import as_ourselves
from g2.capture.probe.patch import replace
from g2.capture.probe.stats import Active
from g2.check.asked import Asked

if TYPE_CHECKING:
    from g2.capture.backend import Backend
    from g2.check.child.moment import Moment

_TOTAL = 8  # calls that are examined in all
_numbers = itertools.count()


def watch(folder: Path, journal: Journal, backend: Backend) -> Witness:
    """What is to be shown the calls of this process."""
    _note_backward(journal)
    return Witness(folder, journal, backend, Asked.read(folder))


def _note_backward(journal: Journal) -> None:
    told: set[int] = set()  # processes

    def make(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if os.getpid() not in told:
                told.add(os.getpid())
                journal.write({"e": "backward"})
            return real(*args, **kwargs)

        return run

    def lose(what: str) -> None:
        journal.write({"e": "lost", "what": what})

    missed = "Whether the script trains could not be seen, so no backward pass was checked"
    replace(torch.autograd, "_engine_run_backward", make, lose, missed)


class Witness:
    """Decides, then forks."""

    def __init__(self, folder: Path, journal: Journal, backend: Backend, asked: Asked) -> None:
        self._folder = folder
        self._journal = journal
        self._backend = backend
        self._asked = asked
        self._pid = os.getpid()
        self._looked: Counter[str] = Counter()
        self._seen: set[tuple[str, object]] = set()
        self._told: set[str] = set()

    def look(
        self, active: Active, run: Callable[..., Any], eager: Callable[..., Any],
        args: tuple[Any, ...], kwargs: dict[str, Any],
    ) -> None:  # fmt: skip
        """Examine this call, unless one like it was, or enough were."""
        if os.getpid() != self._pid:
            return
        root = active.root
        most = 1 if self._asked.inputs else self._asked.calls  # others would be given the same inputs
        if self._looked[root] >= most or self._looked.total() >= _TOTAL:
            return
        key = (root, signature((args, kwargs), largest=None))
        if key in self._seen:
            return
        self._seen.add(key)
        number = self._looked[root]
        self._looked[root] += 1
        with as_ourselves():
            from g2.check.child.moment import Moment

            moment = Moment(root, number, active.module, run, eager, args, kwargs, False, self._backend)
            self._examine(moment)

    def _examine(self, moment: Moment) -> None:
        from g2.capture.through import fork, limits
        from g2.check.child import examine

        name = f"check-{self._pid}-{next(_numbers)}"
        why = limits.refusal()
        if why is not None:
            # A process that uses a device cannot be forked, nor can one be on macOS: it is done in between, here.
            if limits.alone():
                self._journal.write({"e": "examined", "pid": self._pid, "journal": f"{name}.jsonl"})
                examine.here(moment, self._asked, self._folder / name)
                return
            why = why.removeprefix("Hidden breaks were not looked for").replace("to see them", "to have it checked")
            self._tell_once(f"{moment.root.partition('@')[0]} was not checked{why}")
            return
        pid = fork.detach(lambda: examine.apart(moment, self._asked, self._folder / name, self._journal))
        if pid is None:
            self._tell_once("One call was not checked: a fork of the process failed.")
            return
        self._journal.write({"e": "examined", "pid": pid, "journal": f"{name}.jsonl"})

    def _tell_once(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._journal.write({"e": "lost", "what": what})

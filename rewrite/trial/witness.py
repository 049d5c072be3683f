"""Child side: at which calls of a root the code before and the new code are compared; the fork in which it is done.

capture/roots.py loads this module by its name, when the run's job names it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2.capture.behind import signature
from g2.capture.journal import Journal
from g2.capture.ourselves import as_ourselves
from g2.capture.overlay import served
from g2.capture.probe.stats import Active

if TYPE_CHECKING:
    from g2.capture.backend import Backend

_FIRST = 2  # calls of a root that are compared whatever they bring
_MORE = 4  # and so many in all, when their arguments are of another kind
_TOTAL = 24
_UNABLE = "The new code was not compared with the code before"
_numbers = itertools.count()


def watch(folder: Path, journal: Journal, backend: Backend) -> Witness:
    """What is to be shown the calls of this process."""
    from g2.rewrite.trial.eager import unseen  # loads torch's higher-order operators

    if sentence := unseen():
        journal.write({"e": "lost", "what": sentence})
    return Witness(folder, journal, backend)


class Witness:
    """Decides, then forks."""

    def __init__(self, folder: Path, journal: Journal, backend: Backend) -> None:
        self._folder = folder
        self._journal = journal
        self._backend = backend
        self._pid = os.getpid()
        self._looked: Counter[str] = Counter()
        self._seen: set[tuple[str, object]] = set()
        self._proofs: dict[str, Path] = {}  # the first proof of each root
        self._told: set[str] = set()

    def look(
        self, active: Active, run: Callable[..., Any], eager: Callable[..., Any],
        args: tuple[Any, ...], kwargs: dict[str, Any],
    ) -> None:  # fmt: skip
        """Compare both versions at this call, in a fork, unless it has been done often enough."""
        if os.getpid() != self._pid or served() is None:
            return
        root = active.root
        count = self._looked[root]
        if count >= _MORE or self._looked.total() >= _TOTAL:
            return
        key = (root, signature((args, kwargs)))
        if count >= _FIRST and key in self._seen:
            return
        if root in self._proofs and _reached_nothing(self._proofs[root]):
            return
        self._looked[root] += 1
        self._seen.add(key)
        with as_ourselves():
            self._fork(active, count, run, eager, args, kwargs)

    def _fork(
        self, active: Active, number: int, run: Callable[..., Any], eager: Callable[..., Any],
        args: tuple[Any, ...], kwargs: dict[str, Any],
    ) -> None:  # fmt: skip
        from g2.capture.through import fork, limits

        why = limits.refusal()
        if why is not None:
            why = why.removeprefix("Hidden breaks were not looked for").replace("to see them", "to have it compared")
            self._tell_once(f"{_UNABLE}{why}")
            return
        path = self._folder / f"trial-{self._pid}-{next(_numbers)}.jsonl"
        stream = random.getstate()

        def life() -> None:
            with as_ourselves():
                from g2.rewrite.trial import prover
            moment = prover.Moment(active.root, number, active.module, run, eager, args, kwargs)
            prover.prove(moment, path, self._journal, self._backend, stream)

        pid = fork.detach(life)
        if pid is None:
            self._tell_once(f"{_UNABLE} at one call: a fork of the process failed.")
            return
        self._proofs.setdefault(active.root, path)
        self._journal.write({"e": "fork", "pid": pid, "journal": path.name})

    def _tell_once(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._journal.write({"e": "proof_note", "what": what, "path": None, "line": None})


def _reached_nothing(path: Path) -> bool:
    """Whether a proof has ended, and the root's call ran no changed function."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        last = json.loads(path.read_bytes().splitlines()[-1])
        return bool(last["e"] == "end" and last["reached"] == 0)
    return False

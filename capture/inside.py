"""Observing this very process for a while: a test, or the cell of a notebook.

Whoever runs in the process already imported what it needs, so nothing can be hooked at the interpreter's start as
attach.py does; and others run in it afterwards, so everything is put back at the end and Dynamo forgets what was
compiled meanwhile. Nothing of torch is imported until recording() is entered (installed.py).

A session is written and folded as for a script: journal, fold, Session.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2.capture.attach import introduction
from g2.capture.forks import Forks
from g2.capture.job import Job
from g2.capture.journal import Journal
from g2.capture.model import Session

if TYPE_CHECKING:
    from g2.capture.installed import Installed



class NotHere(Exception):
    """This process cannot be observed; the text says why, a clause."""


class Recording:
    """What happened so far. `session` is there once the recording has ended."""

    def __init__(self, installed: Installed) -> None:
        self._installed = installed
        self.session: Session | None = None

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Call a function or module as one compiled region, and return what it does. Raises what it raises.

        What is compiled already (by torch.compile) is called as it is.
        """
        return self._installed.call(function, args, dict(kwargs))


def refusal() -> str:
    """Why this process cannot be observed now, a clause; empty when it can. Imports torch."""
    if hasattr(sys, "_g2_attached") or _Own.running:
        return "this process is recorded already"
    try:
        with warnings.catch_warnings():  # what torch says of itself while Dynamo is imported is not the test's affair
            warnings.simplefilter("ignore")
            from g2.capture import installed as installed
    except ImportError as error:
        return f"torch cannot be imported: {error}"
    return ""


@contextlib.contextmanager
def recording(what: tuple[str, ...], *, modules: bool, hidden: bool = False) -> Iterator[Recording]:
    """Observe this process while the context lasts.

    what: said to have been run, Session.argv. modules: each outermost nn.Module call is compiled, until something that
    was compiled by others (torch.compile) is called; then only that counts. hidden: look behind breaks, in forks.

    Raises NotHere when the process is observed already, or torch cannot be imported.
    """
    if why := refusal():
        raise NotHere(why)
    from g2.capture import installed

    with tempfile.TemporaryDirectory(prefix="g2-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        journal = _Own(folder / f"journal-{os.getpid()}.jsonl")
        started = time.time()
        journal.write(introduction(installed.VERSION))
        hooks = installed.Installed(Job(hidden=hidden), folder, journal, modules)
        made = Recording(hooks)
        _Own.running = True
        try:
            with warnings.catch_warnings():
                hooks.begin()
                try:
                    yield made
                finally:
                    hooks.end()
        finally:
            _Own.running = False
            journal.write({"e": "end"})
            made.session = _folded(folder, what, started, hidden)
            journal.failed = "the recording is over"


def _folded(folder: Path, what: tuple[str, ...], started: float, hidden: bool) -> Session:
    from g2.capture.fold import spans
    from g2.capture.fold.session import fold

    spans.forget()
    lost = Forks(folder).wait(lambda: None, lambda: False) if hidden else ()
    return fold(folder, argv=what, exit_code=0, started=started, lost=lost)


class _Own(Journal):
    """The journal of this process alone: what it forks meanwhile goes on unobserved."""

    running = False  # one recording at a time

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._process = os.getpid()

    def write(self, event: Mapping[str, object]) -> None:
        if os.getpid() == self._process:
            super().write(event)

"""Looking behind the breaks of one call, in a fork of the user's process at the very moment of the call.

The script goes on at once. The fork has the state of the call, so nothing need be picklable and nothing is run a
second time in the script's own process; it is fenced in (quiet.py), traces the call (hooks.py) and ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from g2.capture.journal import Journal
from g2.capture.ourselves import as_ourselves
from g2.capture.through import limits
from g2.capture.through.handle import Fork
from g2.capture.through.quiet import become_quiet, silence_descriptors

SECONDS = 120  # a fork may live so long, waiting for its turn not counted
_WAIT = 600  # seconds a fork may wait for its turn
_numbers = itertools.count()


def look_behind(
    call: Callable[[], object], *, root: str, folder: Path, journal: Journal,
    module: torch.nn.Module | None = None, number: int | None = None, seconds: int = SECONDS,
) -> Fork | None:  # fmt: skip
    """Trace `call` in a fork with every break neutralised; its events go to folder/hidden-<pid>-<n>.jsonl.

    `call` performs the root's compiled call; `root`, `module` and `number` (of the call) name it in the events.
    Returns at once: a handle on the fork, or None where this process cannot be forked, which the journal is told in a
    sentence, once.
    """
    why = limits.refusal()
    if why is not None:
        limits.tell_once(journal, why)
        return None
    path = folder / f"hidden-{os.getpid()}-{next(_numbers)}.jsonl"
    stream = random.getstate()
    pid = detach(lambda: _look(call, root, path, journal, module, number, seconds, stream))
    if pid is None:
        limits.tell_once(journal, "A fork of the process failed, so hidden breaks were not looked for at one call.")
        return None
    journal.write({"e": "fork", "pid": pid, "journal": path.name})
    return Fork(pid, path)


def detach(life: Callable[[], None]) -> int | None:
    """Fork the process; `life` is what the new one does before it ends. Its id, or None where it could not be made.

    The new process belongs to no one: the script has no child that it did not make. Dynamo looks away meanwhile: a root
    may be called in a frame that it runs, and what libraries do at forks (os.register_at_fork) would be compiled.
    """
    disable: Any = torch.compiler.disable
    made: int | None = disable(_detach)(life)
    return made


def _detach(life: Callable[[], None]) -> int | None:
    receive, send = os.pipe()
    with no_fork_warning():
        middle = os.fork()
        if middle == 0:
            _in_the_middle(send, life)
    os.close(send)
    with contextlib.suppress(ChildProcessError):  # SIGCHLD is ignored, or a handler of the script was quicker
        os.waitpid(middle, 0)
    text = os.read(receive, 32)  # the other end is closed by now, so this never waits
    os.close(receive)
    return int(text) if text else None


def _in_the_middle(send: int, look: Callable[[], None]) -> None:
    """A child that ends at once, so that the fork proper belongs to no one and the script never has to wait for it."""
    try:
        own = os.fork()
        if own:
            os.write(send, b"%d" % own)
        else:
            os.close(send)
            look()
    finally:
        os._exit(0)


@contextlib.contextmanager
def no_fork_warning() -> Iterator[None]:
    # Python 3.12 and later warn of fork in a process with threads. catch_warnings would make the script's own
    # once-only warnings appear again, since it renews the version of the filters; a filter put in by hand does not.
    ignore = ("ignore", None, DeprecationWarning, None, 0)
    filters: Any = warnings.filters
    filters.insert(0, ignore)
    try:
        yield
    finally:
        filters.remove(ignore)


def _look(
    call: Callable[[], object], root: str, path: Path, parents: Journal, module: torch.nn.Module | None,
    number: int | None, seconds: int, stream: tuple[Any, ...],
) -> None:  # fmt: skip
    """The life of the fork."""
    parents.failed = "this process is a fork of g2's own"
    silence_descriptors(set())
    _no_threads_behind_streams()
    journal = Journal(path)
    journal.write({"e": "start", "pid": os.getpid(), "ppid": os.getppid(), "hidden": True, "t": time.time()})
    wait_for_turn(path.parent)
    missing = become_quiet(seconds=seconds)
    begin, cpu = time.perf_counter(), time.process_time()
    random.setstate(stream)  # Python seeds it anew in a forked process
    torch.set_num_threads(1)  # the threads of OpenMP did not come along
    with as_ourselves():
        from g2.capture.through import hooks
        from g2.capture.through.session import Session

    session = Session(journal, root, number, module)
    error: BaseException | None = None
    try:
        torch._dynamo.reset()
        hooks.install(session)
        call()
    except hooks.MissingHook as missed:
        journal.write({"e": "lost", "what": f"Hidden breaks were not looked for: this torch has no {missed}."})
    except BaseException as stopped:  # whatever the call raises is the script's affair, in its own process
        error = stopped
    journal.write(
        {"e": "end", "t": time.time(), "s": round(time.perf_counter() - begin, 3),
         "cpu_s": round(time.process_time() - cpu, 3),
         "counts": session.counts, "stopped": session.stopped, "without": missing,
         "raised": f"{type(error).__name__}: {error}"[:300] if error is not None else None}
    )  # fmt: skip


def _no_threads_behind_streams() -> None:
    """A notebook's streams are emptied by a thread that is not in this process; each flush would wait for it."""
    for name in ("stdout", "stderr"):
        if type(getattr(sys, name)).__module__.startswith("ipykernel"):
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115  # until the process ends


def wait_for_turn(folder: Path, names: Sequence[str] = ()) -> None:
    """Hold one of a few locks in the record folder until the process ends, so that forks do not crowd the machine.

    names: of other locks than those, one of which is enough.
    """
    names = names or [f".turn-{n}" for n in range(limits.at_once())]
    slots = [os.open(folder / name, os.O_RDONLY | os.O_CREAT, 0o600) for name in names]
    until = time.monotonic() + _WAIT
    while time.monotonic() < until:
        for slot in slots:
            try:
                fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                continue
        time.sleep(0.05)
    os._exit(0)

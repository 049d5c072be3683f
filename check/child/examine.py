"""The life of a fork that examines one call: it waits for the script's end and its turn, then does the parts.

Each part is done in a fork of its own, with a limit of time: one that fails, hangs or crashes takes no other with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import random
import select
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import torch

from g2.capture.journal import Journal
from g2.capture.through.quiet import become_quiet, silence_descriptors
from g2.check.asked import Asked
from g2.check.child import given, rooms
from g2.check.child.moment import CompilerFailed, Moment, Tell
from g2.check.child.said import said
from g2.rewrite.trial.forking import attempt
from g2.rewrite.trial.restoring import Kept

_TURN = ".turn-check"
_LONGER = 60  # seconds beyond those of its parts that a fork may live
# The order in which they are done: what compiles least first.
PARTS = (("operators", "kernels"), ("kernels", "kernels"), ("correct", "correct"), ("speed", "speed"))


def apart(moment: Moment, asked: Asked, folder: Path, parents: Journal) -> None:
    """Everything that the fork does. Its events go beside `folder`, which holds what its parts leave."""
    stream = random.getstate()
    os.setsid()  # so that all that a part starts can be ended with it
    silence_descriptors(set())
    parents.failed = "this process is a fork of g2's own"
    journal = _begun(folder)
    _wait_for_end(_script(folder))
    turn = os.open(folder.parent / _TURN, os.O_RDONLY | os.O_CREAT, 0o600)
    fcntl.flock(turn, fcntl.LOCK_EX)
    work = rooms.furnish(folder.parent)
    seconds = int(asked.seconds) * len(PARTS) + _LONGER
    missing = become_quiet(seconds=seconds, inside=[folder.parent, *work])
    for name in missing:
        journal.write({"e": "note", "what": f"This machine has no {name} to keep the check from changing anything."})
    rooms.compile_here()
    random.setstate(stream)  # Python seeds it anew in a forked process
    begin = time.monotonic()
    try:
        _parts(_prepared(moment, asked, folder, journal.write), asked, folder, journal)
    except BaseException as error:
        _failed(error, asked, journal)
    journal.write({"e": "end", "s": round(time.monotonic() - begin, 3)})


def _wait_for_end(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        watched = os.pidfd_open(process)
        select.select([watched], [], [])
        os.close(watched)


def here(moment: Moment, asked: Asked, folder: Path) -> None:
    """The same in the script's own process, where it cannot be forked: all that a part changes is put back."""
    journal = _begun(folder)
    rooms.furnish(folder.parent)
    begin = time.monotonic()
    kept = Kept(moment.held)
    before = torch.is_grad_enabled()
    try:
        moment = _prepared(moment, asked, folder, journal.write)
        for name, group in PARTS:
            if group in asked.parts:
                _here(name, moment, asked, folder, journal)
                kept.restore()
    except Exception as error:
        _failed(error, asked, journal)
    finally:
        torch.set_grad_enabled(before)
        torch.compiler.reset()
        moment.backend.become("capture")
        journal.write({"e": "end", "s": round(time.monotonic() - begin, 3)})


def _here(name: str, moment: Moment, asked: Asked, folder: Path, journal: Journal) -> None:
    try:
        importlib.import_module(f"g2.check.child.parts.{name}").work(moment, asked, folder, journal.write)
    except (Exception, CompilerFailed) as error:
        journal.write({"e": "failed", "name": name, "why": _why(error)})


def _why(error: BaseException) -> str:
    short = isinstance(error, MemoryError) or "can't allocate memory" in str(error)
    return f"there was not enough memory ({said(error)})" if short else said(error)


def _failed(error: BaseException, asked: Asked, journal: Journal) -> None:
    if isinstance(error, given.NotGiven):
        journal.write({"e": "failed", "name": f"--inputs {asked.inputs}", "why": str(error)})
    else:
        journal.write({"e": "failed", "name": "examination", "why": f"{type(error).__name__}: {error}"[:500]})


def _script(folder: Path) -> int:
    """The process whose call it is, as witness.py names the folder."""
    return int(folder.name.split("-")[1])


def _begun(folder: Path) -> Journal:
    folder.mkdir(mode=0o700)
    journal = Journal(folder.with_suffix(".jsonl"))
    journal.write({"e": "start", "pid": os.getpid()})
    return journal


def _prepared(moment: Moment, asked: Asked, folder: Path, tell: Tell) -> Moment:
    """The call as it is to be examined, and told in words."""
    script = _script(folder)
    seen = b'{"e":"backward"' in (folder.parent / f"journal-{script}.jsonl").read_bytes()
    if os.getpid() == script:  # it goes on after this, maybe with its first backward pass
        seen = seen or (moment.module is not None and moment.module.training)
    trains = seen and torch.is_grad_enabled()
    recorded = moment = replace(moment, trains=trains)
    try:
        if asked.inputs:
            moment = given.other(moment, asked.inputs)
        if asked.dtype:
            moment = given.cast(moment, asked.dtype)
        if asked.inputs and os.getpid() != script:
            given.accepted(moment, asked.inputs, asked.seconds)
    except BaseException:
        moment = recorded
        raise
    finally:
        tell({"e": "call", **given.told(moment), "variant": asked.variant})
    return moment


def _parts(moment: Moment, asked: Asked, folder: Path, journal: Journal) -> None:
    for name, group in PARTS:
        if group not in asked.parts or (asked.variant != "compiled" and group == "kernels"):
            continue
        journal.write({"e": "part", "name": name, "root": moment.root})
        answer = attempt(partial(_part, name, moment, asked, folder, journal.write), asked.seconds)
        if not answer.ended:
            why = answer.why
            if answer.late:
                why = f"it took longer than {asked.seconds:g} seconds (--part-limit)"
            journal.write({"e": "failed", "name": name, "why": why})


def _part(name: str, moment: Moment, asked: Asked, folder: Path, tell: Tell, _answer: BinaryIO) -> None:
    try:
        importlib.import_module(f"g2.check.child.parts.{name}").work(moment, asked, folder, tell)
    except (Exception, CompilerFailed) as error:
        tell({"e": "failed", "name": name, "why": _why(error)})

"""One try in a fork: it has the very state of the process, does what it likes, leaves an answer in a nameless file.

The process itself stands behind the fences of capture/through/quiet.py, and so do its forks.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from g2.capture.through import quiet
from g2.capture.through.fork import no_fork_warning


@dataclass(frozen=True, slots=True)
class Answer:
    """What a fork left. ended: it came to its own end; why: a clause, where it did not; late: it was ended.
    killed: by somebody else, most likely Linux itself, for want of memory.
    """

    data: bytes
    ended: bool
    why: str
    late: bool
    killed: bool


def attempt(work: Callable[[BinaryIO], None], seconds: float) -> Answer:
    """Have a fork do `work`, writing its answer to the file that it is given; it is ended after `seconds`.

    What the work raises is no answer: it ends the fork.
    """
    file = os.memfd_create("g2")
    stream = random.getstate()
    with no_fork_warning():
        pid = quiet.fork()
        if pid == 0:
            _child(work, file, seconds, stream)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(file, "rb") as answer:
        answer.seek(0)
        data = answer.read()
    code = os.waitstatus_to_exitcode(status)
    late = code in (-signal.SIGALRM, -signal.SIGPROF)
    if late:
        why = "it did not end in time"
    elif code == -signal.SIGKILL:
        why = "it was killed, which Linux does to a process when memory is short"
    elif code < 0:
        why = f"it ended the process ({signal.Signals(-code).name})"
    else:
        why = "" if code == 0 else "it could not be observed"
    return Answer(data, code == 0, why, late, code == -signal.SIGKILL)


def _child(work: Callable[[BinaryIO], None], file: int, seconds: float, stream: tuple[object, ...]) -> None:
    code = 1
    try:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)  # `work` may limit its time of processors too
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1))
        random.setstate(stream)  # Python seeds it anew in a forked process
        with os.fdopen(file, "wb") as answer:
            work(answer)
        code = 0
    finally:
        os._exit(code)

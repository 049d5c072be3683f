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

_LONGEST = 300  # characters of an error's text


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

    What the work raises is no answer: it ends the fork, and is told in `why`.
    """
    file, said = os.memfd_create("g2"), os.memfd_create("g2-error")
    stream = random.getstate()
    with no_fork_warning():
        pid = quiet.fork()
        if pid == 0:
            _child(work, file, said, seconds, stream)
    _, status = os.waitpid(pid, 0)
    data, error = _read(file), _read(said).decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    late = code in (-signal.SIGALRM, -signal.SIGPROF)
    if late:
        why = "it did not end in time"
    elif code == -signal.SIGKILL:
        why = "it was killed, which Linux does to a process when memory is short"
    elif code < 0:
        why = f"it ended the process ({signal.Signals(-code).name})"
    else:
        why = "" if code == 0 else f"it could not be observed{f' ({error})' if error else ''}"
    return Answer(data, code == 0, why, late, code == -signal.SIGKILL)


def _read(file: int) -> bytes:
    with os.fdopen(file, "rb") as stream:
        stream.seek(0)
        return stream.read()


def _child(work: Callable[[BinaryIO], None], file: int, said: int, seconds: float, stream: tuple[object, ...]) -> None:
    code = 1
    try:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)  # `work` may limit its time of processors too
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1))
        random.setstate(stream)  # Python seeds it anew in a forked process
        with os.fdopen(file, "wb") as answer:
            work(answer)
        code = 0
    except BaseException as error:
        text = ": ".join(filter(None, (type(error).__name__, str(error).partition("\n")[0])))
        os.write(said, text[:_LONGEST].encode(errors="replace"))
    finally:
        os._exit(code)

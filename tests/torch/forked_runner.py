"""Runs scripts under g2's capture, each in a fork of one process that has imported torch: for forked.py.

Reads a JSON object a line: {"argv": [script, ...], "record": folder or "", "out": file, "err": file, "seconds": limit};
answers each with the exit code when the fork has ended, and {"ready": true} at the start. Importing torch and Dynamo
takes seconds, a fork some milliseconds.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import torch._dynamo

from g2.capture import adopt, attach, behind, overlay, probe, roots
from g2.capture.through import fork, limits

BROUGHT = (adopt, behind, fork, limits, probe, roots)  # what attach loads later, loaded once

_KEPT: list[ModuleType] = []


def _warm() -> None:
    """Have Dynamo import what it imports with the first graph, break and recompile, and forget it all."""

    def step(x: torch.Tensor) -> torch.Tensor:
        y = (x * 2).relu()
        if y.sum() > 0:
            y = y + x.mean(-1, keepdim=True)
        return y[x > 0]

    compiled = torch.compile(step, backend="eager")
    # Else forks could take no gradient with a CUDA build of torch: g2/capture/probe/forkable.py.
    with mock.patch.object(torch._C, "_ensureCUDADeviceGuardSet"):
        for size in (3, 4):
            compiled(torch.ones(size, size, requires_grad=True)).sum().backward()
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


def main() -> None:
    torch.set_num_threads(1)
    _warm()
    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            answers.close()
            _end(_life(asked))
        print(json.dumps({"code": _wait(pid, asked["seconds"])}), file=answers, flush=True)


def _wait(pid: int, seconds: float) -> int:
    def late(*_: object) -> None:
        os.kill(pid, signal.SIGKILL)

    signal.signal(signal.SIGALRM, late)
    signal.alarm(int(seconds))
    _, status = os.waitpid(pid, 0)
    signal.alarm(0)
    return os.waitstatus_to_exitcode(status)


def _life(asked: dict[str, Any]) -> int:
    """The script's exit code; what it raised is printed and kept as the interpreter does."""
    try:
        _become(asked)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        sys.last_value = error
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _end(code: int) -> None:
    """As the interpreter ends, less the destruction of everything, which takes longer than most scripts."""
    vars(threading)["_shutdown"]()  # ends the threads of executors, too, such as those of Inductor
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _become(asked: dict[str, Any]) -> None:
    """This process is now the script's."""
    signal.alarm(0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    argv = asked["argv"]
    script = Path(argv[0])
    sys.argv, sys.orig_argv = list(argv), [sys.executable, *argv]
    sys.path[0] = str(script.parent)
    served = None
    if asked["record"]:
        os.environ["G2_RECORD"] = asked["record"]
        attach.start()
        served = overlay.served()
    text = None if served is None else served.get(str(script))
    code = compile(script.read_bytes() if text is None else text, str(script), "exec", dont_inherit=True)
    main_module = ModuleType("__main__")
    main_module.__dict__.update(__file__=str(script), __builtins__=__builtins__)
    _KEPT.append(sys.modules["__main__"])
    sys.modules["__main__"] = main_module
    exec(code, main_module.__dict__)


if __name__ == "__main__":
    main()

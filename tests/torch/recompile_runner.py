"""`python recompile_runner.py OUT SCRIPT...`: run each in a fork of its own with the recompile probe (--bare: without).

One import of torch serves all scripts; torch.compile takes the eager backend where the script names none.
"""

from __future__ import annotations

import functools
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import torch

from g2.capture.journal import Journal
from g2.capture.probe import recompiles
from g2.capture.probe.stats import Stats


def main() -> None:
    bare = "--bare" in sys.argv
    out, *scripts = [Path(a) for a in sys.argv[1:] if a != "--bare"]
    compile_ = torch.compile

    def eager(model: Any = None, **options: Any) -> Any:
        options.setdefault("backend", "eager")
        return functools.partial(compile_, **options) if model is None else compile_(model, **options)

    torch.compile = eager
    for script in scripts:
        pid = os.fork()
        if pid == 0:
            os._exit(_one(script, out, bare))
        _, status = os.waitpid(pid, 0)
        if status:
            print(f"{script.name} failed", file=sys.stderr)


def _one(script: Path, out: Path, bare: bool) -> int:
    journal = Journal(out / f"{script.stem}.jsonl")
    stats = Stats(journal)
    journal.write({"e": "start"})
    if not bare:
        recompiles.install(journal, stats, lambda what: journal.write({"e": "lost", "what": what}))
    with (out / f"{script.stem}.out").open("w") as stdout:
        os.dup2(stdout.fileno(), 1)
        try:
            runpy.run_path(str(script), run_name="__main__")
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 1
        finally:
            sys.stdout.flush()
            stats.flush(force=True)
    return 0


if __name__ == "__main__":
    main()

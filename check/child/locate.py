"""Where compiled code goes wrong: the graph, the kernel, the ATen op, the user's line.

The failing call is compiled once more with every graph recorded at each stage, and run. Then each stage is run op by op
in eager and in float64 from the recorded inputs, latest stage first, and the first stage whose result is wrong though
what it was given is right is looked into: passes by comparing values of the same name before and after, generated code
by looking at every buffer after every kernel, then by compiling the ops that lead to the first wrong buffer with each
of their values as an output. Each answer is as fine as it could be made, and says how fine that is.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from g2.capture.codec import build, plain
from g2.check.child import correct_random, locate_crash, locate_random, locate_traced, repro
from g2.check.child.correct_judge import Verdict
from g2.check.child.correct_runs import How, Runs, Setting, apart, prepared
from g2.check.child.locate_hooks import Record
from g2.check.child.locate_stages import Found, Stages
from g2.check.child.moment import Tell
from g2.check.model import Wrong
from g2.rewrite.trial.subject import Case

_LEAST = 20.0  # seconds
ENDED = "ended the process"
_BACKWARD = re.compile(r"gradient|\.grad\b|raises|" + ENDED)
_FACTS = re.compile(r"has (strides|dtype|shape) ")


def locate(runs: Runs, case: Case, verdict: Verdict, folder: Path, deadline: float, tell: Tell) -> Wrong:
    """Find it, write the repro script into `folder`, and tell it ("wrong"); always one answer, coarse at worst."""
    seconds = max(deadline - time.monotonic(), _LEAST)
    begin = time.monotonic()
    data, why, _ = apart(lambda file: _work(file, runs, case, verdict, folder, begin + seconds), seconds)
    found = Wrong(worst=verdict.worst, detail=verdict.detail)
    for line in data.splitlines():
        found = build(Wrong, json.loads(line))
    if not data:
        reason = why or "no stage of compiling was seen to be wrong"
        found = replace(found, detail=f"{verdict.detail}; where it comes from was not found: {reason}")
    elif found.worst is None:
        found = replace(found, worst=verdict.worst)
    runs.spent["compile"] += time.monotonic() - begin
    tell({"e": "wrong", "wrong": plain(found)})
    return found


def _work(file: BinaryIO, runs: Runs, case: Case, verdict: Verdict, folder: Path, until: float) -> None:
    """Writes one answer a line, each finer than the one before."""

    def write(wrong: Wrong) -> None:
        file.write(json.dumps(plain(wrong)).encode("ascii", "backslashreplace") + b"\n")
        file.flush()

    record = Record(locate_crash.at_compile(until), locate_crash.survives if ENDED in verdict.detail else None)
    found: Found | None = None
    by_draws = verdict.how == correct_random.HOW
    with prepared(runs.moment, How.COMPILED, Setting(record.backend, runs.mode, not by_draws)) as call:
        with record.listening():
            runs.observed(case, call)
        every = Stages(record, until, bool(_FACTS.search(verdict.detail)), bool(_BACKWARD.search(verdict.detail)))
        stages = [locate_random.found(record)] if by_draws else every.found()
        for found in stages:
            if found is not None:
                write(found.wrong)
        if found is None and not by_draws:
            found = locate_traced.found(runs, case, record)
        if found is not None:
            write(repro.written(found, folder))
        elif record.missing:
            names = " and ".join(record.missing)
            write(Wrong(detail=f"this torch has no {names}, by which stages of compiling are looked into"))

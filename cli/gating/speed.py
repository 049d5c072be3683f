"""How much faster a script's compiled calls are than its eager ones.

Both are measured on this machine, one after the other, so the figure is a ratio that another machine can be compared
with. Calls during which anything was compiled are left out, and so is the first call of each root: what is compared is
the time of calls once all is compiled, not that of the script.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from g2.capture.launch import Options, run
from g2.capture.model import Did, Moment, Session
from g2.cli.errors import Refusal

FEWEST = 5  # calls of a root that are needed for a median


def speedup(options: Options, stdout: int | None, stderr: int | None) -> float:
    """Seconds of the eager calls by those of the compiled ones, each root's median for each of its calls.

    Runs the script twice: compiled by Inductor, and with TORCHDYNAMO_DISABLE=1. Raises Refusal when that says nothing:
    too few calls, a failure, a device whose calls return before they are done.
    """
    wanted = replace(options, once=True, backend="inductor")
    compiled = _session(wanted, stdout, stderr, {})
    eager = _session(replace(wanted, backend="capture"), stdout, stderr, {"TORCHDYNAMO_DISABLE": "1"})
    one, other = _medians(compiled), _medians(eager)
    both = one.keys() & other.keys()
    if not both:
        raise Refusal(
            f"no speedup can be measured: nothing was called {FEWEST + 1} times without compiling anything",
            "let the script take more steps, or leave --tolerance out",
        )
    calls = {root.name: root.calls for root in compiled.roots}
    seconds = [sum(medians[name] * calls[name] for name in both) for medians in (other, one)]
    return seconds[0] / seconds[1]


def _session(options: Options, stdout: int | None, stderr: int | None, more: Mapping[str, str]) -> Session:
    with tempfile.TemporaryDirectory(prefix="g2-gate-") as folder:
        session = run(options, Path(folder), child_stdout=stdout, child_stderr=stderr, environ={**os.environ, **more})
    if session.exit_code:
        how = "in eager" if more else "compiled by Inductor"
        raise Refusal(
            f"no speedup can be measured: the script failed {how}: {session.script_error or session.exit_code}"
        )
    if "cuda" in session.device:
        raise Refusal("no speedup can be measured on a GPU: calls return before they are done", "leave --tolerance out")
    return session


def _medians(session: Session) -> dict[str, float]:
    """Seconds of a call of each root, where there were enough in which nothing was compiled."""
    busy = [m for m in session.moments if m.did not in (Did.CALL, Did.GRAPH)]
    found: dict[str, list[float]] = defaultdict(list)
    for moment in session.moments:
        if moment.did is Did.CALL:
            found[moment.name].append(-1.0 if any(_during(moment, other) for other in busy) else moment.seconds)
    steady = {name: [s for s in taken[1:] if s >= 0] for name, taken in found.items()}
    return {name: statistics.median(taken) for name, taken in steady.items() if len(taken) >= FEWEST}


def _during(call: Moment, other: Moment) -> bool:
    return (
        other.pid == call.pid and other.start < call.start + call.seconds and call.start < other.start + other.seconds
    )

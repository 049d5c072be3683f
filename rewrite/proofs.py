"""What a trial is asked to prove, and what it found: files in the record folder, between this process and the script's.

trial.json, written before the run: {"functions": [[path, first line]..], "tests": [[path, line, column, end line, end
column]..], "differs": [tag..]}, all on disk as it is. The events come in the processes' journals.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from g2.capture.model import Span
from g2.rewrite import trial_events
from g2.rewrite.judge import reach
from g2.rewrite.model import Proof, Trial
from g2.rewrite.state import Placed, State

ASKED = "trial.json"


def ask(record: Path, state: State, suspects: Sequence[Placed]) -> None:
    """Tell the trial which functions have changed and what must be seen of them. Raises OSError."""
    functions = dict.fromkeys((path, first) for one in suspects for path, first, _ in reach(one, state))
    tests = dict.fromkeys(_numbers(test) for one in suspects for test in one.tests)
    differs = sorted({tag for one in suspects for tag in one.proposal.differs})
    asked = {"functions": list(functions), "tests": list(tests), "differs": differs}
    (record / ASKED).write_text(json.dumps(asked), "utf-8")


def read(record: Path, state: State, suspects: Sequence[Placed]) -> dict[str, Proof]:
    """The proof of each suspect, by its key. Raises OSError."""
    trials: dict[tuple[str, int], list[Trial]] = defaultdict(list)
    sides: dict[tuple[Any, ...], list[bool]] = {}
    notes: dict[tuple[str, int], list[str]] = defaultdict(list)
    for event in trial_events.read(record):
        spot = (event.get("path") or "", event.get("line") or 0)
        if event["e"] == "trial":
            trials[spot].append(Trial(event["what"], event["inputs"], event["outcome"], event.get("detail", "")))
        elif event["e"] == "side":
            key = tuple(event[name] for name in ("path", "line", "column", "end_line", "end_column"))
            met = sides.setdefault(key, [False, False])
            met[0], met[1] = met[0] or event["true"], met[1] or event["false"]
        else:
            notes[spot].append(event["what"])
    proofs: dict[str, Proof] = {}
    for one in suspects:
        spots = [(path, first) for path, first, _ in reach(one, state)]
        own = [trial for spot in spots for trial in trials.get(spot, ())]
        whole = [trial for spot, found in trials.items() if spot not in spots for trial in found if not spot[0]]
        proofs[one.key] = Proof(
            tuple(dict.fromkeys([*own, *whole])),
            tuple((test, *sides.get(_numbers(test), (False, False))) for test in one.tests),
            tuple(dict.fromkeys(note for spot in [*spots, ("", 0)] for note in notes.get(spot, ()))),
        )
    return proofs


def _numbers(span: Span) -> tuple[Any, ...]:
    return (span.path, span.line, span.column, span.end_line, span.end_column)

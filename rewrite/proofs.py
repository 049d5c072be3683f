"""What a trial is asked to prove, and what it found, by the cures that were in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from g2.capture.model import Span
from g2.rewrite import trial_events
from g2.rewrite.judge import reach
from g2.rewrite.model import Proof, Trial
from g2.rewrite.state import Placed, State
from g2.rewrite.trial.asked import Asked

Place = tuple[str, int, int, int, int]


def ask(record: Path, state: State, suspects: Sequence[Placed]) -> None:
    """Tell the trial which functions have changed and what must be seen of them. Raises OSError."""
    Asked(
        functions=frozenset((path, first) for one in suspects for path, first, _ in reach(one, state)),
        tests=tuple(dict.fromkeys(_numbers(test) for one in suspects for test in one.tests)),
        differs=frozenset(tag for one in suspects for tag in one.proposal.differs),
    ).write(record)


def read(record: Path, state: State, suspects: Sequence[Placed]) -> dict[str, Proof]:
    """The proof of each suspect, by its key. Raises OSError."""
    trials: dict[tuple[str, int], list[Trial]] = defaultdict(list)
    sides: dict[Place, list[bool]] = {}
    notes: dict[tuple[str, int], list[str]] = defaultdict(list)
    for event in trial_events.read(record):
        spot = (event.get("path") or "", event.get("line") or 0)
        if event["e"] == "trial":
            trials[spot].append(
                Trial(event["what"], event["inputs"], event["outcome"], event.get("detail", ""), not spot[0])
            )
        elif event["e"] == "side":
            key = (event["path"], event["line"], event["column"], event["end_line"], event["end_column"])
            met = sides.setdefault(key, [False, False])
            met[0], met[1] = met[0] or event["true"], met[1] or event["false"]
        else:
            notes[spot].append(event["what"])
    proofs: dict[str, Proof] = {}
    for one in suspects:
        spots = [(path, first) for path, first, _ in reach(one, state)]
        own = [trial for spot in spots for trial in trials.get(spot, ())]
        whole = [trial for spot, found in trials.items() if not spot[0] for trial in found]
        proofs[one.key] = Proof(
            tuple(dict.fromkeys([*own, *whole])),
            tuple((test, *sides.get(_numbers(test), (False, False))) for test in one.tests),
            tuple(dict.fromkeys(note for spot in [*spots, ("", 0)] for note in notes.get(spot, ()))),
        )
    return proofs


def _numbers(span: Span) -> Place:
    return (span.path, span.line, span.column, span.end_line, span.end_column)

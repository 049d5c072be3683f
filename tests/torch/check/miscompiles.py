"""Plants miscompiles into Inductor and has the part for correctness find them.

Run as a script it plants them all and prints a table: python miscompiles.py [words of names]. With --one NAME FOLDER it
plants one of them and tells what was found as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))
import by_hand
import planted_code
import planted_passes
from planting import Plant, inputs_of

PLANTS = (*planted_passes.PLANTS, *planted_code.PLANTS)


@dataclass(frozen=True)
class Judged:
    """What the part said of a plant."""

    outcome: str
    wrong: dict[str, Any] | None
    seconds: float
    lines: tuple[int, ...]
    why: str = ""


def judged(plant: Plant, folder: Path, seconds: float = 240.0) -> Judged:
    """Plant it and have the part look."""
    begin = time.monotonic()
    given = plant.inputs() if plant.inputs is not None else inputs_of(plant.program, plant.backward)
    with plant.plant():
        moment = by_hand.moment(plant.program, *given, trains=plant.backward)
        events = by_hand.examined(moment, folder, seconds, most=plant.most)
    compared = [event["compared"] for event in events if event["e"] == "compared"]
    outcomes = [one["outcome"] for one in compared]
    wrong = next((event["wrong"] for event in events if event["e"] == "wrong"), None)
    lines = tuple(line["line"] for line in (wrong or {}).get("lines", ()))
    outcome = "differs" if "differs" in outcomes else ",".join(outcomes)
    why = next((one.get("detail", "") for one in compared if one["outcome"] == "differs"), "")
    return Judged(outcome, wrong, time.monotonic() - begin, lines, why)


def one(name: str, folder: str) -> int:
    """One plant, told as JSON; the repro script is left in the folder."""
    (plant,) = (plant for plant in PLANTS if plant.name == name)
    found = judged(plant, Path(folder))
    print(json.dumps({"outcome": found.outcome, "lines": found.lines, "line": plant.number(), "wrong": found.wrong}))
    return 0


def main(words: list[str]) -> int:
    """The table."""
    torch.set_num_threads(1)
    if words[:1] == ["--one"]:
        return one(*words[1:])
    bad = 0
    wanted = [plant for plant in PLANTS if not words or any(word in plant.name for word in words)]
    for plant in wanted:
        with tempfile.TemporaryDirectory() as folder:
            found = judged(plant, Path(folder))
        right = found.outcome == "differs" and found.lines == (plant.number(),)
        bad += not right
        wrong = found.wrong or {}
        print(f"{'ok ' if right else 'NOT'} {plant.name:45} {found.outcome:8} line {plant.number()} {found.lines} "
              f"{wrong.get('op', '')} [{wrong.get('kernel', '')}] {found.seconds:.0f}s", flush=True)  # fmt: skip
        if not right:
            print("    ", found.why[:200], "|", wrong.get("detail", "")[:400], flush=True)
    print(f"{len(wanted) - bad} of {len(wanted)} caught at the right line")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The child process: one run of a graph's call, told line by line, and a second where the first leaves a doubt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from g2.check.child.interpret.work import Run


def main(
    folder: Path, target: str, seconds: float, skipped: frozenset[str], events: Path, sample: int | None = None
) -> None:
    """The worker: its results go to `events`, a line each."""
    with events.open("a", encoding="utf-8") as file:

        def tell(event: dict[str, Any]) -> None:
            file.write(json.dumps(event) + "\n")
            file.flush()

        torch.set_num_threads(1)
        run = Run(folder, target, seconds, skipped, tell)
        run.sample = sample
        tell({"e": "ready", "how": run.reference.how})
        outputs = run.go()
        kernels = run.results
        wrong = [name for name, result in kernels.items() if result["outcome"] == "differs"]
        sampled, notes = run.sampled, run.reference.notes
        compared = all(
            kernels[name]["error"] is not None for name in wrong
        )  # else one left its memory: no doubt of that
        if (
            wrong
            and compared
            and not sampled
            and not any(not result["outcome"] and result["why"] for result in kernels.values())
        ):
            # A buffer's counterpart may have been mistaken. What counts is what comes out without help.
            first = run.results
            again = run.go(forced=False)
            if all(one["outcome"] in ("same", "close") for one in again):
                for name in wrong:
                    first[name] = {**first[name], "outcome": "", "why": "it writes something else than the operator it "
                                   "is traced to, and all that the graph gives is right"}  # fmt: skip
            kernels, outputs = first, again
        tell({"e": "done", "outputs": outputs, "kernels": kernels, "sampled": sampled, "notes": notes,
              "how": run.reference.how})  # fmt: skip

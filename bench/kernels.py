"""What `g2 check` makes of real programs without a GPU: every graph to Triton, interpreted, assembled.

    python bench/kernels.py [--only kernels] [--out RESULTS.jsonl] bench/models/*.py fixtures/zoo/*.py
    python bench/kernels.py --table RESULTS.jsonl          write bench/kernels.md

Each program runs in a folder of its own under `g2 check --only correct --only kernels --format json`, or one of these.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import cost

PAGE = Path(__file__).with_name("kernels.md")
BEGIN, END = "<!-- kernels: begin -->\n", "<!-- kernels: end -->\n"
TARGETS = ("sm_80", "sm_90", "sm_100", "gfx942")
_SECONDS = 3000.0


def measured(script: Path, targets: Sequence[str], limit: float, parts: Sequence[str]) -> dict[str, Any]:
    """One program: what became of its graphs on each target, and what comparing it gave."""
    with tempfile.TemporaryDirectory(prefix="g2-bench-") as folder:
        home = Path(folder, "work")
        home.mkdir()
        shutil.copy(script, home)
        env = {**os.environ, "G2_HOME": str(Path(folder, "state"))}
        words = [sys.executable, "-m", "g2.cli", "check", "--format", "json"]
        words += [word for part in parts for word in ("--only", part)]
        words += [word for target in targets for word in ("--target", target)]
        ran = cost([*words, "--part-limit", str(limit), script.name], env, home, _SECONDS)
        found: dict[str, Any] = {"name": script.stem, "rc": ran.code, "wall": round(ran.wall, 1)}
        try:
            report = json.loads(ran.stdout)
        except ValueError:
            return {**found, "error": (ran.stderr.strip().splitlines() or ["no report"])[-1][:300]}
    calls = report["calls"]
    compared = [one for call in calls for one in call["compared"]]
    found |= {
        "calls": len(calls),
        "trains": any(call["trains"] for call in calls),
        "compared": len(compared),
        "differs": [f"{one['inputs']}: {one['detail']}" for one in compared if one["outcome"] == "differs"],
        "unable": [f"{one['inputs']}: {one['detail']}" for one in compared if one["outcome"] == "unable"],
        "failed": [f"{part['name']}: {part['why']}" for call in calls for part in call["failed"]],
        "lost": report["lost"],
        "overhead": report["overhead"],
        "targets": {target: _target(calls, target) for target in targets},
    }
    return found


def _target(calls: Sequence[dict[str, Any]], target: str) -> dict[str, Any]:
    lowered = [one for call in calls for graph in call["graphs"] for one in graph["lowered"] if one["target"] == target]
    kernels = [kernel for one in lowered for kernel in one["kernels"]]
    own = [kernel for kernel in kernels if kernel["kind"] == "triton"]
    return {
        "graphs": len(lowered),
        "stopped": [one["stopped_by"] for one in lowered if one["stopped_by"]],
        "equal": sum(one["interpreted"] in ("same", "close") for one in lowered),
        "wrong": [one["why"] for one in lowered if one["interpreted"] == "differs"],
        "why": [one["why"] for one in lowered if one["why"] and one["interpreted"] != "differs"],
        "sampled": sum(one["sampled"] for one in lowered),
        "kernels": len(own),
        "library": len(kernels) - len(own),
        "assembled": sum(bool(kernel["assembled"] and not kernel["assembled"]["why"]) for kernel in own),
        "placed": sum(bool(kernel["lines"]) for kernel in kernels),
        "all": len(kernels),
    }


def table(results: Sequence[dict[str, Any]]) -> str:
    """A row for each program; where targets differ, the one with the least."""
    heads = ("program", "calls", "compared", "graphs", "to Triton", "interpreted, equal", "Triton kernels", "assembled",
             "with a line", "overhead")  # fmt: skip
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in results:
        if "error" in one:
            rows.append(f"| {one['name']} | {one['error']} | | | | | | | | |")
            continue
        each = list(one["targets"].values())
        least = min(each, key=lambda found: (found["equal"], found["assembled"] - found["kernels"]))
        trains = ", trains" if one["trains"] else ""
        wrong = f", {len(one['differs'])} differ" if one["differs"] else ""
        rows.append(
            f"| {one['name']} | {one['calls']}{trains} | {one['compared'] or ''}{wrong} | {least['graphs']} "
            f"| {least['graphs'] - len(least['stopped'])} | {least['equal']} | {least['kernels']} "
            f"| {least['assembled']} | {least['placed']} of {least['all']} | {one.get('overhead') or ''} |"
        )
    rows += ["", *_remarks(results)]
    return "\n".join(rows) + "\n"


def _remarks(results: Sequence[dict[str, Any]]) -> list[str]:
    found = []
    for one in results:
        said = [*one.get("failed", ()), *one.get("differs", ())]
        for target, each in one.get("targets", {}).items():
            said += [f"{target}: {text}" for text in (*each["stopped"], *each["wrong"], *each["why"])]
        found += [f"* {one['name']}: {text}" for text in dict.fromkeys(said)]
    return ["What could not be done, or differs:", "", *found] if found else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scripts", nargs="*", type=Path)
    parser.add_argument("--target", action="append")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", action="append", choices=("correct", "kernels"))
    parser.add_argument("--part-limit", type=float, default=300.0)
    parser.add_argument("--table", type=Path, metavar="RESULTS")
    asked = parser.parse_args()
    if asked.table:
        results = [json.loads(line) for line in asked.table.read_text("utf-8").splitlines()]
        text = PAGE.read_text("utf-8")
        head, rest = text.split(BEGIN)
        PAGE.write_text(head + BEGIN + table(results) + END + rest.split(END)[1], "utf-8")
        return
    for script in asked.scripts:
        found = measured(script, asked.target or TARGETS, asked.part_limit, asked.only or ("correct", "kernels"))
        print(json.dumps(found), flush=True)
        if asked.out:
            with asked.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

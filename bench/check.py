"""Whether compiled code computes the same, what compiling gains, and what `g2 check` itself costs.

    python bench/check.py [--fix] [--out RESULTS.jsonl] fixtures/zoo/*.py     measure
    python bench/check.py --table RESULTS.jsonl                               write bench/check.md

Each program runs in a folder of its own under `g2 check --only correct --only speed --format json`; with --fix,
`g2 fix` proves rewrites before, and they are compared and measured too. The overhead is what g2 says of itself: seconds
that its examinations took over those of the compilations and measured calls in them. For a GPU, see bench/check_gpu.py.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import cost, machine

PAGE = Path(__file__).with_name("check.md")
BEGIN, END = "<!-- check: begin -->\n", "<!-- check: end -->\n"
_SECONDS = 2400.0
_COMPARED = ("variant", "outcome", "inputs", "detail")


def measured(script: Path, fix: bool, limit: float) -> dict[str, Any]:
    """One program: its calls, and what the check of it took."""
    with tempfile.TemporaryDirectory(prefix="g2-bench-") as folder:
        home = Path(folder, "work")
        home.mkdir()
        shutil.copy(script, home)
        env = {**os.environ, "G2_HOME": str(Path(folder, "state")), "PYTHONHASHSEED": "0"}
        g2 = [sys.executable, "-m", "g2.cli"]
        found: dict[str, Any] = {"name": script.stem, "load": round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)}
        if fix:
            proved = cost([*g2, "fix", script.name], env, home, _SECONDS)
            found["fix_s"] = round(proved.wall, 1)
        words = ["--only", "correct", "--only", "speed", "--format", "json", "--part-limit", str(limit)]
        begin = time.time()
        told = cost([*g2, "check", *words, script.name], env, home, _SECONDS)
        try:
            report = json.loads(told.stdout)
        except ValueError:
            found["error"] = (told.stderr.strip().splitlines() or ["no report"])[-1][:300]
            return found
        found |= {key: report.get(key) for key in ("overhead", "seconds", "torch", "calls", "notes", "script_error")}
        found["wall"] = round(time.time() - begin, 1)
        for call in found["calls"]:
            call["graphs"] = len(call.get("graphs", ()))
            call["compared"] = [[one[key] for key in _COMPARED] for one in call["compared"]]
        return found


def table(results: Sequence[dict[str, Any]]) -> str:
    """Rows of calls, then what they say together."""
    lines = [
        "| program | call | equal | timed | eager | as is | speedup | after fix | first call | pays after |",
        "|---|---|---:|---|---:|---:|---|---|---:|---:|",
    ]
    outcomes: Counter[str] = Counter()
    gains: list[float] = []
    fixed: list[float] = []
    for one in results:
        if one.get("error"):
            lines.append(f"| {one['name']} | | | | | | {one['error']} | | | |")
            continue
        for call in one.get("calls", ()):
            lines.append(_row(one["name"], call))
            outcomes.update(outcome for _, outcome, *_ in call["compared"])
            ratios = dict(call["speed"]["speedups"]) if call.get("speed") else {}
            if "compiled" in ratios:
                gains.append(ratios["compiled"]["median"])
            if "fixed" in ratios:
                fixed.append(ratios["fixed"]["median"])
    overheads = [one["overhead"] for one in results if one.get("overhead")]
    said = [
        f"{len(gains)} calls of {len({one['name'] for one in results})} programs.",
        f"{outcomes.total() - outcomes['unable']} comparisons with eager, of which {outcomes['differs']} differ.",
    ]
    if gains:
        said.append(f"Median speedup as is {statistics.median(gains):.2f}.")
    if fixed:
        said.append(f"After fix {statistics.median(fixed):.2f} in {len(fixed)} calls.")
    if overheads:
        said.append(
            f"What g2 check itself takes: {statistics.median(overheads):.2f} times the compilations and measured calls "
            f"at the median, {max(overheads):.2f} at worst (asked: at most 1.3)."
        )
    return "\n".join([*lines, "", " ".join(said)])


def _row(program: str, call: dict[str, Any]) -> str:
    name = f"{call['root']} {call['number']}"
    speed = call.get("speed")
    if not speed:
        why = "; ".join(f"{part['name']}: {part['why']}" for part in call.get("failed", ()))
        return f"| {program} | {name} | {_equal(call)} | | | | {why[:120] or 'not measured'} | | | |".replace("\n", " ")
    timed = {one["variant"]: one for one in speed["timed"]}
    ratios = dict(speed["speedups"])
    pays = dict(speed["pays_after"])
    compiled = timed.get("compiled", {})
    failed = [part["why"] for part in call.get("failed", ()) if "compiled" in part["name"]]
    cells = [
        program, name, _equal(call), f"{speed['what']}, {speed['threads']} thread{'s' if speed['threads'] > 1 else ''}",
        _time(timed["eager"]["call_s"]["median"]),
        _time(compiled["call_s"]["median"]) if compiled else "",
        _ratio(ratios.get("compiled")) or (failed[0][:80] if failed else ""),
        f"{_time(timed['fixed']['call_s']['median'])}, {_ratio(ratios.get('fixed'))}" if "fixed" in timed else "",
        f"{compiled['first_s']:.1f} s" if compiled else "",
        f"{pays['compiled']:,}" if "compiled" in pays else ("never" if compiled else ""),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |".replace("\n", " ")


def _equal(call: dict[str, Any]) -> str:
    """How many of the comparisons were equal, up to rounding; those that could not be made are left out."""
    made = [outcome for _, outcome, *_ in call["compared"] if outcome != "unable"]
    wrong = made.count("differs")
    return f"**{wrong} of {len(made)} differ**" if wrong else f"{len(made)} of {len(made)}"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"


def _ratio(one: dict[str, Any] | None) -> str:
    if not one:
        return ""
    text = f"{one['median']:.2f} [{one['low']:.2f}, {one['high']:.2f}]"
    return f"no difference {text}" if one["low"] <= 1 <= one["high"] else text


def write(results: Sequence[dict[str, Any]], taken: str) -> None:
    """Into the page, between its marks."""
    text = PAGE.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\nTaken on: {taken}.\n\n{table(results)}\n\n{END}{tail}", "utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, or write the page."""
    parser = argparse.ArgumentParser(description="Whether compiled code is right, what it gains, what g2 check costs.")
    parser.add_argument("programs", nargs="*", type=Path)
    parser.add_argument("--fix", action="store_true", help="prove rewrites first, and measure them too")
    parser.add_argument("--out", type=Path, help="append results to this file, one line of JSON each")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for one call")
    parser.add_argument("--table", type=Path, help="write the page from such a file; of a program, its last line")
    parser.add_argument("--taken", default="", help="when and where, for the page")
    given = parser.parse_args(argv)
    if given.table:
        lines = [json.loads(line) for line in given.table.read_text("utf-8").splitlines()]
        last = {one["name"]: one for one in lines}
        write(list(last.values()), given.taken or machine())
        return 0
    results = []
    for script in given.programs:
        one = measured(script, given.fix, given.limit)
        results.append(one)
        print(one["name"], one.get("error") or f"overhead {one.get('overhead')}", file=sys.stderr, flush=True)
        if given.out:
            with given.out.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(one) + "\n")
    print(table(results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""What `g2 fix --apply --unsafe` does for programs: python bench/fix.py [--out FILE] PROGRAM.py...

Each program is copied into a folder of its own, fixed there, and run again: with what was written and the patch pack in
place, under `g2 explain` and plainly. A site is a place with a break that is no after-effect. The ratio is the wall
time of `g2 fix` to that of one `g2 explain --once`, taken right before it; on a busy machine the ratio of the time of
processors, of all processes together, says more.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import Cost, cost

_SECONDS = 1500.0


@dataclass(frozen=True)
class Fixed:
    """One program, before and after."""

    name: str
    before: tuple[int, int, int]  # breaks, graphs, recompiles
    after: tuple[int, int, int]
    places: tuple[str, ...]  # with a break, before
    kept: tuple[str, ...]  # and after, by their text and function
    same: bool  # the script's own output and exit code
    offers: tuple[str, ...]
    alone: tuple[tuple[str, tuple[str, ...]], ...]
    rounds: int
    runs: int
    once: float  # seconds of g2 explain --once
    whole: float  # seconds of g2 fix
    once_cpu: float  # seconds of processors of each, all processes together
    whole_cpu: float
    error: str = ""
    mended: bool = False  # the program failed before, and runs now

    @property
    def output(self) -> str:
        """The program's own output, against that of before."""
        return "same" if self.same else "failed before, runs now" if self.mended else "**differs**"

    @property
    def ratio(self) -> float:
        return self.whole / self.once if self.once else float("nan")

    @property
    def ratio_cpu(self) -> float:
        return self.whole_cpu / self.once_cpu if self.once_cpu else float("nan")


@dataclass
class Bench:
    """Runs g2 on one program in a folder of its own."""

    script: Path
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.env = {**os.environ, "G2_HOME": str(self.folder / "state"), "PYTHONHASHSEED": "0"}
        (self.folder / "work").mkdir()
        self.copy = self.folder / "work" / self.script.name
        shutil.copy(self.script, self.copy)

    def g2(self, *words: str) -> Cost:
        return cost([sys.executable, "-m", "g2.cli", *words], self.env, self.copy.parent, _SECONDS)

    def plain(self) -> Cost:
        return cost([sys.executable, self.script.name], self.env, self.copy.parent, _SECONDS)

    def explained(self) -> dict[str, Any]:
        told = self.g2("explain", "--format", "json", self.script.name)
        found: dict[str, Any] = json.loads(told.stdout)
        return found


def fixed(script: Path) -> Fixed:
    """Fix a copy of the program and look at what came of it."""
    with tempfile.TemporaryDirectory(prefix="g2-bench-") as folder:
        bench = Bench(script, Path(folder))
        plain = bench.plain()
        once = bench.g2("explain", "--once", "-q", script.name)
        before = bench.explained()
        whole = bench.g2("fix", "--again", "--apply", "--unsafe", "--format", "json", script.name)
        if not whole.stdout.strip():
            return Fixed(script.stem, _counts(before), _counts(before), _places(before), _places(before), False, (), (),
                         0, 0, once.wall, whole.wall, once.cpu, whole.cpu, whole.stderr[-400:])  # fmt: skip
        said = json.loads(whole.stdout)
        again, after = bench.plain(), bench.explained()
        return Fixed(
            script.stem,
            _counts(before),
            _counts(after),
            _places(before),
            _places(after),
            (again.code, again.stdout) == (plain.code, plain.stdout),
            tuple(f"{offer['rule']} ({offer['safety']})" for offer in said["offers"] if offer["applied"]),
            tuple((_named(one["place"]), tuple(one["why"])) for one in said["alone"]),
            said["rounds"],
            said["runs"],
            once.wall,
            whole.wall,
            once.cpu,
            whole.cpu,
            mended=plain.code != 0 and again.code == 0,
        )


def _counts(report: dict[str, Any]) -> tuple[int, int, int]:
    return len(_places(report)), len(report["graphs"]), sum(change["count"] for change in report["recompiles"])


def _places(report: dict[str, Any]) -> tuple[str, ...]:
    causes = [one for one in report["breaks"] if not one["after_effect"]]
    return tuple(dict.fromkeys(f"{_file(one['span']['path'])}:{one['span']['line']} {one['reason']}" for one in causes))


def _named(place: dict[str, Any]) -> str:
    span = place["span"]
    return f"{_file(span['path'])}:{span['line']} {place['reason']}"


def _file(path: str) -> str:
    return path.rpartition("site-packages/")[2]


def _table(rows: list[Fixed]) -> str:
    lines = ["| program | breaks | graphs | recompiles | output | rounds | runs | fix / explain --once | offers |",
             "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        pairs = [f"{a} → {b}" for a, b in zip(row.before, row.after, strict=True)]
        same = row.error or row.output
        offers = ", ".join(row.offers) or "none"
        lines.append(
            f"| {row.name} | {' | '.join(pairs)} | {same} | {row.rounds} | {row.runs} | {row.ratio:.1f} | {offers} |"
        )
    cured = sum(row.before[0] - row.after[0] for row in rows)
    lines.append(f"\nSites: {cured} of {sum(row.before[0] for row in rows)} removed.")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, help="write what was found as JSON, one program a line")
    asked = parser.parse_args()
    rows = []
    for program in asked.programs:
        row = fixed(program.resolve())
        rows.append(row)
        print(f"{row.name}: breaks {row.before[0]} → {row.after[0]}, {row.ratio:.1f} times explain --once", flush=True)
        for place in row.kept:
            print(f"    kept {place}")
        for place, why in row.alone:
            print(f"    left {place}: {'; '.join(why)[:300]}")
        if asked.out is not None:
            with asked.out.open("a", encoding="utf-8") as out:
                out.write(
                    json.dumps({**row.__dict__, "ratio": round(row.ratio, 2), "ratio_cpu": round(row.ratio_cpu, 2)})
                    + "\n"
                )
    print(_table(rows))
    return 0 if all(row.same or row.mended for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())

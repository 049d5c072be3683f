"""What `g2 explain` costs beside the same script under torch.compile(backend="eager") without g2, and beside
TORCH_TRACE with tlparse. Whole processes, on the practice programs.

    python bench/explain.py [--rounds 3] [PROGRAM ...]

A program that does not run without g2 (a library that is not installed) is named and left out. One that torch.compile
alone stops, since Dynamo raises where eager works, is compared with TORCHDYNAMO_SUPPRESS_ERRORS=1: g2 lets it go on,
too.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import measure

PROGRAMS = measure.ROOT / "fixtures" / "zoo"
BIN = Path(sys.executable).parent
PLAIN = [sys.executable, str(Path(__file__).with_name("plain.py"))]
# What the issue of the first version asks for; None where it asks for nothing.
TARGETS = {
    "--once / eager": ("median", 1.15, "worst", 1.5),
    "default / eager": ("median", 2.0, None, None),
    "--once / trace": (None, None, "worst", 1.0),
    "default / trace": (None, None, None, None),
}


@dataclass(frozen=True, slots=True)
class Round:
    """Costs of one program: without g2, with `--once`, with all, and TORCH_TRACE with tlparse; sizes in bytes."""

    plain: tuple[float, float]
    once: tuple[float, float]
    default: tuple[float, float]
    trace: tuple[float, float]
    record: int
    traced: int

    def ratios(self, kind: int) -> dict[str, float]:
        """Of wall time (0) or CPU time (1)."""
        return {
            "--once / eager": self.once[kind] / self.plain[kind],
            "default / eager": self.default[kind] / self.plain[kind],
            "--once / trace": self.once[kind] / self.trace[kind],
            "default / trace": self.default[kind] / self.trace[kind],
        }


class Failed(Exception):
    """A program cannot be measured."""


def _run(command: list[str], env: dict[str, str], fine: tuple[int, ...] = (0,)) -> tuple[float, float]:
    done = measure.cost(command, env)
    if done.code not in fine:
        raise Failed(f"exit code {done.code}: {(done.stderr.strip().splitlines() or [''])[-1][:150]}")
    return done.wall, done.cpu


def _g2(script: Path, *options: str) -> tuple[tuple[float, float], int]:
    with tempfile.TemporaryDirectory(prefix="g2-bench-") as home:
        taken = _run(
            [str(BIN / "g2"), "explain", "--quiet", *options, str(script)],
            measure.environment(G2_HOME=home),
            fine=(0, 1),
        )
        return taken, _size(Path(home))


def _trace(script: Path, env: dict[str, str]) -> tuple[tuple[float, float], int]:
    with tempfile.TemporaryDirectory(prefix="g2-bench-") as folder:
        wall, cpu = _run([*PLAIN, str(script)], {**env, "TORCH_TRACE": folder})
        size = _size(Path(folder))
        parser = BIN / "tlparse"
        if parser.exists():
            for log in sorted(Path(folder).glob("*.log")):
                more = _run([str(parser), str(log), "-o", f"{folder}/{log.stem}", "--no-browser"], env)
                wall, cpu = wall + more[0], cpu + more[1]
        return (wall, cpu), size


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _one(script: Path, env: dict[str, str], turn: int) -> Round:
    """The four commands, beginning with another one in each round."""
    steps = ["plain", "once", "default", "trace"]
    got: dict[str, tuple[float, float]] = {}
    sizes: dict[str, int] = {}
    for step in steps[turn % 4 :] + steps[: turn % 4]:
        if step == "plain":
            got[step] = _run([*PLAIN, str(script)], env)
        elif step == "trace":
            got[step], sizes[step] = _trace(script, env)
        else:
            got[step], sizes[step] = _g2(script, *(["--once"] if step == "once" else []))
    return Round(**got, record=sizes["once"], traced=sizes["trace"])


def _ready(script: Path) -> tuple[dict[str, str], bool]:
    """Run the program once without g2, which also fills the disk cache; returns the environment that it needs."""
    env = measure.environment()
    try:
        _run([*PLAIN, str(script)], env)
    except Failed:
        env["TORCHDYNAMO_SUPPRESS_ERRORS"] = "1"
        _run([*PLAIN, str(script)], env)
        return env, True
    return env, False


def measured(scripts: list[Path], rounds: int) -> tuple[dict[str, list[Round]], list[str]]:
    """All rounds of all programs that run, and a note for each that needs one."""
    notes: list[str] = []
    out: dict[str, list[Round]] = defaultdict(list)
    for script in scripts:
        try:
            env, suppressed = _ready(script)
            if suppressed:
                notes.append(f"{script.stem}: torch.compile alone stops it; TORCHDYNAMO_SUPPRESS_ERRORS=1 without g2")
            for turn in range(rounds):
                out[script.stem].append(_one(script, env, turn))
        except Failed as error:
            out.pop(script.stem, None)
            notes.append(f"{script.stem}: left out, {error}")
        ratios = out[script.stem][-1].ratios(1) if script.stem in out else {}
        print(f"  {script.stem}", *(f"{v:.2f}" for v in ratios.values()), file=sys.stderr, flush=True)
    return dict(out), notes


def summary(found: dict[str, list[Round]]) -> str:
    """Median and worst program of each comparison, beside what is asked for."""
    rows: list[list[object]] = []
    for kind, name in enumerate(("wall", "CPU")):
        for which, (_, median, _, worst) in TARGETS.items():
            groups = [[r.ratios(kind)[which] for r in rounds] for rounds in found.values()]
            middle, most = measure.interval(groups), _worst(groups)
            rows.append([which, name, middle, _asked(median), most, _asked(worst)])
    groups = [[r.record / r.traced for r in rounds] for rounds in found.values()]
    rows.append(["record / TORCH_TRACE", "bytes", measure.interval(groups), "", _worst(groups), "0.10"])
    return measure.table(["ratio", "of", "median program", "asked", "worst program", "asked"], rows)


def _worst(groups: list[list[float]]) -> measure.Interval:
    """The program whose median is the highest, with the interval of its own repetitions."""
    return measure.interval([max(groups, key=measure.statistics.median)])


def _asked(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def details(found: dict[str, list[Round]]) -> str:
    """One line a program: seconds without g2, and the ratios of wall time and CPU time."""
    rows: list[list[object]] = []
    for name, rounds in found.items():
        middle = measure.statistics.median
        cells: list[object] = [name, *(f"{middle(r.plain[kind] for r in rounds):.1f}" for kind in (0, 1))]
        for which in TARGETS:
            cells.append(" ".join(f"{middle(r.ratios(kind)[which] for r in rounds):.2f}" for kind in (0, 1)))
        cells.append(f"{rounds[0].record / 1e3:.0f} / {rounds[0].traced / 1e3:.0f}")
        rows.append(cells)
    return measure.table(["program", "wall s", "CPU s", *(f"{t} (wall CPU)" for t in TARGETS), "kB"], rows)


def report(rounds: int, names: list[str]) -> str:
    """Measure and draw. Raises FileNotFoundError when the command g2 is not installed beside this Python."""
    if not (BIN / "g2").exists():
        raise FileNotFoundError(f"{BIN / 'g2'} is missing: pip install -e . first")
    scripts = [PROGRAMS / f"{n}.py" for n in names] if names else sorted(PROGRAMS.glob("*.py"))
    found, notes = measured(scripts, rounds)
    parsed = shutil.which("tlparse", path=str(BIN)) is not None
    tool = "TORCH_TRACE and tlparse" if parsed else "TORCH_TRACE alone (for the rest: pip install tlparse)"
    if not found:
        return "\n".join(["No program could be measured.", *notes])
    lines = [
        f"{len(found)} programs, {rounds} rounds each. eager: torch.compile without g2. trace: {tool}.",
        "", summary(found), "", details(found), "", *(f"* {note}" for note in notes),
    ]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("programs", nargs="*")
    wanted = options.parse_args()
    print(measure.machine(), report(wanted.rounds, wanted.programs), sep="\n\n")

"""What the commit hook costs: its start, a first scan of a repository of 1,000 files, the next ones, two at once.

    python bench/hook.py [--files 1000] [--rounds 7]

The repository is made of the largest files of the installed transformers (any other package with --package). CPU
seconds are those of all processes, user and system; ratios are taken within a round. Asked for: under 0.3 s to start,
under 0.5 s where nothing has changed, 50,000 lines a second and core the first time, and no torch loaded.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import measure

G2 = str(Path(sys.executable).parent / "g2")
_HEAVY = {"torch", "triton", "numpy", "libcst"}
_QUIET = ["scan", "--staged", "--quiet"]


def report(files: int, rounds: int, package: str) -> str:
    """Measure and draw a table."""
    with tempfile.TemporaryDirectory(prefix="g2-bench-") as folder:
        top = Path(folder) / "repository"
        lines = _repository(top, files, package)
        env = measure.environment(G2_HOME=str(Path(folder) / "home"), GIT_CONFIG_GLOBAL=os.devnull)
        empty = Path(folder) / "empty"
        empty.mkdir()
        _git("init", "-q", at=empty)
        rows: list[list[object]] = []
        started = [measure.cost([G2, *_QUIET], env, empty) for _ in range(rounds)]
        nothing = [measure.cost([sys.executable, "-c", "pass"], env, empty) for _ in range(rounds)]
        rows.append(_row("python -c pass", nothing))
        rows.append(_row("hook, empty repository", started, 0.3))
        few = max(rounds // 3, 1)  # of what takes long
        cold = _cold(top, env, few)
        rows.append(_row(f"first scan, {files:,} files", cold))
        same = [_ok(measure.cost([G2, "scan", "--quiet"], env, top)) for _ in range(rounds)]
        rows.append(_row("scan, nothing changed", same, 0.5))
        hook = [_ok(measure.cost([G2, *_QUIET], env, top)) for _ in range(rounds)]
        rows.append(_row("hook, nothing changed", hook, 0.5))
        rows.append(_row("hook, one file changed", [_changed(top, env, number) for number in range(few)]))
        rows.append(_row("two hooks at once, the slower", [_both(top, env, 100 + n) for n in range(few)]))
        table = measure.table(["command", "wall ms [5%, 95%]", "CPU ms [5%, 95%]", "asked"], rows)
        speed = lines / statistics.median(one.cpu for one in cold)
        ratio = measure.interval([[a.cpu / b.cpu for a, b in zip(same * len(cold), cold, strict=False)]])
        heavy = ", ".join(_loaded(env, top)) or "none"
        return (
            f"{table}\n\n{files:,} files, {lines:,} lines. First scan: {speed:,.0f} lines a second of CPU. "
            f"Unchanged / first (CPU): {ratio}. Of {', '.join(sorted(_HEAVY))} the hook loads: {heavy}."
        )


def _repository(top: Path, files: int, package: str) -> int:
    """A repository of the package's largest files; their lines."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed; name another one with --package")
    source = Path(next(iter(spec.submodule_search_locations)))
    found = sorted(source.rglob("*.py"), key=lambda path: -path.stat().st_size)[:files]
    for path in found:
        target = top / package / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        _git(*words, at=top)
    return sum(path.read_bytes().count(b"\n") for path in found)


def _git(*words: str, at: Path) -> None:
    who = {f"GIT_{who}_{what}": "bench@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", *words], cwd=at, check=True, env={**os.environ, **who}, capture_output=True)


def _cold(top: Path, env: dict[str, str], rounds: int) -> list[measure.Cost]:
    taken = []
    for _ in range(rounds):
        shutil.rmtree(env["G2_HOME"], ignore_errors=True)
        taken.append(_ok(measure.cost([G2, "scan", "--quiet"], env, top)))
    return taken


def _changed(top: Path, env: dict[str, str], number: int) -> measure.Cost:
    """The hook at a commit that changes one file."""
    file = next(top.rglob("modeling_*.py"), None) or next(top.rglob("*.py"))
    file.write_text(f"{file.read_text('utf-8')}\n# {number}\n", "utf-8")
    _git("add", "-A", at=top)
    return _ok(measure.cost([G2, *_QUIET], env, top))


def _both(top: Path, env: dict[str, str], number: int) -> measure.Cost:
    """Two hooks at once, at a commit that changes one file. The other one runs while this one is measured."""
    file = next(top.rglob("modeling_*.py"), None) or next(top.rglob("*.py"))
    file.write_text(f"{file.read_text('utf-8')}\n# {number}\n", "utf-8")
    _git("add", "-A", at=top)
    other = subprocess.Popen([G2, *_QUIET], cwd=top, env=env, stdout=subprocess.DEVNULL)
    cost = _ok(measure.cost([G2, *_QUIET], env, top))
    if other.wait() not in (0, 1):
        raise RuntimeError("the other hook failed")
    return cost


def _ok(cost: measure.Cost) -> measure.Cost:
    if cost.code not in (0, 1):
        raise RuntimeError(cost.stderr[-2000:])
    return cost


def _loaded(env: dict[str, str], top: Path) -> list[str]:
    done = measure.cost([sys.executable, "-X", "importtime", "-m", "g2.cli", *_QUIET], env, top)
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    return sorted(modules & _HEAVY)


def _row(name: str, costs: Sequence[measure.Cost], asked: float | None = None) -> list[object]:
    return [name, _ms([c.wall for c in costs]), _ms([c.cpu for c in costs]), f"{asked * 1e3:.0f}" if asked else ""]


def _ms(values: list[float]) -> str:
    low, *_, high = statistics.quantiles(values, n=20) if len(values) > 1 else (values[0], values[0])
    return f"{statistics.median(values) * 1e3:,.0f} [{low * 1e3:,.0f}, {high * 1e3:,.0f}]"


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--files", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--package", default="transformers")
    wanted = options.parse_args()
    print(measure.machine(), report(wanted.files, wanted.rounds, wanted.package), sep="\n\n")

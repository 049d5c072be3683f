"""What starting g2 costs: `g2 --help`, `g2 why`, `g2 why tensor-branch`, and the start-up file on a Python that does
nothing.

    python bench/startup.py [--rounds 15]

CPU seconds of whole processes, user and system. Asked for: under 0.3 s and no torch loaded, which is checked by
asking the interpreter for every module that it imported (-X importtime).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import measure

LIMIT = 0.3
COMMANDS = (["--help"], ["explain", "--help"], ["why"], ["why", "tensor-branch"], ["why", "GB0170"])
_HEAVY = {"torch", "triton", "numpy", "libcst"}
_WITH_FILE = "import site; site.addsitedir({!r})"


def _many(commands: dict[str, list[str]], rounds: int, env: dict[str, str]) -> dict[str, list[float]]:
    """CPU seconds of each command, once a round."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds):
        names = list(commands)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            done = measure.cost(commands[name], env)
            if done.code:
                raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
            taken[name].append(done.cpu)
    return taken


def loaded(arguments: list[str], env: dict[str, str]) -> list[str]:
    """Which of the heavy packages `g2 ARGUMENTS` imports."""
    done = measure.cost([sys.executable, "-X", "importtime", "-m", "g2.cli", *arguments], env)
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    return sorted(modules & _HEAVY)


def _milliseconds(values: list[float]) -> str:
    low, *_, high = statistics.quantiles(values, n=20) if len(values) > 1 else (values[0], values[0])
    return f"{statistics.median(values) * 1e3:.0f} [{low * 1e3:.0f}, {high * 1e3:.0f}]"


def report(rounds: int) -> str:
    """Measure and draw two tables."""
    g2 = str(Path(sys.executable).parent / "g2")
    with tempfile.TemporaryDirectory(prefix="g2-bench-") as home:
        env = measure.environment(G2_HOME=home)
        named = {" ".join(["g2", *a]): [g2, *a] for a in COMMANDS}
        taken = _many({**named, "python -c pass": [sys.executable, "-c", "pass"]}, rounds, env)
        rows: list[list[object]] = []
        for arguments in COMMANDS:
            name = " ".join(["g2", *arguments])
            rows.append([name, _milliseconds(taken[name]), ", ".join(loaded(arguments, env)) or "none"])
        rows.append(["python -c pass", _milliseconds(taken["python -c pass"]), ""])
        rows.append(["asked", f"{LIMIT * 1e3:.0f}", "none"])
        head = ["command", "CPU ms [5%, 95%]", f"of {', '.join(sorted(_HEAVY))} loaded"]
        return "\n".join([measure.table(head, rows), "", _start_up_file(Path(home), rounds, env)])


def _start_up_file(home: Path, rounds: int, env: dict[str, str]) -> str:
    """The cost of g2-torch.pth: the same interpreter reads a folder with it, or an empty one, and does nothing else."""
    empty, holding = home / "empty", home / "holding"
    empty.mkdir()
    holding.mkdir()
    (holding / "g2-torch.pth").write_bytes((measure.ROOT / "g2-torch.pth").read_bytes())
    without = [sys.executable, "-S", "-c", _WITH_FILE.format(str(empty))]
    with_it = [sys.executable, "-S", "-c", _WITH_FILE.format(str(holding))]
    idle = _many({"without": without, "with": with_it}, rounds * 2, env)
    # The package itself has to be found for this one: no -S.
    plain = [sys.executable, "-c", "pass"]
    watched = _many({"with": plain}, rounds, {**env, "G2_RECORD": str(home / "record")})["with"]
    unwatched = _many({"without": plain}, rounds, env)["without"]
    rows: list[list[object]] = []
    for name, less, more in (
        ("g2-torch.pth, no G2_RECORD", idle["without"], idle["with"]),
        ("attached (G2_RECORD), no torch", unwatched, watched),
    ):
        added = [b - a for a, b in zip(less, more, strict=True)]
        pair = [_milliseconds(less), _milliseconds(more)]
        rows.append([name, *pair, f"{statistics.median(added) * 1e3:.1f}"])
    return measure.table(["a Python that does nothing", "without, CPU ms", "with", "more ms"], rows)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--rounds", type=int, default=15)
    print(measure.machine(), report(options.parse_args().rounds), sep="\n\n")

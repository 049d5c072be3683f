"""What watching costs in the steady state: a tiny compiled function, called again and again, without g2 and under it.

    python bench/calls.py [--calls 100000] [--rounds 3]

The function adds two numbers of two elements, so that a call is nearly all overhead. The script times its own calls
with time.perf_counter, after its compilation. Under g2 a call is counted, its graph is timed, and what it crosses is
kept.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import measure

_LOOP = """
import sys, time, torch
torch.set_num_threads(1)
{made}
x = torch.ones(2)
with torch.no_grad():
    for _ in range(20):
        run(x)
    begin, cpu = time.perf_counter(), time.process_time()
    for _ in range({calls}):
        run(x)
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
print(wall / {calls} * 1e6, cpu / {calls} * 1e6)
"""
SHAPES = {
    "a function, one graph": "run = torch.compile(lambda x: x + 1, backend='eager')",
    "a module, one graph": (
        "class Net(torch.nn.Module):\n    def forward(self, x):\n        return x + 1\n"
        "run = Net()\nrun.compile(backend='eager')"
    ),
    "a function, two graphs": (
        "def two(x):\n    y = x + 1\n    torch._dynamo.graph_break()\n    return y * 2\n"
        "run = torch.compile(two, backend='eager')"
    ),
}


def _microseconds(command: list[str], home: str) -> float:
    done = measure.cost(command, measure.environment(G2_HOME=home))
    if done.code not in (0, 1):
        raise RuntimeError(done.stderr[-2000:])
    return float(done.stdout.split()[-1])


def report(calls: int, rounds: int) -> str:
    """Measure and draw: CPU microseconds of a call."""
    g2 = [str(Path(sys.executable).parent / "g2"), "explain", "--quiet"]
    rows: list[list[object]] = []
    for name, made in SHAPES.items():
        with tempfile.TemporaryDirectory(prefix="g2-bench-") as folder:
            script = Path(folder, "loop.py")
            script.write_text(_LOOP.format(made=made, calls=calls))
            plain: list[float] = []
            once: list[float] = []
            for _ in range(rounds):
                plain.append(_microseconds([sys.executable, str(script)], folder))
                once.append(_microseconds([*g2, "--once", str(script)], folder))
        more = [b - a for a, b in zip(plain, once, strict=True)]
        rows.append([
            name, f"{statistics.median(plain):.1f}", f"{statistics.median(once):.1f}", f"{statistics.median(more):.1f}",
            measure.interval([[b / a for a, b in zip(plain, once, strict=True)]]),
        ])  # fmt: skip
    return measure.table(["a call of", "without g2 us", "with g2 us", "more us", "ratio"], rows)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--calls", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    wanted = options.parse_args()
    print(measure.machine(), report(wanted.calls, wanted.rounds), sep="\n\n")

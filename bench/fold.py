"""How long folding takes, and drawing: made-up journals of 10,000, 30,000 and 100,000 events, and a report of 5,000
places in every form.

    python bench/fold.py [--events 10000 30000 100000] [--places 5000] [--json]

Each size is folded in a process of its own. CPU seconds are the fewest of three; memory is the largest resident set
of the process, Python and g2 included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import journals
import measure

SECONDS, MEGABYTES = 3.0, 500  # asked for at 100,000 events


def folded(folder: Path) -> tuple[Any, float]:
    """The session in `folder`, and the CPU seconds of folding it (not of loading the modules)."""
    from g2.capture.fold.session import fold

    begin = time.process_time()
    session = fold(folder, argv=("train.py",), exit_code=0, started=0.0)
    return session, time.process_time() - begin


def one(folder: Path) -> dict[str, float]:
    """Fold what is in `folder` and say what came out and what it cost: what a child process of this benchmark does."""
    session, seconds = folded(folder)
    peak = _peak()
    for _ in range(2):
        seconds = min(seconds, folded(folder)[1])
    return {
        "seconds": seconds, "megabytes": peak, "places": len(session.breaks), "recompiles": len(session.recompiles),
        "graphs": len(session.graphs), "events": sum(b.count for b in session.breaks if not b.hidden),
    }  # fmt: skip


def drawn(folder: Path) -> dict[str, dict[str, float]]:
    """Draw the report of what is in `folder` in every form, all of it; CPU seconds and the size of the text."""
    from g2.cli.views import Output, formats, view
    from g2.explain.findings import report

    session, _ = folded(folder)
    begin = time.process_time()
    made = report(session)
    out = {"(finding reasons)": {"seconds": time.process_time() - begin, "kB": 0.0}}
    forms: list[tuple[str, str, int | None]] = [(name, name, 0) for name in formats()]
    for shown, name, limit in [*forms, ("terminal, as long as it is by itself", "terminal", None)]:
        begin = time.process_time()
        text = view(name).render(made, Output(width=100, limit=limit))
        out[shown] = {"seconds": time.process_time() - begin, "kB": len(text) / 1e3}
    return out


def _peak() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _child(what: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run([sys.executable, __file__, what, str(folder)], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(sizes: list[int], places: int) -> dict[str, Any]:
    """Everything this benchmark measures, as plain numbers."""
    found: dict[str, Any] = {"sizes": {}}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="g2-bench-") as name:
            written = journals.write(Path(name), size, max(size // 20, 1))
            on_disk = sum(p.stat().st_size for p in Path(name).glob("*.jsonl"))
            found["sizes"][size] = {**_child("--one", Path(name)), "written": written, "journal_mb": on_disk / 1e6}
    if places:
        with tempfile.TemporaryDirectory(prefix="g2-bench-") as name:
            journals.write(Path(name), places * 20, places)
            found["views"] = _child("--draw", Path(name))
    return found


def report(sizes: list[int], places: int) -> str:
    """Measure and draw tables."""
    found = measured(sizes, places)
    rows: list[list[object]] = []
    for size, cost in found["sizes"].items():
        rows.append([
            f"{size:,}", f"{cost['journal_mb']:.1f}", f"{cost['places']:,}", f"{cost['seconds']:.2f}",
            f"{cost['seconds'] / size * 1e6:.1f}", f"{cost['megabytes']:.0f}",
        ])  # fmt: skip
    rows.append(["asked at 100,000", "", "", f"{SECONDS:.2f}", "the same", f"{MEGABYTES}"])
    lines = [measure.table(["events", "journals MB", "places", "CPU s", "us an event", "memory MB"], rows)]
    if "views" in found:
        views = [[name, f"{cost['seconds']:.2f}", f"{cost['kB']:.0f}"] for name, cost in found["views"].items()]
        lines += ["", f"Drawing a report of {places:,} places, all of them:", ""]
        lines += [measure.table(["form", "CPU s", "kB"], views)]
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] in (["--one"], ["--draw"]):
        print(json.dumps((one if sys.argv[1] == "--one" else drawn)(Path(sys.argv[2]))))
        raise SystemExit
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--events", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    options.add_argument("--places", type=int, default=5000)
    options.add_argument("--json", action="store_true")
    wanted = options.parse_args()
    if wanted.json:
        print(json.dumps(measured(wanted.events, wanted.places)))
    else:
        print(measure.machine(), report(wanted.events, wanted.places), sep="\n\n")

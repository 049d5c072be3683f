"""Everything that bench/ measures, in one command; `make bench` calls it.

    python bench/run.py [--quick] [--write]

--quick takes one round of everything, to see that it runs; --write puts the results into bench/README.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import calls
import fold
import hook
import measure
import startup

import explain

README = Path(__file__).with_name("README.md")
MARK = "<!-- written by bench/run.py --write from here on -->\n"


def results(quick: bool) -> str:
    """All tables, each under a heading with the command that repeats it alone."""
    parts: tuple[tuple[str, str, Callable[[], str]], ...] = (
        ("Starting", "bench/startup.py", lambda: startup.report(3 if quick else 15)),
        (
            "Folding and drawing",
            "bench/fold.py",
            lambda: fold.report([10_000, 30_000, 100_000], 500 if quick else 5000),
        ),
        (
            "A call in the steady state",
            "bench/calls.py",
            lambda: calls.report(*((10_000, 1) if quick else (100_000, 5))),
        ),
        ("The commit hook", "bench/hook.py", lambda: hook.report(*((100, 3) if quick else (1000, 9)), "transformers")),
        ("A whole script", "bench/explain.py", lambda: explain.report(1 if quick else 5, [])),
    )
    lines = [f"Taken on: {measure.machine()}.", ""]
    for title, file, measured in parts:
        print(f"{title} ...", file=sys.stderr, flush=True)
        lines += [f"## {title}", "", f"`python {file}`", "", measured(), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--quick", action="store_true")
    options.add_argument("--write", action="store_true")
    wanted = options.parse_args()
    text = results(wanted.quick)
    print(text)
    if wanted.write:
        README.write_text(README.read_text("utf-8").partition(MARK)[0] + MARK + "\n" + text, "utf-8")

"""What g2 finds in the practice programs, against their truth: python bench/zoo_truth.py fixtures/zoo/*.py

A place is compared by file, function, id and source text; see fixtures/zoo/README.md for what the truth is.
Exit code 1 when a program differs.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "torch"))

from helpers import run  # noqa: E402

from g2.capture.model import Break, Session  # noqa: E402

TRUTH = json.loads((ROOT / "fixtures" / "zoo" / "truth.json").read_text("utf-8"))["cases"]


@dataclass(frozen=True)
class Place:
    """A break: where, and what Dynamo calls it."""

    file: str
    line: int
    function: str
    id: str
    code: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function} {self.id} | {self.code[:90]}"


@dataclass(frozen=True)
class Compared:
    """One program: what the truth has and g2 has not, the reverse, and the counts."""

    name: str
    missing: tuple[Place, ...]
    added: tuple[Place, ...]
    after_effects_missed: tuple[Place, ...]
    hidden: int
    graphs: tuple[int, int]
    recompiles: tuple[int, int]
    session: Session


def compare(script: Path, once: bool = True) -> Compared:
    """Run one program and compare it with its truth."""
    truth = TRUTH[script.stem]
    session = run([str(script)], once=once).session
    wanted = [expected(site) for site in truth["sites"]]
    after = {expected(s) for s in truth["sites"] if s["cause"] == "after-effect"}
    natural = [b for b in session.breaks if not b.hidden]
    found = {_found(b): b for b in natural}
    missing = [p for p in wanted if not any(same(p, q) for q in found)]
    # Where eager works and Dynamo raises, the truth ends at the first error, and g2 goes on.
    added = [p for p, b in found.items() if b.after_effect_of is None and not any(same(q, p) for q in wanted)]
    missed = [p for p, b in found.items() if b.after_effect_of is None and any(same(q, p) for q in after)]
    return Compared(
        script.stem,
        tuple(missing),
        tuple(added),
        tuple(missed),
        sum(b.hidden for b in session.breaks),
        (truth["graphs"], sum(not g.backward for g in session.graphs)),
        (truth["recompiles"], sum(r.count for r in session.recompiles)),
        session,
    )


def same(truth: Place, found: Place) -> bool:
    # A library may stand outside of site-packages (PYTHONPATH): then only the end of its path is known.
    if not truth.file.endswith(found.file) or truth.function != found.function or not _same_id(truth.id, found.id):
        return False
    if not truth.id.startswith("GB"):  # an error of Dynamo's own: the truth names the function, g2 the line in it
        return True
    # The truth's lines of the programs themselves were taken before a line of their headers went away.
    return truth.code == found.code if truth.code else truth.line == found.line


def _same_id(truth: str, found: str) -> bool:
    return truth == found or not (re.match(r"GB\d", truth) and re.match(r"GB\d", found))


def expected(site: dict[str, object]) -> Place:
    file = str(site["file"]).removeprefix("cases/")
    return Place(
        file,
        int(str(site["line"])),
        str(site["function"]),
        str(site["gb_id"] or site["gb_type"]),
        str(site["code"])[:160],
    )


def _found(b: Break) -> Place:
    path = b.span.path
    if "-packages/" in path:
        path = path.rpartition("-packages/")[2]
    else:
        path = re.sub(r"^.*/lib/python3\.\d+/", "python/", path)
        path = path if path.startswith("python/") else Path(path).name
    code = ""
    if b.snippet is not None:
        code = b.snippet.lines[b.span.line - b.snippet.first].strip()[:160]
    return Place(path, b.span.line, b.function.rpartition(".")[2], b.kind or b.title, code)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("script", nargs="+", type=Path)
    parser.add_argument("--hidden", action="store_true", help="look for hidden breaks too")
    wanted = parser.parse_args()
    print(
        f"{'program':<20} {'places':>9} {'missing':>8} {'added':>6} {'after':>6} {'graphs':>9} {'recompiles':>11} s"
    )
    totals: Counter[str] = Counter()
    for script in wanted.script:
        c = compare(script, once=not wanted.hidden)
        truth = len(TRUTH[script.stem]["sites"])
        places = f"{truth - len(c.missing)}/{truth}"
        print(
            f"{c.name:<20} {places:>9} {len(c.missing):>8} {len(c.added):>6} "
            f"{len(c.after_effects_missed):>6} "
            f"{c.graphs[1]:>4}/{c.graphs[0]:<4} {c.recompiles[1]:>5}/{c.recompiles[0]:<5} {c.session.seconds:>6.1f}"
            f"  exit {c.session.exit_code}",
            flush=True,
        )
        for word, group in (
            ("missing", c.missing),
            ("added", c.added),
            ("not an after-effect", c.after_effects_missed),
        ):
            for place in group:
                print(f"    {word}: {place}")
        for note in c.session.lost:
            print(f"    lost: {note}")
        totals.update(missing=len(c.missing), added=len(c.added), places=truth)
    found = totals["places"] - totals["missing"]
    print(f"{found} of {totals['places']} places found, {totals['added']} that the truth lacks")
    return int(bool(totals["missing"] or totals["added"]))


if __name__ == "__main__":
    raise SystemExit(main())

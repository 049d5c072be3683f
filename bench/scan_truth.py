"""How right the static scan is: what it says against what Dynamo did.

    python bench/scan_truth.py --reached DIR --zoo fixtures/zoo [--records DIR --scripts DIR] [--quick] [-v] [NAME..]

For each program: the script and the packages it ran are scanned, and compared with the places at which Dynamo really
broke (fixtures/zoo/truth.json, and g2's own records NAME.full.json). DIR of --reached holds NAME.json, which
scan_reached.py wrote.

*Recall*: of the places where Dynamo broke, in scanned files, the share at whose line the scan names something. What
goes away with another break (an after-effect) is not counted. *Precision*: of the sure sightings in functions that ran
inside a compiled region, the share at which Dynamo broke, or was found to break behind another break.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from g2.explain.recompile_reason import recompile_reasons
from g2.explain.scan.model import Scan, SourceFile
from g2.explain.scan.scan import scan

SMALL = 150  # files of a package that --quick scans whole
# Effects of other breaks and of limits: nothing stands in the source at these places.
EFFECTS = {"lost-function", "recompile-limit"}
NOT_SCANNED = {"torch", "numpy", "scipy", "triton", "functorch", "sympy", "pandas", "sklearn", "mpmath", "matplotlib"}


@dataclass
class Broke:
    """A place at which Dynamo broke."""

    path: str
    line: int
    reason: str
    text: str
    effect: bool
    hidden: bool


@dataclass
class Case:
    """One program and what came of it."""

    name: str
    script: Path
    broke: list[Broke]
    reached: list[tuple[str, int, str]]
    found: Scan | None = None
    root: str = ""
    hit: list[Broke] = field(default_factory=list)
    missed: list[Broke] = field(default_factory=list)
    right: list[object] = field(default_factory=list)
    wrong: list[object] = field(default_factory=list)


def site(path: str) -> str:
    """A path without what comes before site-packages."""
    return path.rpartition("site-packages/")[2]


def zoo(folder: Path, reached: Path) -> Iterator[Case]:
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    for name, case in truth["cases"].items():
        if not (reached / f"{name}.json").is_file():
            continue
        broke = [
            Broke(
                s["file"].replace("cases/", ""),
                moved(folder / f"{name}.py", s["line"], s["code"]) if s["file"].startswith("cases/") else s["line"],
                s["gb_id"] or "",
                s["code"],
                "after-effect" in s["cause"],
                False,
            )
            for s in case["sites"]
        ]
        yield Case(name, folder / f"{name}.py", broke, ran(reached, name))


def wild(records: Path, scripts: Path, reached: Path) -> Iterator[Case]:
    for path in sorted(records.glob("*.full.json")):
        name = path.name.removesuffix(".full.json")
        if not (reached / f"{name}.json").is_file():
            continue
        record = json.loads(path.read_text("utf-8"))
        broke = [
            Broke(
                *place(b),
                b["reason"],
                b["headline"],
                bool(b["after_effect"]) or b["reason"] in EFFECTS,
                b["hidden"],
            )
            for b in record["breaks"]
        ]
        yield Case(name, scripts / f"{name}.py", broke, ran(reached, name))


def place(broke: dict[str, Any]) -> tuple[str, int]:
    """Where it broke; for a place inside torch or Python's own library the call that led there."""
    spans = [broke["span"], *(frame["span"] for frame in reversed(broke["stack"]))]
    for span in spans:
        path = site(span["path"])
        if path.split("/")[0] not in NOT_SCANNED and "/lib/python" not in path and not path.startswith("<"):
            return (Path(path).name if path.startswith("/") else path), span["line"]
    return site(broke["span"]["path"]), broke["span"]["line"]


def moved(script: Path, line: int, code: str) -> int:
    """The line of this code in a script whose header has changed since."""
    same = [n for n, text in enumerate(script.read_text("utf-8").splitlines(), 1) if text.strip() == code.strip()]
    return min(same, key=lambda n: abs(n - line), default=line)


def ran(reached: Path, name: str) -> list[tuple[str, int, str]]:
    return [tuple(each) for each in json.loads((reached / f"{name}.json").read_text("utf-8"))["functions"]]


PACKAGES: dict[str, list[SourceFile]] = {}


def package(folder: Path) -> list[SourceFile]:
    """The files of an installed package, read once."""
    key = str(folder)
    if key not in PACKAGES:
        paths = [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
        PACKAGES[key] = [
            SourceFile(path.relative_to(folder.parent).as_posix(), str(path), path.read_bytes) for path in paths
        ]
    return PACKAGES[key]


def touched(case: Case) -> list[SourceFile]:
    """The files in which something ran, and the packages' own."""
    out: dict[str, SourceFile] = {}
    for path, _, _ in case.reached:
        top = site(path).split("/")[0]
        if "site-packages/" not in path or top in NOT_SCANNED or top.startswith("_"):
            continue
        start = Path(path.rpartition("site-packages/")[0]) / "site-packages"
        file = Path(path)
        inits = [parent / "__init__.py" for parent in file.parents if start in parent.parents]
        for each in [file, *inits]:
            if each.is_file():
                name = each.relative_to(start).as_posix()
                out[name] = SourceFile(name, str(each), each.read_bytes)
    return list(out.values())


class Memory(dict[str, bytes]):
    """Facts kept while this runs."""

    def get(self, keys: object) -> dict[str, bytes]:  # type: ignore[override]
        return {key: self[key] for key in keys if key in self}  # type: ignore[attr-defined]

    def put(self, facts: dict[str, bytes]) -> None:
        self.update(facts)


KEPT = Memory()


def look(case: Case, quick: bool) -> None:
    """Scan what a program ran, and compare."""
    folders: set[Path] = set()
    for path, _, _ in case.reached:
        if "site-packages/" in path:
            start, _, rest = path.rpartition("site-packages/")
            top = rest.split("/")[0]
            if top not in NOT_SCANNED and not top.startswith("_"):
                folders.add(Path(start) / "site-packages" / top)
    files = [SourceFile(case.script.name, str(case.script), case.script.read_bytes)]
    for folder in sorted(folders):
        if not quick or len(package(folder)) < SMALL:
            files += package(folder)
    if quick:
        there = {file.path for file in files}
        files += [file for file in touched(case) if file.path not in there]
    case.found = scan(files, kept=KEPT)
    known = {file.path for file in files}
    changes = set(recompile_reasons())
    lines: dict[str, set[int]] = defaultdict(set)
    for s in case.found.sightings:
        if s.reason not in changes or s.reason == "tensor-branch":
            lines[s.span.path].update(range(s.span.line, max(s.span.end_line, s.span.line) + 1))
    for broke in case.broke:
        if broke.effect or broke.path not in known:
            continue
        (case.hit if broke.line in lines[broke.path] else case.missed).append(broke)
    broken: dict[str, set[int]] = defaultdict(set)
    for broke in case.broke:
        broken[broke.path].add(broke.line)
    ran_names = {(name_of(path, case), function) for path, _, function in case.reached}
    for s in case.found.sightings:
        if s.sureness != "sure" or s.reason in changes or (s.span.path, s.function) not in ran_names:
            continue
        span = range(s.span.line, max(s.span.end_line, s.span.line) + 1)
        (case.right if any(line in broken[s.span.path] for line in span) else case.wrong).append(s)


def name_of(path: str, case: Case) -> str:
    return site(path) if "site-packages/" in path else Path(path).name


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reached", type=Path, required=True)
    parser.add_argument("--zoo", type=Path)
    parser.add_argument("--records", type=Path)
    parser.add_argument("--scripts", type=Path)
    parser.add_argument(
        "--quick", action="store_true", help="of large packages, scan only the files in which something ran"
    )
    parser.add_argument("-v", action="store_true")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    cases: list[Case] = []
    if given.zoo:
        cases += zoo(given.zoo, given.reached)
    if given.records:
        cases += wild(given.records, given.scripts, given.reached)
    hit = missed = right = wrong = 0
    causes: Counter[str] = Counter()
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for case in cases:
        if given.names and case.name not in given.names:
            continue
        look(case, given.quick)
        hit, missed = hit + len(case.hit), missed + len(case.missed)
        right, wrong = right + len(case.right), wrong + len(case.wrong)
        assert case.found is not None
        counts = f"hit {len(case.hit):3} missed {len(case.missed):3}"
        print(f"{case.name:24} {counts}  sure right {len(case.right):3} wrong {len(case.wrong):3}", flush=True)
        for broke in case.missed:
            causes[broke.reason] += 1
            if given.v:
                hidden = "hidden " if broke.hidden else ""
                print(f"    MISS {broke.path}:{broke.line} {broke.reason} {hidden}{broke.text[:90]}")
        for s in case.wrong:
            kinds["wrong"][s.reason] += 1
            if given.v:
                print(f"    WRONG {s.span} {s.reason} {s.function}: {s.headline} {s.because}")
    print(f"recall {hit}/{hit + missed} = {hit / max(hit + missed, 1):.3f}")
    print(f"precision {right}/{right + wrong} = {right / max(right + wrong, 1):.3f}")
    print("missed by reason", causes.most_common())
    print("wrong by reason", kinds["wrong"].most_common())
    return 0


if __name__ == "__main__":
    sys.exit(main())

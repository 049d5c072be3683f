"""How fast the static scan is, against ruff and torchfix on the same installed package.

    python bench/scan.py PACKAGE_FOLDER [--torchfix PROGRAM] [--sample 60]

Everything in one run, one core each: `g2` is the scan of all files, `kept` the same again with the facts of
the first run. torchfix parses with libcst and takes hours for a large package, so it is run on a sample of files of all
sizes, and scaled by lines. CPU seconds.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from g2.explain.scan.model import SourceFile
from g2.explain.scan.scan import scan


class Memory(dict[str, bytes]):
    """Facts kept in memory."""

    def get(self, keys: Iterable[str]) -> Mapping[str, bytes]:  # type: ignore[override]
        return {key: self[key] for key in keys if key in self}

    def put(self, facts: Mapping[str, bytes]) -> None:
        self.update(facts)


def child_seconds(command: list[str]) -> float:
    """CPU seconds of a command and what it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torchfix")
    parser.add_argument("--sample", type=int, default=60, help="files that torchfix is run on")
    given = parser.parse_args()
    paths = sorted(given.folder.rglob("*.py"))
    counts = {path: path.read_bytes().count(b"\n") for path in paths}
    lines = sum(counts.values())
    files = [SourceFile(p.relative_to(given.folder.parent).as_posix(), str(p), p.read_bytes) for p in paths]
    rows: list[tuple[str, int, float]] = []
    for share in (0.25, 0.5, 1.0):
        part = files[: int(len(files) * share)]
        kept = Memory()
        start = time.process_time()
        scan(part, kept=kept)
        some = sum(counts[path] for path in paths[: len(part)])
        rows.append((f"g2, {share:.0%} of the files", some, time.process_time() - start))
    start = time.process_time()
    scan(files, kept=kept)
    rows.append(("g2, all kept", lines, time.process_time() - start))
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--isolated", "--exit-zero", str(given.folder)]
    rows.append(("ruff check", lines, child_seconds(ruff)))
    if given.torchfix:
        chosen = sorted(paths, key=counts.__getitem__)[:: max(len(paths) // given.sample, 1)]
        with tempfile.TemporaryDirectory() as folder:
            for number, path in enumerate(chosen):
                (Path(folder) / f"m{number}.py").write_bytes(path.read_bytes())
            nothing = child_seconds([given.torchfix, "--version"])
            seconds = child_seconds([given.torchfix, "--select=ALL", folder]) - nothing
        rows.append(("torchfix, a sample", sum(counts[path] for path in chosen), seconds))
    print("| what | lines | CPU s | lines a second |\n|---|---:|---:|---:|")
    for name, count, seconds in rows:
        print(f"| {name} | {count:,} | {seconds:.1f} | {count / max(seconds, 1e-9):,.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

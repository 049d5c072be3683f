"""How fast the static scan is, against ruff and torchfix on the same installed package.

    python bench/scan.py PACKAGE_FOLDER [--torchfix PROGRAM] [--sample 60] [--jobs 2]

Everything in one run. `g2` is the scan of all files, in one process and in `--jobs`, with nothing kept, as ruff is run
here and torchfix always; `keeping` the same when it keeps what it found out; `all kept` the same again, so it is what
linking takes. With G2_COMPILE=1 at its installation the modules of explain/scan are compiled; the output says which.
`ast.parse` is Python's own parser with its trees thrown away: no scan that reads source with it takes less. torchfix
parses with libcst and takes many minutes for a large package, so it is run on a sample of files of all sizes, in no
order, before and after the others, and scaled by lines. It uses all cores, as does the g2 that it is compared with by
the clock. CPU seconds are those of all processes; the seconds by the clock say little when others use the machine.
"""

from __future__ import annotations

import argparse
import ast
import gc
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from g2.explain.scan import engine
from g2.explain.scan.model import SourceFile
from g2.explain.scan.scan import scan

FORK = get_context("fork")


class Memory(dict[str, bytes]):
    """Facts kept in memory."""

    def get(self, keys: Iterable[str]) -> Mapping[str, bytes]:  # type: ignore[override]
        return {key: self[key] for key in keys if key in self}

    def put(self, facts: Mapping[str, bytes]) -> None:
        self.update(facts)


class Row(NamedTuple):
    """One line of the table."""

    name: str
    lines: int
    cpu: float
    wall: float


def timed(name: str, lines: int, work: Callable[[], object]) -> Row:
    """What this work takes, with all processes it starts."""

    def cpu() -> float:
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))

    before, start = cpu(), time.perf_counter()
    work()
    return Row(name, lines, cpu() - before, time.perf_counter() - start)


def apart(*works: tuple[str, int, Callable[[], object]]) -> list[Row]:
    """The same of works in turn in a process of their own, as a command's are: this one's memory stays as it is."""
    receiving, sending = FORK.Pipe(duplex=False)
    child = FORK.Process(target=lambda: sending.send([timed(*work) for work in works]))
    child.start()
    sending.close()
    rows: list[Row] = receiving.recv()
    child.join()
    return rows


def command(name: str, lines: int, *words: str) -> Row:
    """The same of a command."""
    return timed(name, lines, lambda: subprocess.run(words, capture_output=True, check=False))


def torchfix(program: str, paths: Sequence[Path], counts: Mapping[Path, int], sample: int) -> Row:
    """torchfix on a sample of files of all sizes, without its start."""
    chosen = sorted(paths, key=counts.__getitem__)[:: max(len(paths) // sample, 1)]
    random.Random(0).shuffle(chosen)  # its processes take files in turn
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(chosen):
            (Path(folder) / f"m{number}.py").write_bytes(path.read_bytes())
        nothing = command("", 0, program, "--version")
        row = command("torchfix, a sample", sum(counts[p] for p in chosen), program, "--select=ALL", folder)
    return row._replace(cpu=row.cpu - nothing.cpu, wall=row.wall - nothing.wall)


def parsed(paths: Sequence[Path]) -> None:
    """Parse these files and keep nothing."""
    gc.disable()  # as the scan does
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in paths:
            ast.parse(path.read_bytes())
    gc.enable()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torchfix")
    parser.add_argument("--sample", type=int, default=60, help="files that torchfix is run on")
    given = parser.parse_args()
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    paths = sorted(given.folder.rglob("*.py"))
    counts = {path: path.read_bytes().count(b"\n") for path in paths}
    lines = sum(counts.values())
    files = [SourceFile(p.relative_to(given.folder.parent).as_posix(), str(p), p.read_bytes) for p in paths]
    load = os.getloadavg()[0]
    rows: list[Row] = []
    if given.torchfix:
        rows.append(torchfix(given.torchfix, paths, counts, given.sample))
    rows.append(timed("ast.parse alone", lines, partial(parsed, paths)))
    for share in (0.25, 0.5, 1.0):
        part = files[: int(len(files) * share)]
        some = sum(counts[path] for path in paths[: len(part)])
        kept = partial(scan, part, kept=Memory())
        rows += apart((f"g2, {share:.0%} of the files", some, partial(scan, part)))
        rows += apart((f"g2, {share:.0%}, keeping", some, kept), (f"g2, {share:.0%}, all kept", some, kept))
    alone = rows[-3]
    several = apart((f"g2, {given.jobs} processes", lines, partial(scan, files, jobs=given.jobs)))[0]
    words = ("check", "--no-cache", "--isolated", "--exit-zero", str(given.folder))
    ruff = command("ruff check", lines, sys.executable, "-m", "ruff", *words)
    rows += [several, ruff]
    if given.torchfix:
        rows.append(torchfix(given.torchfix, paths, counts, given.sample))
    how = "runs as Python" if engine.__file__.endswith(".py") else "is compiled"
    print(f"The scan {how}. Load {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end.\n")
    print("| what | lines | CPU s | s | lines a second of CPU |\n|---|---:|---:|---:|---:|")
    for row in rows:
        speed = row.lines / max(row.cpu, 1e-9)
        print(f"| {row.name} | {row.lines:,} | {row.cpu:.1f} | {row.wall:.1f} | {speed:,.0f} |")
    print(f"\nCPU, g2 / ruff: {alone.cpu / ruff.cpu:.1f}.")
    if given.torchfix:
        ends = (rows[0], rows[-1])
        share = lines / sum(row.lines for row in ends)
        cpu, wall = sum(row.cpu for row in ends) * share, sum(row.wall for row in ends) * share
        print(f"torchfix scaled to all lines: {cpu:,.0f} CPU s, {wall:,.0f} s by the clock.")
        print(
            f"CPU, torchfix / g2: {cpu / alone.cpu:.0f}. "
            f"Clock, torchfix / g2 in {given.jobs}: {wall / several.wall:.0f}."
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

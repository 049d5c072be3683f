"""Generated functions, rewritten: how many texts are proposed, or offered after the proof, and how many are wrong.

    python bench/fuzz.py [--number 1000] [--first 0] [--proof] [--wide] [--batch 12] [--jobs 1]

Without --proof every proposal of every rule is judged as the rule makes it: a wrong one is a fault of the rule, which
the proof has to refuse. With --proof the whole loop runs, and a wrong one is a wrong offer: there must be none. Both
are judged by tests/torch/fuzz_judge.py, which runs both texts in eager and shares no code with the proof.

--wide: functions with draws, NumPy, counters, exceptions, containers and calls of methods besides branches.
--batch: how many modules make one script. A run of the script, and a trial, then serves them all.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "torch"))
import fuzzed
import fuzzed_modules
from forked import Server
from fuzzing import Judge, Verdict, offered, proposed

Count = Counter[tuple[str, ...]]
SUMS = ("functions", "proposals tried", "offers", "texts judged", "wrong")


def script(numbers: range, wide: bool) -> str:
    """The modules of these numbers."""
    if wide or len(numbers) > 1:
        return fuzzed_modules.batch([fuzzed_modules.numbered(number, wide) for number in numbers])
    return fuzzed.numbered(numbers[0])


def judged(text: str, proof: bool, server: Server, judge: Judge, place: Path, counts: Count) -> list[Verdict]:
    """What came of a script; counted are proposals, offers, and places left alone."""
    if not proof:
        return list(proposed(text, server, judge, place))
    found = offered(text, server, judge, place)
    counts["proposals tried",] += found.tried
    counts["places left alone",] += len(found.alone)
    counts["comments lost",] += len(found.comments_lost)
    for lost in found.comments_lost:
        print(f"lost: {lost}", file=sys.stderr, flush=True)
    for one in found.offers:
        counts["offers", one.safety.value] += 1
        counts["offers of", one.proposal.rule, one.safety.value] += 1
    for place_ in found.alone:
        if not any(place_.why):
            counts["places left alone without a reason",] += 1
    return list(found.verdicts)


def share(batches: list[range], wide: bool, proof: bool) -> Count:
    """Each batch of numbers as one script."""
    counts: Count = Counter()
    folder = Path(tempfile.mkdtemp(prefix="g2-fuzz-"))
    try:
        with Server(folder) as server, Judge() as judge:
            for numbers in batches:
                name = f"functions {numbers[0]} to {numbers[-1]}"
                place = folder / str(numbers[0])
                place.mkdir()
                counts["functions",] += len(numbers)
                began = time.monotonic()
                try:
                    for one in judged(script(numbers, wide), proof, server, judge, place, counts):
                        counts["texts judged", one.safety.value] += 1
                        if one.wrong:
                            counts["wrong", one.safety.value] += 1
                            counts["wrong of", *one.rules] += 1
                            print(one, file=sys.stderr, flush=True)
                except Exception as error:
                    counts["failed", type(error).__name__] += 1
                    print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                sums = {first: sum(n for key, n in counts.items() if key[0] == first) for first in SUMS}
                print(f"{name}: {time.monotonic() - began:.0f} s; so far {sums}", file=sys.stderr, flush=True)
                shutil.rmtree(place, ignore_errors=True)
                for record in folder.glob("record-*"):
                    shutil.rmtree(record, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return counts


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--number", type=int, default=1000)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--proof", action="store_true")
    options.add_argument("--wide", action="store_true")
    options.add_argument("--batch", type=int, default=12)
    options.add_argument("--jobs", type=int, default=1)
    wanted = options.parse_args()
    began = time.monotonic()
    every = range(wanted.first, wanted.first + wanted.number)
    batches = [every[start : start + wanted.batch] for start in range(0, len(every), wanted.batch)]
    with ProcessPoolExecutor(wanted.jobs) as pool:
        parts = [batches[job :: wanted.jobs] for job in range(wanted.jobs)]
        shares = [pool.submit(share, part, wanted.wide, wanted.proof) for part in parts]
        total: Count = Counter()
        for one in shares:
            total += one.result()
    for key, count in sorted(total.items()):
        print(f"{count:6}  {' '.join(key)}")
    print(f"{time.monotonic() - began:6.0f}  seconds")
    return int(any(key[0] == "wrong" for key in total) and wanted.proof)


if __name__ == "__main__":
    raise SystemExit(main())

"""Generated functions, rewritten: how many texts are proposed, or offered after the proof, and how many are wrong.

    python bench/fuzz.py [--number 1000] [--first 0] [--proof] [--jobs 2]

Without --proof every proposal of every rule is judged as the rule makes it: a wrong one is a fault of the rule, which
the proof has to refuse. With --proof the whole loop runs, and a wrong one is a wrong offer: there must be none. Both
are judged by tests/torch/fuzz_judge.py, which runs both texts in eager and shares no code with the proof.
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
from forked import Server
from fuzzed import numbered
from fuzzing import Judge, offered, proposed

Count = Counter[tuple[str, ...]]


def share(first: int, last: int, step: int, proof: bool) -> tuple[Count, list[str]]:
    """The functions first, first + step, ... below last."""
    counts: Count = Counter()
    wrong: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="g2-fuzz-"))
    try:
        with Server(folder) as server, Judge() as judge:
            for number in range(first, last, step):
                place = folder / str(number)
                place.mkdir()
                counts["functions",] += 1
                try:
                    for one in (offered if proof else proposed)(numbered(number), server, judge, place):
                        counts["texts", one.safety.value] += 1
                        if one.wrong:
                            counts["wrong", one.safety.value] += 1
                            counts["wrong of", *one.rules] += 1
                            wrong.append(f"function {number}: {one}")
                            print(wrong[-1], file=sys.stderr, flush=True)
                except Exception as error:
                    counts["failed", type(error).__name__] += 1
                    print(f"function {number}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                shutil.rmtree(place, ignore_errors=True)
                for record in folder.glob("record-*"):
                    shutil.rmtree(record, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return counts, wrong


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--number", type=int, default=1000)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--proof", action="store_true")
    options.add_argument("--jobs", type=int, default=2)
    wanted = options.parse_args()
    began = time.monotonic()
    last = wanted.first + wanted.number
    with ProcessPoolExecutor(wanted.jobs) as pool:
        shares = [pool.submit(share, wanted.first + job, last, wanted.jobs, wanted.proof) for job in range(wanted.jobs)]
        total: Count = Counter()
        for one in shares:
            total += one.result()[0]
    for key, count in sorted(total.items()):
        print(f"{count:6}  {' '.join(key)}")
    print(f"{time.monotonic() - began:6.0f}  seconds")
    return int(any(key[0] == "wrong" for key in total) and wanted.proof)


if __name__ == "__main__":
    raise SystemExit(main())

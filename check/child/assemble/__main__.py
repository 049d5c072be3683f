"""`python -m g2.check.child.assemble FOLDER --target sm_80|sm_90|sm_100|gfx942 [--seconds S]`

Writes FOLDER/TARGET/assembled.json, and the forms of each kernel into FOLDER/TARGET/assembled/. Kernels go in batches
to child processes: one that crashes is begun anew after the kernel at which it did.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from g2.capture.processors import processors
from g2.check.child.attempt import attempt

_MANY = 8  # cores from which several processes work at a time
_MOST = 4


def main(argv: list[str] | None = None) -> int:
    """0 when a result was written."""
    parser = argparse.ArgumentParser(prog="g2.check.child.assemble")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--events", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kernel", action="append", default=[], help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.events is not None:
        from g2.check.child.assemble import work

        work.main(asked.folder, asked.target, asked.kernel, asked.events)
        return 0
    from g2.check.child import wrapper
    from g2.check.child.interpret.__main__ import write

    begin = time.monotonic()
    sources = wrapper.read((asked.folder / asked.target / "module.py").read_text("utf-8")).sources
    names = list(sources)
    count = min(_MOST, processors() // 2, len(names)) if processors() >= _MANY else 1
    batches = [names[at::count] for at in range(count)] if names else []
    with tempfile.TemporaryDirectory(prefix="g2-assemble-") as scratch, ThreadPoolExecutor(max(1, count)) as pool:
        deadline = begin + asked.seconds
        told = [
            *pool.map(lambda at: _batch(asked, batches[at], deadline, Path(scratch) / str(at)), range(len(batches)))
        ]
    kernels = {name: result for part, _ in told for name, result in part.items()}
    result = {
        "target": asked.target,
        "kernels": {name: kernels[name]["assembled"] for name in names if name in kernels},
        "configs": {name: kernels[name]["config"] for name in names if "config" in kernels.get(name, {})},
        "why": next((why for _, why in told if why), ""),
        "seconds": round(time.monotonic() - begin, 3),
    }
    write(asked.folder / asked.target / "assembled.json", result)
    return 0


def _batch(asked: Any, names: list[str], deadline: float, scratch: Path) -> tuple[dict[str, dict[str, Any]], str]:
    """What became of each kernel, and why some have nothing."""
    scratch.mkdir(mode=0o700)
    done: dict[str, dict[str, Any]] = {}
    left = list(names)
    while left:
        seconds = deadline - time.monotonic()
        ended = "there was no time left for it"
        events: list[dict[str, Any]] = []
        if seconds > 0:
            events, ended = _attempt(asked, left, seconds, scratch)
        done.update({event["kernel"]: event for event in events if event["e"] == "kernel"})
        if stopped := next((event["why"] for event in events if event["e"] == "stopped"), ""):
            return done, stopped
        left = [name for name in left if name not in done]
        if not left:
            break
        begun = [event["kernel"] for event in events if event["e"] == "begin"]
        crashed = begun[-1] if begun and begun[-1] in left else None
        if crashed is None or "no time left" in ended or "longer" in ended:
            done.update({name: {"assembled": {"why": ended}} for name in left})
            return done, ended
        done[crashed] = {"assembled": {"why": ended}}
        left.remove(crashed)
    return done, ""


def _attempt(asked: Any, names: list[str], seconds: float, scratch: Path) -> tuple[list[dict[str, Any]], str]:
    words = [str(asked.folder), "--target", asked.target]
    words += [word for name in names for word in ("--kernel", name)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor")}
    environment.setdefault("TRITON_CACHE_DIR", str(scratch / "triton"))
    environment.pop("TRITON_INTERPRET", None)
    path = scratch / f"events-{len(names)}.jsonl"
    doing = "while it was assembled"
    events, ended = attempt("g2.check.child.assemble", words, environment, seconds, asked.seconds, path, doing)
    return events, ended or "the process ended before it was done"


if __name__ == "__main__":
    sys.exit(main())

"""`python -m g2.check.child.interpret FOLDER --target sm_90 [--seconds S] [--sample N]`

Writes FOLDER/TARGET/interpreted.json. The work is done in child processes: one that crashes is begun anew without the
kernel at which it did.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from g2.check.child.attempt import attempt

_CRASHES = 4  # kernels that may end the process before the rest is given up
_GRACE = 20.0  # seconds beyond its limit that a worker has for ending by itself


def main(argv: list[str] | None = None) -> int:
    """0 when a result was written."""
    parser = argparse.ArgumentParser(prog="g2.check.child.interpret")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--sample", type=int, help="run at most so many programs of each launch")
    parser.add_argument("--events", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--skip", action="append", default=[], help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.events is not None:
        return _worker(asked)
    begin = time.monotonic()
    result = _known(asked.folder, asked.target) if asked.sample is None else None
    if result is None:
        result = _interpreted(asked)
    result["seconds"] = round(time.monotonic() - begin, 3)
    write(asked.folder / asked.target / "interpreted.json", result)
    return 0


def _worker(asked: Any) -> int:
    os.environ["TRITON_INTERPRET"] = "1"  # before triton is imported
    from g2.check.child.interpret import private, worker
    from g2.check.child.said import said

    try:
        worker.main(asked.folder, asked.target, asked.seconds, frozenset(asked.skip), asked.events, asked.sample)
    except private.Missing as error:
        with asked.events.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"e": "stopped", "why": str(error)}) + "\n")
    except Exception as error:
        with asked.events.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"e": "stopped", "why": said(error)}) + "\n")
    return 0


def _interpreted(asked: Any) -> dict[str, Any]:
    skipped: list[str] = []
    deadline = time.monotonic() + asked.seconds
    with tempfile.TemporaryDirectory(prefix="g2-interpret-") as scratch:
        while True:
            events, ended = _attempt(asked, skipped, max(5.0, deadline - time.monotonic()), Path(scratch))
            begun = [event["kernel"] for event in events if event["e"] == "begin"]
            told = [event["kernel"] for event in events if event["e"] == "kernel"]
            crashed = begun[-1] if len(begun) > len(told) else ""
            complete = any(event["e"] in ("done", "stopped") for event in events)
            late = "took longer" in ended
            if complete or not crashed or late or len(skipped) >= _CRASHES:
                return _folded(events, ended, asked)
            skipped.append(crashed)


def _attempt(asked: Any, skipped: list[str], seconds: float, scratch: Path) -> tuple[list[dict[str, Any]], str]:
    words = [str(asked.folder), "--target", asked.target, "--seconds", str(seconds)]
    words += [word for name in skipped for word in ("--skip", name)]
    words += ["--sample", str(asked.sample)] if asked.sample is not None else []
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    environment["TORCHINDUCTOR_CACHE_DIR"] = str(scratch / "inductor")
    path = scratch / f"events-{len(skipped)}.jsonl"
    return attempt("g2.check.child.interpret", words, environment, seconds + _GRACE, asked.seconds, path)


def _folded(events: list[dict[str, Any]], ended: str, asked: Any) -> dict[str, Any]:
    kernels = {
        event["kernel"]: {name: value for name, value in event.items() if name not in ("e", "kernel")}
        for event in events
        if event["e"] == "kernel"
    }
    done = next((event for event in events if event["e"] == "done"), None)
    how = next((event["how"] for event in events if event["e"] == "ready"), "")
    result: dict[str, Any] = {"target": asked.target, "kernels": kernels, "how": how, "outputs": [], "notes": []}
    if done is None:
        why = next((event["why"] for event in events if event["e"] == "stopped"), ended or "it was not finished")
        wrong = any(one["outcome"] == "differs" for one in kernels.values())
        result |= {"outcome": "differs" if wrong else "", "why": why, "sampled": False, "worst": _worst(kernels)}
        return result
    kernels = result["kernels"] = done["kernels"]
    result["outputs"], result["notes"] = done["outputs"], list(dict.fromkeys(done["notes"]))
    result["sampled"] = done["sampled"]
    result["worst"] = _worst(kernels, done["outputs"])
    result["outcome"], result["why"] = _verdict(kernels, done["outputs"])
    result["digest"] = _digest(asked.folder / asked.target / "module.py")
    return result


def _verdict(kernels: dict[str, Any], outputs: list[dict[str, Any]]) -> tuple[str, str]:
    for name, one in kernels.items():
        if one["outcome"] == "differs":
            return "differs", f"{name}: {one['why']}"
    for one in outputs:
        if one["outcome"] == "differs":
            by = f" (last written by {one['kernel']})" if one.get("kernel") else ""
            return "differs", f"{one['name']}{by}: {one['why']}"
    unable = [f"{name}: {one['why']}" for name, one in kernels.items() if not one["outcome"] and _failed(one)]
    unable += [f"{one['name']}: {one['why']}" for one in outputs if not one["outcome"]]
    judged = [one["outcome"] for one in (*kernels.values(), *outputs) if one["outcome"]]
    if not judged:
        return "", unable[0] if unable else "nothing of it could be compared"
    outcome = "close" if "close" in judged else "same"
    return outcome, f"not checked: {unable[0]}" if unable else ""


def _failed(one: dict[str, Any]) -> bool:
    return "counterpart" not in one["why"] and "traced to" not in one["why"]


def _worst(kernels: dict[str, Any], outputs: list[dict[str, Any]] | None = None) -> float | None:
    errors = [one.get("error") for one in (*kernels.values(), *(outputs or [])) if one["outcome"]]
    return max((one for one in errors if one is not None), default=None)


def _digest(path: Path) -> str:
    from g2.check.child.interpret.digest import digest

    return digest(path.read_text("utf-8"))


def _known(folder: Path, target: str) -> dict[str, Any] | None:
    """The result for another target whose module is the same but for the device's properties."""
    try:
        wanted = _digest(folder / target / "module.py")
    except OSError:
        return None
    for path in sorted(folder.glob("*/interpreted.json")):
        try:
            data: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if data.get("digest") == wanted and data.get("target") != target:
            return {**data, "target": target, "as": data["target"]}
    return None


def write(path: Path, data: dict[str, Any]) -> None:
    """Whole or not at all. Raises OSError."""
    made = path.with_suffix(".tmp")
    made.write_text(json.dumps(data, indent=1), "utf-8")
    made.replace(path)


if __name__ == "__main__":
    sys.exit(main())

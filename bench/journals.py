"""Made-up journals of any size, shaped as those of long runs are: thousands of places, each met from several call
paths and again after recompiles, graphs that end at them, recompiles of many guards, snapshots of counters, a second
process, and forks that looked behind breaks. Written as capture/ writes them (docs/architecture.md, journal events).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]
_LINES = 2000  # of a source file
_DEPTH = 9  # steps of a call path
_KINDS = (
    ("GB0170", "Data-dependent branching", "attempted to jump with TensorVariable()"),
    ("GB0124", "Unsupported Tensor.item() call with capture_scalar_outputs=False", "call_method TensorVariable() item"),
    ("GB0059", "Failed to trace builtin operator", "builtin print [<class 'LazyVariableTracker'>] False"),
    (None, "RuntimeError: shapes cannot be multiplied", ""),
)


def write(folder: Path, events: int, places: int) -> int:
    """Write source files, journals and a hidden journal of `events` lines in all, about `places` distinct places.

    Returns the number of break events in the journals that are not hidden.
    """
    chance = random.Random(7)
    (folder / "src").mkdir(parents=True)
    sources = [folder / "src" / f"layer_{n}.py" for n in range(max(places // 100, 1))]
    for source in sources:
        source.write_text("".join(f"    y{n} = some_call(x{n}, width={n}) + bias[{n}]\n" for n in range(_LINES)))
    spots = [_spot(chance, sources) for _ in range(places)]
    breaks = 0
    for pid, share in ((100, 0.6), (101, 0.3)):
        with (folder / f"journal-{pid}.jsonl").open("w") as journal:
            for event in _process(chance, pid, int(events * share), spots, folder):
                breaks += event["e"] == "break"
                journal.write(json.dumps(event, separators=(",", ":")) + "\n")
    with (folder / "hidden-100-0.jsonl").open("w") as journal:
        for _ in range(events // 10):
            event = _break(chance, chance.choice(spots), chance.randrange(50)) | {"hidden": True}
            journal.write(json.dumps(event, separators=(",", ":")) + "\n")
    return breaks


def _spot(chance: random.Random, sources: list[Path]) -> Event:
    line, column = chance.randrange(1, _LINES), chance.randrange(4, 40)
    kind, title, context = chance.choice(_KINDS)
    path = str(chance.choice(sources))
    return {
        "path": path, "line": line, "column": column, "end_line": line, "end_column": column + 20,
        "function": f"Block{line % 90}.forward", "kind": kind, "title": title, "context": context,
        "module": f"encoder.layers.{line % 24}.attn", "opcode": "POP_JUMP_FORWARD_IF_FALSE",
        "effect": chance.choice(("split", "split", "frame-lost")),
        "frame": [path, max(line - 30, 1), f"Block{line % 90}.forward"],
    }  # fmt: skip


def _break(chance: random.Random, spot: Event, call: int) -> Event:
    above = [[spot["path"], chance.randrange(1, _LINES), 4, -1, -1, f"Caller{n}.forward"] for n in range(_DEPTH)]
    last = [spot[k] for k in ("path", "line", "column", "end_line", "end_column", "function")]
    return {
        "e": "break", **spot, "stack": [*above, last], "id": f"{call}/0",
        "root": f"Net.forward@{call % 5}", "call": call,
        "because": None, "hidden": False,
    }  # fmt: skip


def _process(chance: random.Random, pid: int, number: int, spots: list[Event], folder: Path) -> Iterator[Event]:
    yield {
        "e": "start", "pid": pid, "ppid": 1, "argv": ["train.py"], "rank": pid - 100, "python": "3.11.7",
        "cwd": str(folder), "t": 0.0, "torch": "2.13.0",
    }  # fmt: skip
    for root in range(5):
        yield {
            "e": "root",
            "id": f"Net.forward@{root}",
            "name": "Net.forward",
            "by": "script",
            "path": "net.py",
            "line": root,
        }
    told = 6
    graphs: dict[str, list[float]] = {}
    gaps: dict[str, list[Any]] = {}
    while told < number - 2:
        spot = chance.choice(spots)
        call = told // 200 + 1
        key = f"{spot['path']}:{spot['line']}:{spot['title']}"
        place = {"path": spot["path"], "line": spot["frame"][1], "function": spot["function"]}
        yield _break(chance, spot, call)
        graph = f"{told}/0"
        graphs[graph] = [call, 0.001]
        gaps.setdefault(key, [0, 0, []])[2].append(0.25)
        yield {"e": "graph", "id": graph, "ops": 30, "ended_by": key, "backend_s": 1e-05}
        yield {
            "e": "compile",
            **place,
            "resumes": False,
            "s": 0.01,
            "ok": True,
            "after": key,
            "root": "Net.forward@0",
            "call": call,
        }
        told += 3
        if chance.random() < 0.2:
            yield _recompile(chance, place, spot)
            told += 1
        if chance.random() < 0.1:
            yield {"e": "frame_lost", **place, "key": key}
            told += 1
        if chance.random() < 0.02:
            yield _stats(call, graphs, gaps)
            told += 1
    yield _stats(50, graphs, gaps)
    yield {"e": "end", "t": 60.0}


def _stats(call: int, graphs: dict[str, list[float]], gaps: dict[str, list[Any]]) -> Event:
    """What has changed since the last one; empties `graphs` and `gaps`."""
    roots = {f"Net.forward@{n}": call for n in range(5)}
    event = {"e": "stats", "roots": roots, "graphs": dict(graphs), "gaps": dict(gaps), "eager": {}}
    graphs.clear()
    gaps.clear()
    return event


def _recompile(chance: random.Random, place: Event, spot: Event) -> Event:
    number = chance.randrange(1000)
    guards = [
        {
            "source": f"self.step{n}",
            "kind": "value",
            "old": str(number),
            "new": str(number + 1),
            "dim": None,
            "code": "step == 1",
        }
        for n in range(chance.randrange(1, 4))
    ]
    return {
        "e": "recompile", **place, "resumes": False, "module": spot["module"], "id": "0/1", "said": None,
        "guards": guards,
        "site": [spot[k] for k in ("path", "line", "column", "end_line", "end_column")], "stack": [], "limit": False,
    }  # fmt: skip

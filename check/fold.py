"""What examinations left in a record folder -> the calls of a check."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from g2.capture.codec import build
from g2.capture.fold.journals import events_of
from g2.check.model import (
    Assembled,
    Call,
    Compared,
    Graph,
    Kernel,
    Line,
    Lowered,
    Operators,
    Part,
    Speed,
    Wrong,
)  # fmt: skip

Event = dict[str, Any]


def calls(folder: Path) -> tuple[Call, ...]:
    """The calls that were examined, in the order in which they were made."""
    found = [_call(path) for path in sorted(folder.glob("check-*.jsonl"), key=_order)]
    return tuple(call for call in found if call is not None)


def operators(folder: Path) -> tuple[Operators, ...]:
    """Of all examined calls together, by level."""
    counts: dict[str, dict[str, int]] = {}
    undecomposed: dict[str, set[str]] = {}
    for path in folder.glob("check-*.jsonl"):
        for event in events_of(path):
            if event["e"] == "operators":
                one = build(Operators, event["operators"])
                level = counts.setdefault(one.level, {})
                for name, count in one.counts:
                    level[name] = level.get(name, 0) + count
                undecomposed.setdefault(one.level, set()).update(one.undecomposed)
    return tuple(
        Operators(level, tuple(sorted(found.items(), key=lambda item: (-item[1], item[0]))),
                  tuple(sorted(undecomposed[level])))
        for level, found in counts.items()
    )  # fmt: skip


def spent(folder: Path) -> tuple[float, float]:
    """Seconds of compilations and measured calls, and seconds of examinations in all."""
    events = [event for path in folder.glob("check-*.jsonl") for event in events_of(path)]
    own = sum(float(event["s"]) for event in events if event["e"] == "spent")
    return own, sum(float(event["s"]) for event in events if event["e"] == "end")


def merged(first: Sequence[Call], second: Iterable[Call]) -> tuple[Call, ...]:
    """The calls of the script as it is, with what was found of the same calls where proved rewrites are in place."""
    others = {(call.root, call.number): call for call in second}
    found = [(call, others.get((call.root, call.number))) for call in first]
    return tuple(_with(call, other) if other else call for call, other in found)


def _with(call: Call, fixed: Call) -> Call:
    speed = call.speed
    if speed is None:
        speed = fixed.speed
    elif fixed.speed is not None:
        timed = (*speed.timed, *(one for one in fixed.speed.timed if one.variant != "eager"))
        speed = replace(
            speed,
            timed=timed,
            speedups=(*speed.speedups, *fixed.speed.speedups),
            pays_after=(*speed.pays_after, *fixed.speed.pays_after),
            notes=tuple(dict.fromkeys((*speed.notes, *fixed.speed.notes))),
        )
    failed = tuple(Part(f"{part.name} of the fixed script", part.why) for part in fixed.failed)
    return replace(
        call,
        compared=(*call.compared, *fixed.compared),
        wrong=(*call.wrong, *fixed.wrong),
        speed=speed,
        failed=(*call.failed, *failed),
        notes=tuple(dict.fromkeys((*call.notes, *fixed.notes))),
    )


def _order(path: Path) -> tuple[int, int]:
    _, pid, number = path.stem.split("-")
    return int(pid), int(number)


def _call(path: Path) -> Call | None:
    events = list(events_of(path))
    told = next((event for event in events if event["e"] == "call"), None)
    failed = tuple(Part(event["name"], event["why"]) for event in events if event["e"] == "failed")
    if told is None:
        return Call("", Line("", 0), 0, "", False, failed=failed) if failed else None
    variant = str(told["variant"])
    if events[-1]["e"] != "end":
        begun = next((event["name"] for event in reversed(events) if event["e"] == "part"), "examination")
        failed = (*failed, Part(begun, "it was ended before it was done"))
    speed = next((build(Speed, event["speed"]) for event in events if event["e"] == "speed"), None)
    return Call(
        root=told["root"],
        line=Line(told["path"], told["line"]),
        number=told["number"],
        inputs=told["inputs"],
        trains=told["trains"],
        graphs=tuple(_graph(event, path.with_suffix("")) for event in events if event["e"] == "graph"),
        compared=tuple(
            replace(build(Compared, event["compared"]), variant=variant) for event in events if event["e"] == "compared"
        ),
        wrong=tuple(build(Wrong, event["wrong"]) for event in events if event["e"] == "wrong"),
        speed=speed if speed is None or variant == "compiled" else _named(speed, variant),
        failed=failed,
        notes=tuple(dict.fromkeys(event["what"] for event in events if event["e"] == "note")),
    )


def _named(speed: Speed, variant: str) -> Speed:
    def name(before: str) -> str:
        return variant if before == "compiled" else before

    return replace(
        speed,
        timed=tuple(replace(one, variant=name(one.variant)) for one in speed.timed),
        speedups=tuple((name(one), interval) for one, interval in speed.speedups),
        pays_after=tuple((name(one), calls) for one, calls in speed.pays_after),
    )


def _graph(event: Event, folder: Path) -> Graph:
    graph: Graph = build(Graph, event["graph"])
    files = folder / event.get("folder", "none")  # one that could not be captured has left nothing
    return replace(graph, lowered=tuple(_lowered(one, files / one.target) for one in graph.lowered))


def _lowered(lowered: Lowered, files: Path) -> Lowered:
    """With what the stages found out about its kernels."""
    ran, made = _read(files / "interpreted.json"), _read(files / "assembled.json")
    timed = _read(files / "measured.json").get("kernels", {})
    checked = ran.get("kernels", {})
    binaries = made.get("kernels", {})
    return replace(
        lowered,
        kernels=tuple(
            _kernel(one, checked.get(one.name, {}), binaries.get(one.name), timed.get(one.name))
            for one in lowered.kernels
        ),
        interpreted=ran.get("outcome", lowered.interpreted),
        why=ran.get("why", "") or lowered.why,
        sampled=bool(ran.get("sampled")),
    )


def _kernel(kernel: Kernel, checked: Event, binary: Event | None, seconds: float | None) -> Kernel:
    return replace(
        kernel,
        checked=checked.get("outcome", "") or checked.get("why", ""),
        error=checked.get("error"),
        assembled=build(Assembled, binary) if binary is not None else None,
        measured_s=seconds,
    )


def _read(path: Path) -> Event:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

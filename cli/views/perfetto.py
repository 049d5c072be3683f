"""A time line of the run for https://ui.perfetto.dev and chrome://tracing.

The format is Chrome's trace events, JSON object form: complete events ("X"), instants ("i") and metadata ("M"), times
in microseconds (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from g2.capture.model import Did, Moment, Session, Span
from g2.cli.summary import summary
from g2.cli.text import inline, place
from g2.cli.views import Output
from g2.explain.report import Report

SUFFIXES = (".trace.json", ".perfetto.json", ".perfetto")
_INSTANTS = (Did.BREAK, Did.RECOMPILE)
_WORDS = {
    Did.CALL: "call of {}",
    Did.GRAPH: "graph {}",
    Did.COMPILE: "Dynamo traces {}",
    Did.BACKEND: "backend compiles graph {}",
    Did.BREAK: "graph break: {}",
    Did.RECOMPILE: "recompile of {}",
}
_SHORTEST = 1e-6  # seconds of eager work worth a slice


def render(report: Report, output: Output) -> str:
    """One process of the run is one process of the trace. Times count from the start of the run."""
    session = report.session
    tracks: dict[tuple[int, int], list[Moment]] = defaultdict(list)
    for moment in session.moments:
        tracks[moment.pid, moment.thread].append(moment)
    headlines = _headlines(report)
    events = list(_named(session))
    for (pid, thread), moments in tracks.items():
        for moment in (*moments, *_eager(moments)):
            events.append(_event(moment, pid, thread, headlines, session.cwd))
    document = {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {
            "g2": session.g2,
            "torch": session.torch,
            "script": inline(" ".join(session.argv)),
            "summary": summary(report, output.left_out),
        },
    }
    return json.dumps(document) + "\n"


def _named(session: Session) -> Iterator[dict[str, Any]]:
    for number, process in enumerate(session.processes):
        rank = f"rank {process.rank}, " if process.rank is not None else ""
        yield _metadata(process.pid, "process_name", {"name": f"{rank}process {process.pid}"})
        order = number if process.rank is None else process.rank
        yield _metadata(process.pid, "process_sort_index", {"sort_index": order})


def _metadata(pid: int, name: str, args: dict[str, Any]) -> dict[str, Any]:
    return {"ph": "M", "pid": pid, "tid": 0, "name": name, "args": args}


def _headlines(report: Report) -> dict[Span, tuple[str, str]]:
    """What is known of a place: its reason and its headline."""
    known = {f.recompile.span: (f.reason, f.headline) for f in report.recompiles}
    for finding in report.findings:
        known[finding.place.span] = finding.reason.slug, finding.headline
        for after in finding.after_effects:
            known[after.span] = finding.reason.slug, "goes away with the break that it follows"
    return known


def _event(moment: Moment, pid: int, thread: int, headlines: dict[Span, tuple[str, str]], cwd: str) -> dict[str, Any]:
    args: dict[str, Any] = {}
    name = moment.name
    if moment.span is not None:
        args["place"] = place(moment.span, cwd, full=True)
        if moment.span in headlines and moment.did in _INSTANTS:
            args["reason"], args["what"] = (inline(text) for text in headlines[moment.span])
            name = args["what"]
    event: dict[str, Any] = {
        "name": _WORDS[moment.did].format(inline(name)) if moment.name else "eager",
        "cat": moment.did.value if moment.name else "eager",
        "pid": pid,
        "tid": thread,
        "ts": round(moment.start * 1e6, 1),
        "args": args,
    }
    if moment.did in _INSTANTS:
        return event | {"ph": "i", "s": "t"}
    return event | {"ph": "X", "dur": round(moment.seconds * 1e6, 1)}


def _eager(moments: list[Moment]) -> Iterator[Moment]:
    """The time within calls in which neither a graph ran nor anything was traced: moments without a name."""
    busy = sorted((m.start, m.start + m.seconds) for m in moments if m.did in (Did.GRAPH, Did.COMPILE))
    for call in (m for m in moments if m.did is Did.CALL):
        end = call.start + call.seconds
        inside = [span for span in busy if span[0] < end and span[1] > call.start]
        reached = call.start
        gaps = []
        for begin, stop in inside:
            gaps.append((reached, begin))
            reached = max(reached, stop)
        gaps.append((reached, end))
        for begin, stop in gaps:
            if stop - begin > _SHORTEST:
                yield Moment(Did.CALL, "", begin, stop - begin, call.pid, call.thread)

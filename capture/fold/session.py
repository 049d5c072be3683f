"""A record folder -> Session."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from g2.capture.fold import breaks, graphs, journals, moments, recompiles, spans
from g2.capture.fold.collector import paused
from g2.capture.fold.costs import Costs
from g2.capture.fold.journals import Event, Log
from g2.capture.fold.owners import owner
from g2.capture.journal import failures
from g2.capture.model import Break, Effect, Process, Session, Span
from g2.capture.paths import relative


@paused()
def fold(
    folder: Path, *, argv: tuple[str, ...], exit_code: int, started: float, lost: tuple[str, ...] = ()
) -> Session:
    """Everything the journals in `folder` say of one run. Raises OSError when the folder cannot be read."""
    logs = journals.read(folder)
    begun = [e for log in logs if not log.hidden for e in log.of("start")]
    first: Event = begun[0] if begun else {}
    cwd = first.get("cwd") or str(Path.cwd())
    costs = Costs(logs)
    found = breaks.fold(logs, costs, cwd)
    last = {breaks.key(e): e for log in logs for e in log.of("break")}
    ends = {key: spans.span(breaks.where(e), cwd) for key, e in last.items()}
    made = graphs.graphs(logs, ends, cwd)
    errors = [e for log in logs if not log.hidden for e in log.of("error")]
    return Session(
        g2=importlib.metadata.version("g2-torch"),
        argv=argv,
        cwd=cwd,
        exit_code=exit_code,
        python=first.get("python", ""),
        torch=first.get("torch"),
        device=_device(logs),
        started=started,
        seconds=round(time.time() - started, 3),
        roots=graphs.roots(logs, cwd),
        breaks=(*found, *_skipped(logs, cwd)),
        recompiles=recompiles.fold([e for log in logs if not log.hidden for e in log.events], cwd),
        graphs=made,
        processes=_processes(logs),
        lost=(*lost, *_lost(logs, failures(folder))),
        script_error=f"{errors[0]['type']}: {errors[0]['message']}" if errors and exit_code else None,
        hidden_looked_for=any(log.hidden for log in logs),
        moments=moments.fold(logs, started, cwd),
    )


def _device(logs: Sequence[Log]) -> str:
    return next((e["device"] for log in logs for e in log.of("device")), "cpu")


def _processes(logs: Sequence[Log]) -> tuple[Process, ...]:
    """All that ran something compiled. Launchers and helpers that only import torch are left out, unless nothing
    else ran.
    """
    observed = [log for log in logs if not log.hidden and log.events]
    working = [log for log in observed if any(log.of("root", "graph", "break"))]
    return tuple(_process(log) for log in working or observed[:1])


def _process(log: Log) -> Process:
    start = log.last("start") or {}
    return Process(
        pid=start.get("pid", 0),
        rank=start.get("rank"),
        breaks=sum(1 for _ in log.of("break")),
        recompiles=sum(1 for _ in log.of("recompile")),
        graphs=sum(1 for _ in log.of("graph")),
    )


def _lost(logs: Sequence[Log], cut: dict[str, str]) -> tuple[str, ...]:
    told = dict.fromkeys(e["what"] for log in logs for e in log.of("lost"))
    for name, why in cut.items():
        told[f"the record of process {name.split('-')[1]} stops early: {why}"] = None
    for log in logs:
        start = log.last("start")
        if start is not None and not log.hidden and log.last("end") is None and log.name not in cut:
            told[f"process {start['pid']} ended without warning; the counts of its last moments are missing"] = None
    return tuple(told)


def _skipped(logs: Sequence[Log], cwd: str) -> tuple[Break, ...]:
    """Functions that Dynamo left alone without calling it a break."""
    seen: dict[tuple[str, int, str], Break] = {}
    for log in logs:
        for e in log.of("skip"):
            if log.hidden:
                continue
            key = (e["path"], e["line"], e["reason"])
            if key in seen:
                seen[key] = replace(seen[key], count=seen[key].count + 1)
                continue
            seen[key] = Break(
                span=Span(relative(e["path"], cwd), e["line"]),
                kind=None,
                title=e["reason"],
                context="",
                function=e["function"],
                module=None,
                stack=spans.frames(e["stack"], cwd),
                count=1,
                calls=1,
                owner=owner(e["path"]),
                effect=Effect.FRAME_LOST,
                snippet=spans.snippet(e["path"], e["line"], e["line"]),
            )
    return tuple(seen.values())

"""The report for programs: JSON, format 1. Its schema is docs/session.schema.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from g2.capture.model import Break, Frame, Graph, Root, Span
from g2.cli.text import place, relative
from g2.cli.views import Cure, Output
from g2.explain.report import Finding, RecompileFinding, Report

SUFFIXES = (".json",)
FORMAT = 1


def render(report: Report, output: Output) -> str:
    """The whole report; a limit does not apply. All text is ASCII, so that no stream can fail to
    carry it.
    """
    session = report.session
    cwd = session.cwd
    breaks = []
    for finding in report.findings:
        breaks.append(_break(finding.place, finding, cwd, finding.headline, output.cures))
        cause = place(finding.place.span, cwd, full=True)
        for after in finding.after_effects:
            gone = f"goes away with the break at {cause}"
            breaks.append(_break(after, finding, cwd, gone, output.cures, after_effect=True))
    document = {
        "format": FORMAT,
        "g2": session.g2,
        "argv": list(session.argv),
        "exit_code": session.exit_code,
        "torch": session.torch,
        "python": session.python,
        "device": session.device,
        "roots": [_root(root, cwd) for root in session.roots],
        "breaks": breaks,
        "recompiles": [_recompile(each, cwd) for finding in report.recompiles for each in (finding, *finding.others)],
        "graphs": [_graph(graph, cwd) for graph in session.graphs],
        "lost": list(session.lost),
    }
    return json.dumps(document, indent=2) + "\n"


def span_fields(span: Span, cwd: str) -> dict[str, Any]:
    """A span as both formats have it, its path relative to `cwd`."""
    return {
        "path": relative(span.path, cwd),
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _root(root: Root, cwd: str) -> dict[str, Any]:
    return {"name": root.name, "span": span_fields(root.span, cwd), "calls": root.calls, "by": root.by}


def _frame(frame: Frame, cwd: str) -> dict[str, Any]:
    return {"span": span_fields(frame.span, cwd), "function": frame.function}


def _break(
    site: Break,
    finding: Finding,
    cwd: str,
    headline: str,
    cures: Mapping[Span, tuple[Cure, ...]],
    after_effect: bool = False,
) -> dict[str, Any]:
    return {
        "reason": finding.reason.slug,
        "kind": site.kind,
        "span": span_fields(site.span, cwd),
        "function": site.function,
        "module": site.module,
        "stack": [_frame(frame, cwd) for frame in site.stack],
        "count": site.count,
        "mine": site.owner.mine,
        "hidden": site.hidden,
        "after_effect": after_effect,
        "headline": headline,
        "cost_ms": site.cost.per_call_ms,
        "fixes": [{"rule": cure.rule, "safety": cure.safety} for cure in cures.get(site.span, ())],
    }


def _recompile(finding: RecompileFinding, cwd: str) -> dict[str, Any]:
    recompile = finding.recompile
    return {
        "reason": finding.reason,
        "span": span_fields(recompile.span, cwd),
        "function": recompile.function,
        "count": recompile.count,
        "call_site": None if recompile.call_site is None else span_fields(recompile.call_site, cwd),
        "limit_hit": recompile.limit_hit,
        "eager_calls": recompile.eager_calls,
        "guards": [
            {"source": guard.source, "kind": guard.kind, "old": guard.old, "new": guard.new}
            for guard in recompile.guards
        ],
    }


def _graph(graph: Graph, cwd: str) -> dict[str, Any]:
    return {
        "id": graph.id,
        "span": span_fields(graph.span, cwd),
        "ops": graph.ops,
        "calls": graph.calls,
        "compile_s": graph.compile_s,
    }

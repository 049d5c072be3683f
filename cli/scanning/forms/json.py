"""A scan for programs: JSON, format 1. Its schema is docs/scan.schema.json."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from g2.capture.model import Span
from g2.cli.app import version
from g2.cli.scanning.result import Result, fixes
from g2.cli.scanning.words import in_root
from g2.cli.text import relative
from g2.cli.views import Output
from g2.explain.scan.model import Sighting

FORMAT = 1


def render(result: Result, output: Output) -> str:
    """All of it; a limit does not apply. All text is ASCII, so that no stream can fail to carry it."""
    scan, news = result.scan, result.news
    document = {
        "format": FORMAT,
        "g2": version(),
        "bases": None if news is None else [{"name": base.name, "commit": base.commit} for base in news.bases],
        "sightings": [_sighting(result, sighting) for sighting in result.shown],
        "unsure": len(result.unsure),
        "known": result.known,
        "gone": [asdict(entry) for entry in news.gone] if news is not None else [],
        "ignored": scan.ignored,
        "unused_ignores": [{"span": _span(result, one.span), "reason": one.reason} for one in scan.unused_ignores],
        "unread": [{"path": _path(result, one.path), "why": one.why} for one in scan.unread],
        "files": scan.files,
        "functions": scan.reached,
    }
    return json.dumps(document, indent=2) + "\n"


def _sighting(result: Result, sighting: Sighting) -> dict[str, Any]:
    return {
        "reason": sighting.reason,
        "span": _span(result, sighting.span),
        "function": sighting.function,
        "headline": sighting.headline,
        "code": sighting.code,
        "sureness": sighting.sureness.value,
        "fails": sighting in result.failing,
        "because": list(sighting.because),
        "path_in": [{"span": _span(result, f.span), "function": f.function} for f in sighting.path_in],
        "fixes": [{"rule": rule, "safety": safety} for rule, _, safety in fixes(sighting.reason)],
    }


def _span(result: Result, span: Span) -> dict[str, Any]:
    return {
        "path": _path(result, span.path),
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _path(result: Result, path: str) -> str:
    return relative(in_root(result, Span(path, 1)).path, result.cwd)

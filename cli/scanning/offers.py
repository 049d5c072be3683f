"""What `g2 fix` has tried and found to hold for places of a scan, where the source is still what it was then."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from g2.capture.model import Span
from g2.cli.app import version
from g2.cli.cures import RESULT, offered
from g2.cli.errors import Refusal
from g2.cli.scanning.result import Result
from g2.cli.store import Store
from g2.cli.views import Cure
from g2.explain.scan.model import Sighting


def offers(result: Result) -> Mapping[Sighting, Cure]:
    """The safe rewrite of each place that is shown, from the newest record that has one."""
    if not result.shown:
        return {}
    held = {f"{result.sources.root}/{file.path}": file.read for file in result.sources.files}
    digests: dict[str, str] = {}
    found: dict[Sighting, Cure] = {}
    for fixing, seen in _kept():
        for path, span, cure in _offered(fixing):
            if path not in held or path not in seen:
                continue
            if path not in digests:
                digests[path] = _digest(held[path])
            if digests[path] != seen[path]:
                continue
            for sighting in result.shown:
                if f"{result.sources.root}/{sighting.span.path}" == path and _same(sighting.span, span):
                    found.setdefault(sighting, cure)
    return found


def _same(sighted: Span, seen: Span) -> bool:
    return seen.line <= sighted.line <= max(seen.end_line, seen.line)


def _digest(read: Any) -> str:
    try:
        return hashlib.sha256(read()).hexdigest()
    except OSError:
        return ""


def _kept() -> Iterator[tuple[Mapping[str, Any], Mapping[str, str]]]:
    """What was found out with this g2, newest first, and the digests of the files that it was found out with."""
    try:
        runs = Store.open().kept()
    except Refusal:
        return
    for run in runs:
        try:
            data = json.loads((run.folder / RESULT).read_text("utf-8"))
            if (data["format"], data["g2"]) == (1, version()):
                yield data["fixing"], data["seen"]
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _offered(fixing: Mapping[str, Any]) -> Iterator[tuple[str, Span, Cure]]:
    try:
        for span, cure in offered(fixing):
            if cure.safety == "safe":
                yield str(Path(fixing["cwd"]) / span.path), span, cure
    except (KeyError, TypeError, ValueError):
        return

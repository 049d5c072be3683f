"""SARIF 2.1.0, within the limits of GitHub's code scanning.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from g2.capture.model import Frame, Span
from g2.cli.app import version
from g2.cli.exchange.hunks import replacements
from g2.cli.exchange.notice import Notice, Notices
from g2.cli.text import Block, blocks, plural
from g2.cli.views import Cure
from g2.explain.reason import Reason

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 25_000  # of a run; GitHub refuses a file with more
MOST_STEPS = 1_000  # of a call path; GitHub takes 10,000 locations of thread flows in all of a result
_ROOT = "%SRCROOT%"


def render(notices: Notices) -> str:
    """The document as text, ASCII only."""
    return json.dumps(document(notices), indent=2) + "\n"


def document(notices: Notices) -> dict[str, Any]:
    """One run with a rule for every reason that occurs."""
    rules = notices.rules
    order = {reason.slug: number for number, reason in enumerate(rules)}
    shown = notices.items[:MOST_RESULTS]
    told = [*([notices.failed] if notices.failed else []), *notices.lost]
    if left := len(notices.items) - len(shown):
        told.append(f"{plural(left, 'more finding')} did not fit into the document.")
    driver = {
        "name": "g2",
        "version": version(),
        "rules": [_rule(reason) for reason in rules],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": _category(notices)},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"uri": _uri(notices.root.rstrip("/") + "/")}},
        "invocations": [
            {
                "executionSuccessful": not notices.failed,
                "toolExecutionNotifications": [{"level": "warning", "message": {"text": text}} for text in told],
            }
        ],
        "results": [_result(notice, order.get(notice.rule, -1)) for notice in shown],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _category(notices: Notices) -> str:
    """Runs of different scripts must not replace each other's alerts."""
    return f"g2/{PurePosixPath(notices.argv[0]).name if notices.argv else 'scan'}/"


def _rule(reason: Reason) -> dict[str, Any]:
    return {
        "id": reason.slug,
        "name": "".join(word.capitalize() for word in reason.slug.split("-")),
        "shortDescription": {"text": reason.title},
        "fullDescription": {"text": _plain(reason.happened)},
        "help": {"text": _plain(f"{reason.why}\n\n{reason.instead}"), "markdown": _markdown(reason)},
        "defaultConfiguration": {"level": "warning"},
        "properties": {"tags": ["performance", "torch.compile"], "problem.severity": "warning", "precision": "high"},
    }


def _plain(text: str) -> str:
    return "\n\n".join(block.text for block in blocks(text))


def _markdown(reason: Reason) -> str:
    parts = [_block(block) for text in (reason.happened, reason.why) for block in blocks(text)]
    parts += ["### What to write instead", *(_block(block) for block in blocks(reason.instead))]
    parts += ["### What it costs", *(_block(block) for block in blocks(reason.cost))]
    return "\n\n".join(parts)


def _block(block: Block) -> str:
    return f"```python\n{block.text}\n```" if block.code else block.text


def _result(notice: Notice, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": notice.rule,
        "level": notice.level,
        "message": {"text": f"{notice.headline}\n\n{notice.text}".strip()},
        "locations": [_location(notice.span, notice.function)],
        "partialFingerprints": {"g2/v1": notice.fingerprint, "primaryLocationLineHash": f"{notice.fingerprint}:1"},
    }
    if index >= 0:
        result["ruleIndex"] = index
    if notice.at is not None:
        place = _location(notice.at, "")
        result["relatedLocations"] = [place | {"id": 0, "message": {"text": "the place itself"}}]
    if notice.path_in:
        result["codeFlows"] = [{"threadFlows": [{"locations": _steps(notice.path_in)}]}]
    if fixes := list(_fixes(notice.cures)):
        result["fixes"] = fixes
    return result


def _steps(path: tuple[Frame, ...]) -> list[dict[str, Any]]:
    return [{"location": _location(frame.span, frame.function)} for frame in path[-MOST_STEPS:]]


def _location(span: Span, function: str) -> dict[str, Any]:
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": _artifact(span.path), "region": _region(span)}}
    if function:
        location["logicalLocations"] = [{"fullyQualifiedName": function, "kind": "function"}]
    return location


def _artifact(path: str) -> dict[str, str]:
    if path.startswith("/"):
        return {"uri": _uri(path)}
    return {"uri": quote(path, errors="surrogatepass"), "uriBaseId": _ROOT}


def _uri(path: str) -> str:
    return "file://" + quote(path, errors="surrogatepass")


def _region(span: Span) -> dict[str, int]:
    """Lines and columns from 1; the end column is the first one behind the region."""
    region = {"startLine": max(span.line, 1)}
    end = max(span.end_line, span.line)
    if span.column >= 0 and span.end_column >= 0 and (end > span.line or span.end_column > span.column):
        region |= {"startColumn": span.column + 1, "endLine": end, "endColumn": span.end_column + 1}
    elif end > span.line:
        region["endLine"] = end
    return region


def _fixes(cures: tuple[Cure, ...]) -> Iterable[dict[str, Any]]:
    """What g2 fix has tried, as replacements of whole lines."""
    for cure in cures:
        changes = [
            {
                "artifactLocation": _artifact(path),
                "replacements": [
                    {
                        "deletedRegion": {
                            "startLine": one.first,
                            "startColumn": 1,
                            "endLine": one.last + 1,
                            "endColumn": 1,
                        },
                        "insertedContent": {"text": one.text},
                    }
                    for one in found
                ],
            }
            for path, diff in cure.diffs
            if (found := replacements(diff))
        ]
        if changes:
            yield {"description": {"text": f"{cure.summary} ({cure.rule}, {cure.safety})"}, "artifactChanges": changes}

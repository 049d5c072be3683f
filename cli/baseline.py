"""g2-baseline.json: what a project's baseline knows, one finding a line, so that changes to it read and merge well."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from g2.cli.errors import Refusal
from g2.cli.files import write_report
from g2.explain.known import Known, merged

NAME = "g2-baseline.json"
FORMAT = 1

_CONFLICT = re.compile(rb"^(<{7}|={7}|>{7}|\|{7})( |\r?$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class KnownRun:
    """What is known of a run of an entry script. graphs: pieces of the forward; roots: what was compiled and called;
    hidden: whether hidden breaks were looked for.

    speedup: seconds a call in eager by those compiled, None when it was not measured.
    """

    graphs: int
    roots: int
    breaks: tuple[Known, ...]
    recompiles: tuple[Known, ...]
    torch: str | None = None
    hidden: bool = False
    speedup: float | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """Everything in the file. runs: by the command line of the entry, without python."""

    scan: tuple[Known, ...] = ()
    runs: Mapping[str, KnownRun] = field(default_factory=dict[str, KnownRun])

    def with_scan(self, known: Iterable[Known]) -> Baseline:
        """The same with other findings of the scan."""
        return replace(self, scan=merged(known))

    def with_run(self, name: str, run: KnownRun) -> Baseline:
        """The same with this run."""
        return replace(self, runs={**self.runs, name: run})


def read(path: Path) -> Baseline:
    """The baseline in a file.

    Raises Refusal when it is not there, damaged, of a newer format or in the middle of a merge.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise Refusal(f"there is no baseline {path}", "g2 baseline write makes one") from None
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror or error}") from None
    return parsed(content, str(path))


def parsed(content: bytes, name: str) -> Baseline:
    """The baseline that these bytes hold. Raises Refusal."""
    if mark := _CONFLICT.search(content):
        line = content.count(b"\n", 0, mark.start()) + 1
        raise Refusal(
            f"{name} holds the marks of a merge conflict, from line {line} on",
            "keep the lines of both sides, or take one side; then g2 baseline prune (or g2 baseline write)",
        )
    try:
        document = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{name} is damaged: {error}", "g2 baseline write makes a new one") from None
    version = document.get("format") if isinstance(document, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise Refusal(
            f"{name} has format {version}, and this g2 reads formats up to {FORMAT}", "pip install --upgrade g2-torch"
        )
    try:
        if version != FORMAT:
            raise ValueError("it has no format number")
        runs = {str(entry): _run(run) for entry, run in document.get("runs", {}).items()}
        return Baseline(_all(document.get("scan", [])), runs)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise Refusal(f"{name} is damaged: {what}", "g2 baseline write makes a new one") from None


def write(path: Path, baseline: Baseline) -> None:
    """Write it whole or not at all. Raises Refusal."""
    try:
        write_report(path, text(baseline))
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror or error}") from None


def text(baseline: Baseline) -> str:
    """The file: sorted, one finding a line, the same for the same findings."""
    lines = ["{", f'  "format": {FORMAT},', *_list("scan", baseline.scan, 2, last=not baseline.runs)]
    if baseline.runs:
        lines.append('  "runs": {')
        for number, (name, run) in enumerate(sorted(baseline.runs.items()), 1):
            lines += [f"    {_json(name)}: {{", *_about(run)]
            lines += _list("breaks", run.breaks, 6, last=False)
            lines += _list("recompiles", run.recompiles, 6, last=True)
            lines.append("    }" + ("," if number < len(baseline.runs) else ""))
        lines.append("  }")
    return "\n".join([*lines, "}"]) + "\n"


def _about(run: KnownRun) -> Iterator[str]:
    yield f'      "torch": {_json(run.torch)},'
    yield f'      "hidden": {_json(run.hidden)},'
    if run.speedup is not None:
        yield f'      "speedup": {round(run.speedup, 3)},'
    yield f'      "graphs": {run.graphs},'
    yield f'      "roots": {run.roots},'


def _list(name: str, known: Iterable[Known], indent: int, *, last: bool) -> list[str]:
    margin, end = " " * indent, "" if last else ","
    entries = [_json(_entry(entry)) for entry in merged(known)]
    if not entries:
        return [f'{margin}"{name}": []{end}']
    return [f'{margin}"{name}": [', ",\n".join(f"{margin}  {entry}" for entry in entries), f"{margin}]{end}"]


def _entry(known: Known) -> dict[str, Any]:
    document: dict[str, Any] = {
        "path": known.path,
        "function": known.function,
        "reason": known.reason,
        "code": known.code,
    }
    if known.count != 1:
        document["count"] = known.count
    if known.times:
        document["times"] = known.times
    return document


def _json(value: Any) -> str:
    """On one line, readable where it can be encoded."""
    readable = json.dumps(value, ensure_ascii=False)
    try:
        readable.encode()
    except UnicodeEncodeError:  # a path that is no UTF-8
        return json.dumps(value)
    return readable


def _all(entries: Any) -> tuple[Known, ...]:
    if not isinstance(entries, list):
        raise ValueError("findings are no list")
    return tuple(map(_known, entries))


def _known(entry: Any) -> Known:
    words = [entry[name] for name in ("path", "function", "reason", "code")]
    numbers = [entry.get("count", 1), entry.get("times", 0)]
    if not all(isinstance(word, str) for word in words):
        raise ValueError(f"a finding has {words!r}, which is no text")
    if not all(type(number) is int for number in numbers) or not 0 < numbers[0] < 1_000_000:
        raise ValueError(f"a finding occurs {numbers[0]!r} times")
    return Known(*words, *numbers)


def _run(document: Any) -> KnownRun:
    speedup, torch = document.get("speedup"), document.get("torch")
    graphs, roots = document["graphs"], document["roots"]
    if type(graphs) is not int or type(roots) is not int or not isinstance(speedup, int | float | None):
        raise ValueError("the numbers of a run are none")
    return KnownRun(
        graphs,
        roots,
        _all(document["breaks"]),
        _all(document["recompiles"]),
        None if torch is None else str(torch),
        document.get("hidden") is True,
        speedup,
    )

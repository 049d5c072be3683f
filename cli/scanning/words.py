"""What is said of a scan, whatever its form."""

from __future__ import annotations

import re
from difflib import get_close_matches

from g2.capture.model import Span
from g2.cli.scanning.project import slugs
from g2.cli.scanning.result import Result, counts
from g2.cli.text import inline, listing, plural, relative
from g2.explain.scan.model import Unread

_LINE = re.compile(r"\bline (\d+): ")
_DETECTED = re.compile(r" \(detected at line \d+\)")
PLACE = "place that breaks a graph or recompiles", "places that break graphs or recompile"


def summary(result: Result) -> str:
    """The result in one sentence with a full stop; before it, how much could not be scanned."""
    if not result.sources.files and not result.scan.unread:
        return _nothing(result)
    number = result.scan.files - len({f.path for f in result.sources.files} & {one.path for one in result.scan.unread})
    lost = _lost(result)
    if not number:
        return f"{lost} could not be scanned, and there is no other file."
    return (f"{lost} could not be scanned. " if lost else "") + _found(result, plural(number, "file"))


def _nothing(result: Result) -> str:
    if result.sources.tracked:
        return "There is no Python file that git tracks here. `g2 scan PATHS` scans others."
    root = str(result.sources.root)
    names = [inline(relative(f"{root.rstrip('/')}/{name}", result.cwd)) for name in result.sources.only]
    if not names and root == result.cwd:
        return "There is no Python file in this folder."
    return f"There is no Python file in {listing(names or [inline(relative(root, result.cwd))], 'or')}."


def _lost(result: Result) -> str:
    """How many files and folders could not be scanned."""
    paths = {file.path for file in result.sources.files}
    files = sum(one.path in paths for one in result.unread)
    numbers = [(files, "file"), (len(result.unread) - files, "folder")]
    told = [plural(number, noun) for number, noun in numbers if number]
    return listing(told) if told else ""


def _found(result: Result, files: str) -> str:
    new = "new " if result.news is not None else ""
    against = f"; compared with {bases(result)}" if result.news is not None else ""
    if result.shown:
        what = plural(len(result.shown), f"{new}{PLACE[0]}", f"{new}{PLACE[1]}")
        levels = counts(result.shown)
        sure = f" ({listing([f'{number} {level.value}' for level, number in levels.items()])})"
        return f"{what}{sure if len(levels) > 1 else ''} in {files}{against}."
    if result.news is not None:
        return f"Nothing new in {files}{against}."
    only = "" if not result.unsure else "surely "
    return f"No place in {files} {only}breaks a graph or recompiles, as far as a scan can tell."


def bases(result: Result) -> str:
    """What it was compared with: "HEAD and the merged commit 1a2b3c4"."""
    return listing([base.name for base in result.news.bases]) if result.news is not None else ""


def notes(result: Result) -> list[str]:
    """What else there is to say, a sentence each; code in backticks."""
    said = []
    levels = counts(result.unsure)
    if levels:
        words = [f"{number} {level.value}" for level, number in levels.items()]
        option = "--likely" if len(levels) == 1 and next(iter(levels)).value == "likely" else "--all"
        said.append(f"{listing(words)} {'one is' if sum(levels.values()) == 1 else 'ones are'} not shown: `{option}`.")
    if result.known and result.news is not None:
        said.append(f"{plural(result.known, 'place')} that {'was' if result.known == 1 else 'were'} there before.")
    files = [base for base in (result.news.bases if result.news else ()) if base.known is not None]
    if files and result.news is not None and result.news.gone:
        number = sum(entry.count for entry in result.news.gone)
        said.append(
            f"{plural(number, 'finding')} of {files[0].name} {'occurs' if number == 1 else 'occur'} no more: "
            "`g2 baseline prune` takes them out."
        )
    if result.scan.ignored:
        said.append(f"{plural(result.scan.ignored, 'place')} ignored, as comments or [tool.g2] ask for.")
    return said


def unused(reason: str) -> str:
    """What is said of a comment that ignores nothing."""
    what = f"# g2: ignore[{inline(reason)}]" if reason else "# g2: ignore"
    if reason and reason not in slugs():
        near = get_close_matches(reason.lower().replace("_", "-"), slugs(), n=1)
        meant = f"`{near[0]}` may be meant" if near else "`g2 why` lists all"
        return f"`{what}` ignores nothing: there is no reason {inline(reason)}; {meant}."
    return f"`{what}` ignores nothing: take it out."


def not_scanned(one: Unread) -> tuple[Span, str]:
    """Where a file cannot be read (column unknown), and why, a clause with a full stop."""
    found = _LINE.search(one.why)
    why = inline(_DETECTED.sub("", _LINE.sub("", one.why, count=1)) if found else one.why)
    return Span(one.path, int(found[1]) if found else 1), why if why.endswith((".", "?", "!")) else f"{why}."


def in_root(result: Result, span: Span) -> Span:
    """The span with an absolute path, as the views of a record have them."""
    path = f"{str(result.sources.root).rstrip('/')}/{span.path}"
    return Span(path, span.line, span.column, span.end_line, span.end_column)

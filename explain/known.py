"""What a baseline knows: findings by what they are rather than by where they stand, and how they are found again.

A finding is known by its reason, its file, its function and its code without layout. Lines do not count, so moving it
makes nothing new. What changed besides is looked for in passes, the strictest first, and each known finding is
used once: what is left over on one side is new, on the other gone.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from keyword import iskeyword
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a commit hook loads no reasons
    from g2.capture.model import Span
    from g2.explain.report import Report
    from g2.explain.scan.model import Sighting

_LIBRARY = re.compile(r".*/(?:site|dist)-packages/(?=.)|.*/lib/(?=python3\.\d+t?/)")
_TOKEN = re.compile(
    r"""(?P<string>[rbfuRBFU]{0,2}(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"))"""
    r"|(?P<number>(?<![\w.])\d[\w.]*)"
    r"|(?P<name>(?<![\w.])[^\W\d]\w*(?!\w*\s*\())"
)


@dataclass(frozen=True, slots=True, order=True)
class Known:
    """A finding as a baseline holds it; `count` equal ones. path has forward slashes, relative to the baseline's folder
    or from the package's name on.

    times: of a recompile, how often the function was compiled again for it; 0 for everything else.
    """

    path: str
    function: str
    reason: str
    code: str
    count: int = 1
    times: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """new: indexes of the places that nothing known answers, in their order. gone: what is known and occurs no more.
    matched: the known finding of each other place, by the place's index.
    """

    new: tuple[int, ...]
    gone: tuple[Known, ...]
    matched: Mapping[int, Known]


def compare(
    known: Sequence[Known],
    places: Sequence[Known],
    renamed: Mapping[str, str] | None = None,
    present: Collection[str] | None = None,
) -> Difference:
    """What of `places` (each of count 1) is new, and what of `known` is gone. Takes time linear in their number.

    renamed: files by their old path, with the new one. present: paths that there are now; with it, a known finding is
    looked for in another file only when its own is not there any more. A baseline that is kept for long names findings
    that were mended since, and these must not excuse others elsewhere. Without it, as for a commit's own parent, every
    known finding is taken to have been there.
    """
    names = renamed or {}
    sources = [entry if entry.count == 1 else replace(entry, count=1) for entry in known for _ in range(entry.count)]
    old = [replace(one, path=names[one.path]) if one.path in names else one for one in sources]
    free, left = list(range(len(old))), list(range(len(places)))
    matched: dict[int, Known] = {}
    for near, key in _PASSES:
        if not free or not left:
            break
        movable = free if near or present is None else [i for i in free if old[i].path not in present]
        waiting: dict[Hashable, list[int]] = defaultdict(list)
        for i in reversed(movable):
            waiting[key(old[i])].append(i)
        used: set[int] = set()
        still: list[int] = []
        for number in left:
            found = waiting.get(key(places[number]))
            if found:
                used.add(found[-1])
                matched[number] = sources[found.pop()]
            else:
                still.append(number)
        left, free = still, [i for i in free if i not in used]
    return Difference(tuple(left), merged(sources[i] for i in free), matched)


def merged(entries: Iterable[Known]) -> tuple[Known, ...]:
    """Equal ones as one with their number (and the largest `times`), sorted."""
    counts: Counter[Known] = Counter()
    times: dict[Known, int] = {}
    for entry in entries:
        one = replace(entry, count=1, times=0)
        counts[one] += entry.count
        times[one] = max(times.get(one, 0), entry.times)
    return tuple(sorted(replace(one, count=number, times=times[one]) for one, number in counts.items()))


def of_sighting(sighting: Sighting) -> Known:
    """What a baseline keeps of a sighting."""
    return Known(sighting.span.path, sighting.function, sighting.reason, sighting.code)


def of_breaks(report: Report, folder: str) -> tuple[Known, ...]:
    """What a baseline keeps of a run's breaks, in the order of `report.findings`. Paths are relative to `folder`."""
    from g2.explain.catalog import source_text

    return tuple(
        Known(
            _path(finding.place.span, folder),
            finding.place.function,
            finding.reason.slug,
            normal(source_text(finding.place.span, finding.place.snippet)),
        )
        for finding in report.findings
    )


def of_recompiles(report: Report, folder: str) -> tuple[Known, ...]:
    """The same of its recompiles. What was compiled again by the same change counts with the first one."""
    return tuple(
        Known(
            _path(finding.recompile.span, folder),
            finding.recompile.function,
            finding.reason,
            ", ".join(sorted({guard.source for guard in finding.recompile.guards})),
            times=finding.count,
        )
        for finding in report.recompiles
    )


def normal(code: str) -> str:
    """Code as `ast.unparse` writes it; on one line with single spaces where it is no statement by itself."""
    try:
        return ast.unparse(ast.parse(textwrap.dedent(code).strip()))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return " ".join(code.split())


def _path(span: Span, folder: str) -> str:
    inside = folder.rstrip("/") + "/"
    near = span.path.removeprefix(inside)
    return _LIBRARY.sub("", near) if near == span.path or "-packages/" in near else near


def _shape(code: str) -> str:
    """Code without the names of its variables and without its constants: what is called and read stays."""

    def blank(found: re.Match[str]) -> str:
        return found.group() if iskeyword(found.group()) else "_" if found["name"] else "0"

    return _TOKEN.sub(blank, code)


def _head(code: str) -> str:
    """What comes before the first argument: "print", "if _.sum"."""
    return _shape(code).partition("(")[0]


# Whether a pass stays within one file, and what it compares.
_PASSES: tuple[tuple[bool, Callable[[Known], Hashable]], ...] = (
    (True, lambda it: (it.reason, it.path, it.function, it.code)),
    (True, lambda it: (it.reason, it.path, it.function.rpartition(".")[2], it.code)),  # a class was renamed
    (True, lambda it: (it.reason, it.path, it.code)),  # a function was renamed, or code moved within its file
    (False, lambda it: (it.reason, it.function, it.code)),  # a file was renamed, or a function moved to another one
    (False, lambda it: (it.reason, it.code)),
    (True, lambda it: (it.reason, it.path, it.function, _shape(it.code))),  # variables were renamed
    (True, lambda it: (it.reason, it.path, it.function, _head(it.code))),  # arguments were edited
)

"""Whether a trial speaks for the cures that were in it: pure functions of two runs."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from g2.capture.model import Effect, Session, Span
from g2.explain.report import Report
from g2.rewrite.edit import Overlap, Text
from g2.rewrite.model import Counts
from g2.rewrite.plan import absolute
from g2.rewrite.source import Source, Unreadable
from g2.rewrite.spoken import torch_names, unspoken
from g2.rewrite.state import Placed, State, functions

_WARNING = re.compile(rb"(.+?):\d+:( \w*(?:Warning|Error): )")  # as Python's warnings module writes one
_COMPILERS = re.compile(rb"\S*[/\\]torch[/\\]_(dynamo|inductor|functorch)[/\\]\S+\.py:\d+: \w*Warning: ")
_LONGEST = 12  # lines of a warning; the last one is the source, moved in by two
Spot = tuple[str, int]  # absolute path and line, on disk
Home = tuple[str, int, int, str]  # absolute path, line and column on disk, reason; -1 for no column, less for new text


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the script: what capture saw and what the script showed."""

    report: Report
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def session(self) -> Session:
        return self.report.session


@dataclass(frozen=True, slots=True)
class Seen:
    """The findings of a run by their places on disk."""

    breaks: Counter[Home]
    lines: frozenset[Spot]  # of every break, after-effects with them
    new_text: tuple[tuple[str, str], ...]  # breaks in what a cure wrote: its key, the headline
    raised: frozenset[Spot]  # where Dynamo failed in the run itself, not behind a break
    recompiles: Counter[Home]  # at the line of the function
    headlines: dict[Spot, str] = field(default_factory=dict[Spot, str])

    def at(self, spot: Spot) -> int:
        """Breaks on a line, whatever they are called: a cure may turn one situation into another."""
        return sum(count for home, count in self.breaks.items() if home[:2] == spot)

    def again(self, spot: Spot | None = None) -> int:
        """Recompilations of the function at a line, whatever they are called; all of them without one."""
        return sum(count for home, count in self.recompiles.items() if spot is None or home[:2] == spot)


NOTHING = Seen(Counter(), frozenset(), (), frozenset(), Counter())


def seen(report: Report, state: State) -> Seen:
    """The places of a report that was made with `state` in place."""
    cwd = report.session.cwd
    breaks: Counter[Home] = Counter()
    lines: set[Spot] = set()
    raised: set[Spot] = set()
    new: list[tuple[str, str]] = []
    headlines: dict[Spot, str] = {}
    for finding in report.findings:
        home, owner = home_of(finding.place.span, finding.reason.slug, cwd, state)
        path, line = home[:2]
        breaks[home] += 1
        lines.add((path, line))
        headlines[path, line] = finding.headline
        if owner is not None:
            new.append((owner.key, finding.headline))
        if finding.place.effect is Effect.RAISED and not finding.place.hidden:
            raised.add((path, line))
        for effect in finding.after_effects:
            other = absolute(effect.span.path, cwd)
            lines.add((other, state.back(other, effect.span.line, -1)[0]))
    recompiles: Counter[Home] = Counter()
    for change in report.recompiles:
        for one in (change, *change.others):
            home, _ = home_of(replace(one.recompile.span, column=-1), one.reason, cwd, state)
            recompiles[home] += one.recompile.count
            headlines.setdefault(home[:2], one.headline)
    return Seen(breaks, frozenset(lines), tuple(new), frozenset(raised), recompiles, headlines)


def home_of(span: Span, reason: str, cwd: str, state: State) -> tuple[Home, Placed | None]:
    """A place of a report that was made with `state` in place, on disk; the cure that wrote its text, if one did."""
    path = absolute(span.path, cwd)
    line, column, owner = state.back(path, span.line, span.column)
    return (path, line, column if owner is None else -2 - max(span.column, 0), reason), owner


def counts(session: Session) -> Counts:
    """What a summary line shows of a run."""
    causes = {(b.span, b.kind) for b in session.breaks if b.after_effect_of is None}
    graphs = sum(1 for graph in session.graphs if not graph.backward)
    return Counts(graphs, len(causes), sum(change.count for change in session.recompiles))


def refusals(chosen: Iterable[Placed], before: Seen, last: Seen, now: Seen) -> dict[str, str]:
    """What a run says against single cures: key -> a clause. `before`: the unchanged script; `last`: the run before."""
    said = {one.key: _still(one, before, last, now) for one in chosen}
    return {key: why for key, why in said.items() if why}


def _still(one: Placed, before: Seen, last: Seen, now: Seen) -> str:
    """The place is as it was."""
    if one.target.kind == "recompile":  # cured breaks bring recompiles and take others away: the last run counts
        if now.again(one.home) >= last.again(one.home) or now.again() >= last.again():
            return "the function is compiled again as often as before"
        return ""
    inside = [headline for key, headline in now.new_text if key == one.key]
    had = before.at(one.home)
    if inside and len(inside) >= max(had, 1):
        return f"the graph still breaks there: {inside[0]}"
    if had and now.at(one.home) >= had:
        return f"the graph still breaks there: {now.headlines.get(one.home, '')}"
    return ""


def came(one: Placed, state: State, before: Seen, now: Seen) -> str:
    """Something new that stands in the function that was rewritten, where there are no fewer breaks than before.

    A later round may cure it; a cure is not offered while it only moves a break.
    """
    for path, first, last in reach(one, state):
        here = {spot for spot in now.lines if spot[0] == path and first <= spot[1] <= last}
        had = {spot for spot in before.lines if spot[0] == path and first <= spot[1] <= last}
        new = sorted(here - had)
        if new and len(here) >= len(had):
            headline = now.headlines.get(new[0], "")
            return f"another break comes instead, at line {new[0][1]}{': ' if headline else ''}{headline}"
        if {spot for spot in now.raised - before.raised if spot in here}:
            return "Dynamo itself raises there then"
    return ""


def raised(before: Seen, now: Seen) -> str:
    """Dynamo itself fails where it did not: torch.compile without suppress_errors ends the script with that error."""
    new = sorted(now.raised - before.raised)
    if not new:
        return ""
    headline = now.headlines.get(new[0], "")
    return f"Dynamo itself raises then, at line {new[0][1]}{': ' if headline else ''}{headline}"


def reach(one: Placed, state: State) -> tuple[tuple[str, int, int], ...]:
    """The functions on disk that a cure touches, or that its place stands in: path, first and last line."""
    found: dict[tuple[str, int, int], None] = {}
    spots = [(one.home[0], one.home[1], one.home[1])]
    for file in one.files:
        source = state.original(file.path)
        for edit in file.edits:
            ends = source.position(edit.start)[0], source.position(max(edit.end - 1, edit.start))[0]
            spots.append((file.path, *ends))
    for path, start, end in spots:
        try:
            holding = functions(state.original(path), start, end)
        except Unreadable:
            continue
        for _, first, last in holding:
            found[path, first, last] = None
    return tuple(found)


def changes_functions(one: Placed, state: State) -> bool:
    """Whether an edit changes what a function does, rather than what Dynamo is told."""
    for file in one.files:
        source = state.original(file.path)
        touched: set[str] = set()
        for edit in file.edits:
            lines = source.position(edit.start)[0], source.position(edit.end)[0]
            touched |= {name for name, _, _ in functions(source, *lines)}
        if not touched:
            continue
        try:
            now = Text.of(source, [file]).after()
            if doing(source, touched) != doing(now, touched):
                return True
        except (Overlap, Unreadable):
            return True
    return False


def doing(source: Source, names: Container[str]) -> list[tuple[str, str]]:
    """What the functions of these names do: their trees, without what they tell Dynamo. Raises Unreadable."""
    torch = torch_names(source.tree)
    return [(name, ast.dump(unspoken(node, torch))) for name, node in source.functions if name in names]


def against_all(before: Run, now: Run, masked: frozenset[bytes] = frozenset()) -> str:
    """What the run says against the cures together: it ended otherwise, or showed something else.

    Lines in `masked` differ from one run of the unchanged script to the next.
    """
    if any(root.calls for root in before.session.roots) and not any(root.calls for root in now.session.roots):
        return f"nothing was captured then ({'; '.join(now.session.lost) or 'no compiled call was made'})"
    if now.session.exit_code != before.session.exit_code:
        error = f" ({now.session.script_error})" if now.session.script_error else ""
        return f"the script ends with exit code {now.session.exit_code}{error}, not {before.session.exit_code}"
    return different("stdout", before.stdout, now.stdout, masked) or missing(before.stderr, now.stderr, masked)


def different(name: str, before: bytes, now: bytes, masked: frozenset[bytes] = frozenset()) -> str:
    """The first line in which two outputs differ, in words; empty when they are the same."""
    if before == now:
        return ""
    for number, (old, new) in enumerate(zip_longest(before.splitlines(), now.splitlines()), start=1):
        if old != new and (old is None or old not in masked):
            return f"line {number} of the script's {name} is {_shown(new)}, not {_shown(old)}"
    return ""


def missing(before: bytes, now: bytes, masked: frozenset[bytes] = frozenset()) -> str:
    """A line that the script wrote to stderr and does not write now. Capture may add lines of torch's there.

    The line number of a warning, and the source that Python shows below it, are those of the text: they may move. What
    torch's compiler warns of goes with its cause.
    """
    left = iter(_placeless(now))
    for line in _placeless(before):
        if line.strip() and line not in masked and line not in left:
            return f"the script's stderr lacks {_shown(line)}"
    return ""


def _placeless(output: bytes) -> list[bytes]:
    lines, kept, number = output.splitlines(), list[bytes](), 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if _COMPILERS.match(line):
            shown = (n for n in range(number, min(number + _LONGEST, len(lines))) if lines[n].startswith(b"  "))
            number = next(shown, number - 1) + 1
            continue
        kept.append(_WARNING.sub(rb"\1:\2", line))
        if _WARNING.match(line) and number < len(lines) and lines[number].startswith(b"  "):
            number += 1
    return kept


def varying(one: bytes, other: bytes) -> frozenset[bytes]:
    """Lines of two runs of the same script that are not in both."""
    pairs = zip_longest(one.splitlines(), other.splitlines())
    return frozenset(line for pair in pairs if pair[0] != pair[1] for line in pair if line is not None)


def _shown(line: bytes | None) -> str:
    if line is None:
        return "missing"
    text = line.decode("utf-8", "replace").strip()
    return repr(text if len(text) <= 60 else f"{text[:57]}...")

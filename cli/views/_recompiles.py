"""The recompiles of a report, drawn for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from g2.capture.model import Guard, Recompile, Span
from g2.cli.text import inline, plural, seconds
from g2.cli.views._page import Page
from g2.explain.report import RecompileFinding, Report

VALUES = 6
LONGEST = 24
OTHERS = 6  # functions named under one change


def draw_recompiles(page: Page, report: Report, findings: Sequence[RecompileFinding], first: int) -> None:
    """Each recompiled function: what changed, from what to what, how often, who brought it, what
    to do.
    """
    if not findings:
        return
    page.blank()
    page.paragraph(Text("Recompiles", "bold underline" if page.output.colour else "bold"))
    sites: set[Span] = set()
    for number, finding in enumerate(findings, first):
        page.blank()
        _draw(page, report.session.cwd, number, finding, sites)


def _draw(
    page: Page,
    cwd: str,
    number: int,
    finding: RecompileFinding,
    sites: set[Span],
) -> None:
    recompile = finding.recompile
    page.paragraph(page.prose(finding.headline, "bold"), 4, Text(f"{number:>2}", "bold cyan"))
    where = page.place(recompile.span, cwd)
    where.append(f" in {inline(recompile.function)}" if recompile.function else "")
    where.append(f" ({inline(recompile.module)})" if recompile.module else "", "dim")
    page.paragraph(where, 4)
    page.paragraph(Text(counts_of_recompile(recompile) + _with_it(finding)), 4)
    if recompile.guards:
        page.blank()
        _guards(page, recompile.guards)
    site = recompile.call_site
    if site is not None and recompile.snippet is not None and site not in sites:
        sites.add(site)
        page.blank()
        page.source(site, recompile.snippet)
    page.blank()
    if site is not None:
        page.labelled("From", [page.place(site, cwd) + Text(" brought the new value")])
    if finding.others:
        page.labelled("Also", [_other(page, cwd, other.recompile) for other in finding.others[:OTHERS]])
        if len(finding.others) > OTHERS:
            page.paragraph(Text(f"and {plural(len(finding.others) - OTHERS, 'more function')}", "dim"), 10)
    page.steps(number, finding.advice)


def _with_it(finding: RecompileFinding) -> str:
    if not finding.others:
        return ""
    spent = sum(other.recompile.compile_s for other in finding.others)
    more = f", and {plural(len(finding.others), 'more piece')} of code with it"
    return more + (f" in {seconds(spent)}" if spent >= 0.05 else "")


def _other(page: Page, cwd: str, recompile: Recompile) -> Text:
    """A function that the same change recompiled, in a line."""
    text = Text(inline(recompile.function)) + Text(" ") + page.place(recompile.span, cwd)
    if recompile.guards:
        guard = recompile.guards[0]
        text += Text(f"  {guard_name(guard)} {values_of(guard, page.arrow)}", "dim")
    return text


def counts_of_recompile(recompile: Recompile) -> str:
    """How often a function was recompiled and what came of it, in one line."""
    times = "once" if recompile.count == 1 else plural(recompile.count, "time")
    parts = [f"compiled again {times}"]
    if recompile.compile_s >= 0.05:
        parts[0] += f" in {seconds(recompile.compile_s)}"
    if recompile.limit_hit:
        limit = f"the limit of {recompile.limit}" if recompile.limit else "the recompile limit"
        parts.append(f"hit {limit}; after that {plural(recompile.eager_calls, 'call')} ran in eager")
    return ", ".join(parts)


def guard_name(guard: Guard) -> str:
    """What is guarded: `x.size(1)`, `x.dtype`, `self.step`."""
    name = inline(guard.source) or inline(guard.code) or guard.kind
    match guard.kind:
        case "size" | "stride" if guard.dim is not None and f".{guard.kind}(" not in name:
            return f"{name}.{guard.kind}({guard.dim})"
        case "size" | "stride" | "dtype" | "device" | "requires_grad" if name.isidentifier():
            return f"{name}.{guard.kind}"
        case "length" if not name.startswith("len("):
            return f"len({name})"
        case _:
            return name


def values_of(guard: Guard, arrow: str) -> str:
    """`7 -> 8, 9 and 4 more`: the values a guard has met, oldest first."""
    values = list(guard.values) or [guard.old, guard.new]
    texts = [_short(value) for value in values]
    if len(texts) <= VALUES:
        return f" {arrow} ".join(texts)
    return f" {arrow} ".join(texts[: VALUES - 1]) + f" and {len(texts) - VALUES + 1} more"


def _short(value: str) -> str:
    text = inline(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _guards(page: Page, guards: Sequence[Guard]) -> None:
    """Two columns when they fit: what is guarded, and the values it has met."""
    names = [guard_name(guard) for guard in guards]
    column = max(len(name) for name in names) + 2
    column = column if column <= page.width // 2 else 2
    for name, guard in zip(names, guards, strict=True):
        change = Text(f"{_short(guard.old)} {page.arrow} {_short(guard.new)}", "yellow")
        if len(guard.values) > 2:
            change.append(f"  seen {values_of(guard, page.arrow)}", "dim")
        if column > len(name):
            page.paragraph(change, 6 + column, Text(" " * 6 + name))
        else:
            page.paragraph(Text(name), 6)
            page.paragraph(change, 8)
        if page.output.verbose and guard.code:
            page.paragraph(Text(inline(guard.code), "dim"), 8)

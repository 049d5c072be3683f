"""The report for a person: a terminal, a pipe or a CI log."""

from __future__ import annotations

from rich.text import Text

from g2.capture.model import Break, Effect, Session, Span
from g2.cli.summary import advice_when_empty, failure, summary
from g2.cli.text import (
    Block,
    blocks,
    inline,
    listing,
    milliseconds,
    own,
    place,
    plural,
    seconds,
)
from g2.cli.views import Output
from g2.cli.views._page import Page
from g2.cli.views._recompiles import draw_recompiles
from g2.explain.report import Finding, Report

SUFFIXES = (".txt", ".log")
LIMIT = 20
FRAMES = 4
COSTS = "Cost: the time from the graph before a break to the next one, without compilation; an estimate."


def render(report: Report, output: Output) -> str:
    """The summary first, then places by what they cost, recompiles, what was not seen, and what
    to do next.
    """
    page = Page(output)
    _head(page, report)
    limit = LIMIT if output.limit is None else output.limit
    shown = report.findings[: limit or None]
    for number, finding in enumerate(shown, 1):
        page.blank()
        _finding(page, report, number, finding)
    _more(page, len(report.findings) - len(shown), "place")
    numbered = report.recompiles[: limit or None]
    draw_recompiles(page, report, numbered, first=len(shown) + 1)
    _more(
        page,
        len(report.recompiles) - len(numbered),
        "function that recompiles",
        "functions that recompile",
    )
    if any(f.place.cost.per_call_ms is not None for f in shown):
        page.blank()
        page.paragraph(Text(COSTS, "dim"))
    _tail(page, report)
    return page.text()


def _head(page: Page, report: Report) -> None:
    session = report.session
    left_out = page.output.left_out
    good = report.clean and not (session.lost or session.exit_code or left_out)
    page.paragraph(Text(summary(report, left_out), "bold green" if good else "bold"))
    if report.clean and not left_out and (advice := advice_when_empty(session)):
        page.paragraph(page.prose(advice))
    if ended := failure(session):
        page.paragraph(Text(ended, "red"))
    called = [root for root in session.roots if root.calls]
    if report.clean or not called:
        return
    names = list(dict.fromkeys(inline(root.name) for root in called))
    some = listing(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"
    parts = [
        f"{plural(sum(root.calls for root in called), 'call')} of {some}",
        processes_of(session),
        f"torch {session.torch}",
        session.device,
        seconds(session.seconds),
    ]
    page.paragraph(Text(f" {page.dot} ".join(inline(part) for part in parts if part), "dim"))


def _finding(
    page: Page,
    report: Report,
    number: int,
    finding: Finding,
) -> None:
    site, cwd = finding.place, report.session.cwd
    page.paragraph(page.prose(finding.headline, "bold"), 4, Text(f"{number:>2}", "bold cyan"))
    where = page.place(site.span, cwd)
    where.append_text(Text(f" in {inline(site.function)}" if site.function else "", ""))
    where.append(f" ({inline(site.module)})" if site.module else "", "dim")
    page.paragraph(where, 4)
    badges = [Text(finding.reason.slug, "dim")] + [Text(b, "yellow") for b in badges_of(site)]
    page.paragraph(Text.assemble((f" {page.dot} ", "dim")).join(badges), 4)
    if counts := counts_of(site, sum(root.calls for root in report.session.roots)):
        page.paragraph(page.prose(counts), 4)
    if cost := cost_of(site):
        page.paragraph(page.prose(cost), 4)
    if page.output.verbose and (site.kind or site.title):
        dynamo = ": ".join(inline(x) for x in (site.kind, site.title) if x)
        context = f" ({inline(site.context)})" if site.context else ""
        page.paragraph(Text(f"Dynamo says {dynamo}{context}", "dim"), 4)
    if site.snippet is not None:
        page.blank()
        page.source(site.span, site.snippet)
    page.blank()
    if path := _path(page, site, cwd):
        page.labelled("Path", [path])
    _meaning(page, number, finding, cwd)
    if finding.after_effects:
        gone = [place(b.span, cwd, page.output.verbose) for b in finding.after_effects]
        many = plural(len(gone), "more break goes", "more breaks go")
        listed = gone if page.output.verbose or len(gone) <= 4 else [*gone[:3], f"{len(gone) - 3} more"]
        page.labelled("And", [Text(f"{many} away with it: {listing(listed)}", "dim")])


def _meaning(page: Page, number: int, finding: Finding, cwd: str) -> None:
    reason, origin = finding.reason, finding.place.because_of
    first = page.told.setdefault(f"why {reason.slug}", number)
    again = first != number
    same = again and all(page.told.get(step) == first for step in finding.advice)
    why = first_paragraph(page, reason.why)
    if again:
        why = [Text(f"As in {first}, and so is what to do." if same else f"As in {first}.")]
    if origin is not None:
        source = page.place(origin, cwd)
        why.append(Text("The value that stopped it comes from ") + source + Text("."))
    page.labelled("Why", why)
    if not same:
        page.steps(number, finding.advice)


def first_paragraph(page: Page, text: str) -> list[Text | Block]:
    """What fits on a screen of a longer text; all of it when the person asked for more."""
    items: list[Text | Block] = list(blocks(text))
    return items if page.output.verbose else items[:1]


def processes_of(session: Session) -> str:
    """The processes of a run of several, with their ranks: "2 processes, ranks 0 and 1"."""
    if len(session.processes) < 2:
        return ""
    ranks = sorted({p.rank for p in session.processes if p.rank is not None})
    named = f", rank{'s' if len(ranks) > 1 else ''} {listing([str(r) for r in ranks])}" if ranks else ""
    return plural(len(session.processes), "process", "processes") + named


def badges_of(site: Break) -> list[str]:
    """What is unusual about a place, in a few words each."""
    badges = []
    if site.hidden:
        badges.append("hidden: seen only once what stands before it is out of the way")
    if not site.owner.mine:
        package = inline(f"{site.owner.package or ''} {site.owner.version or ''}")
        made = "in code made at run time" if site.span.path.startswith("<") else "in a library"
        badges.append(f"in library {package}" if package else made)
    if site.effect is Effect.FRAME_LOST:
        badges.append("the whole function runs in eager")
    elif site.effect is Effect.RAISED:
        badges.append("Dynamo itself raised an error; the function runs in eager")
    return badges


def counts_of(site: Break, calls: int) -> str:
    """How often a place was met, in one line."""
    parts = []
    if site.calls:
        # A root that is called inside another makes more meetings than outermost calls.
        of = f" of {calls:,}" if calls >= site.calls else ""
        parts.append(f"met in {site.calls:,}{of} calls" if max(calls, site.calls) > 1 else "met in the one call")
    if site.count > 1:
        parts.append(f"{plural(site.count, 'break event')}")
    if site.cost.compile_s >= 0.05:
        parts.append(f"{seconds(site.cost.compile_s)} more compiling")
    return "; ".join(parts)


def cost_of(site: Break) -> str:
    """What a call loses here and what that figure rests on, in one line."""
    cost = site.cost
    if cost.per_call_ms is None:
        return f"cost {inline(cost.basis)}" if cost.basis else ""
    crossings = f", median of {cost.samples:,} crossings" if cost.samples > 1 else ", crossed once"
    return f"costs about {milliseconds(cost.per_call_ms)} a call{crossings if cost.samples else ''}"


def _path(page: Page, site: Break, cwd: str) -> Text | None:
    """The call path that leads to the place, shortened in its middle, without the place itself."""
    frames = list(site.stack)
    if frames and frames[-1].span.path == site.span.path and frames[-1].span.line == site.span.line:
        frames.pop()
    if not frames:
        return None
    keep = set(range(len(frames)))
    if len(frames) > FRAMES and not page.output.verbose:
        mine = [i for i, frame in enumerate(frames) if own(frame.span.path, cwd)]
        keep = {0, len(frames) - 2, len(frames) - 1, *mine[-1:]}
    steps, skipped = [], 0
    for i, frame in enumerate(frames):
        if i not in keep:
            skipped += 1
            continue
        if skipped:
            steps.append(Text(f"{skipped} more", "dim"))
            skipped = 0
        line = Span(frame.span.path, frame.span.line)  # a path reads better without columns
        step = page.place(line, cwd, "" if own(frame.span.path, cwd) else "dim")
        if frame.function != "<module>":
            step.append(f" {inline(frame.function)}", "dim")
        steps.append(step)
    steps.append(Text("here"))
    return Text.assemble((f" {page.arrow} ", "dim")).join(steps)


def _more(page: Page, number: int, noun: str, nouns: str | None = None) -> None:
    if number > 0:
        many = plural(number, f"more {noun}", nouns and f"more {nouns}")
        page.blank()
        page.paragraph(Text(f"and {many}; --limit 0 shows all"))


def _tail(page: Page, report: Report) -> None:
    if report.session.lost:
        page.blank()
        page.paragraph(Text("Not observed", "bold yellow"))
        for sentence in report.session.lost:
            page.paragraph(page.prose(sentence), 4, Text("  -"))
    if page.output.left_out:
        page.blank()
        page.paragraph(Text(f"{plural(page.output.left_out, 'other finding')} left out by --only or --mine."))
    if report.next_step and not report.clean:
        page.blank()
        page.labelled("Next", [page.prose(report.next_step)], indent=0)

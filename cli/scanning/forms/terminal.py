"""A scan for a person: a terminal, a pipe, or what a commit hook prints."""

from __future__ import annotations

from rich.text import Text

from g2.capture.model import Frame, Snippet, Span
from g2.cli.fixing.hunks import draw
from g2.cli.scanning.offers import offers
from g2.cli.scanning.result import Result, fixes
from g2.cli.scanning.words import in_root, not_scanned, notes, summary, unused
from g2.cli.text import inline, plural
from g2.cli.views import Cure, Output
from g2.cli.views._page import Page
from g2.explain.catalog import everything
from g2.explain.scan.model import Sighting

LIMIT = 20
FRAMES = 4


def render(result: Result, output: Output) -> str:
    """The summary, the places with what is known of them, what was left out, and what to do next."""
    page = Page(output)
    good = not result.shown and not result.unread
    page.paragraph(page.prose(summary(result), "bold green" if good else "bold"))
    limit = LIMIT if output.limit is None else output.limit
    shown = result.shown[: limit or None]
    source, tried = result.snippets(), offers(result)
    for number, sighting in enumerate(shown, 1):
        page.blank()
        _sighting(page, result, number, sighting, source(sighting.span.path))
        _cure(page, number, sighting, tried.get(sighting))
    if more := len(result.shown) - len(shown):
        page.blank()
        page.paragraph(Text(f"and {plural(more, 'more place')}; --limit 0 shows all"))
    _tail(page, result)
    return page.text()


def _sighting(page: Page, result: Result, number: int, sighting: Sighting, source: Snippet | None) -> None:
    page.paragraph(page.prose(sighting.headline, "bold"), 4, Text(f"{number:>2}", "bold cyan"))
    where = page.place(in_root(result, sighting.span), result.cwd)
    where.append_text(Text(f" in {inline(sighting.function)}" if sighting.function else "", ""))
    page.paragraph(where, 4)
    badges = [Text(sighting.reason, "dim"), Text(sighting.sureness.value, "dim")]
    if result.news is not None:
        badges.append(Text("new", "yellow"))
    page.paragraph(Text.assemble((f" {page.dot} ", "dim")).join(badges), 4)
    if source is not None:
        page.blank()
        page.source(sighting.span, source)
    page.blank()
    if path := _path(page, result, sighting.path_in):
        page.labelled("Path", [path])
    if sighting.because:
        page.labelled("Known", [Text(f"{inline('; '.join(sighting.because))}.")])


def _cure(page: Page, number: int, sighting: Sighting, tried: Cure | None) -> None:
    """What to do: the rewrite that g2 fix has tried here, else a line; the whole of it is told by g2 why."""
    if tried is not None:
        page.labelled("Fix", [page.prose(f"{tried.summary}; `g2 fix --apply` writes it.")])
        for _, diff in tried.diffs:
            page.blank()
            draw(page, diff)
        return
    reason = everything().get(sighting.reason)
    step = reason.steps[0] if reason is not None and reason.steps else f"`g2 why {sighting.reason}` tells what to do."
    page.steps(number, [step])
    safe = [title for _, title, safety in fixes(sighting.reason) if safety == "safe"]
    if safe:
        many = f"{len(safe)} rewrites that keep results"
        what = many if len(safe) > 1 else f"a rewrite that keeps results: {safe[0]}"
        page.labelled("Fix", [page.prose(f"`g2 fix SCRIPT` tries {what}.")])


def _path(page: Page, result: Result, frames: tuple[Frame, ...]) -> Text | None:
    """The call path from what is compiled, shortened in its middle."""
    if not frames:
        return None
    keep = set(range(len(frames)))
    if len(frames) > FRAMES and not page.output.verbose:
        keep = {0, len(frames) - 2, len(frames) - 1}
    steps, skipped = list[Text](), 0
    for number, frame in enumerate(frames):
        if number not in keep:
            skipped += 1
            continue
        if skipped:
            steps.append(Text(f"{skipped} more", "dim"))
            skipped = 0
        step = page.place(in_root(result, Span(frame.span.path, frame.span.line)), result.cwd, "")
        steps.append(step.append(f" {inline(frame.function)}", "dim"))
    steps.append(Text("here"))
    return Text.assemble((f" {page.arrow} ", "dim")).join(steps)


def _tail(page: Page, result: Result) -> None:
    lines = notes(result)
    if lines:
        page.blank()
        page.paragraph(page.prose(" ".join(lines), "dim"))
    for title, items in (
        ("Not scanned", [not_scanned(one) for one in result.unread]),
        ("Ignores of nothing", [(one.span, unused(one.reason)) for one in result.unused_ignores]),
    ):
        if items:
            page.blank()
            page.paragraph(Text(title, "bold yellow"))
        for span, text in items:
            where = page.place(in_root(result, span), result.cwd)
            page.paragraph(Text.assemble(where, ": ") + page.prose(text), 4, Text("  -"))
    if result.shown:
        first = result.shown[0].reason
        pardon = f"`# g2: ignore[{first}]` at the end of a line lets its place pass."
        page.blank()
        page.labelled("Next", [page.prose(f"`g2 why {first}` explains the first."), page.prose(pardon)], indent=0)

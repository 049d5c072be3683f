"""What a fix found, for a person: each rewrite with its diff and proof, what is left alone and why, what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from g2.capture.model import Session, Span
from g2.cli.fixing import hunks, sentences
from g2.cli.text import Block, blocks, inline, milliseconds, plural, relative, short_path
from g2.cli.views import Output
from g2.cli.views._page import Page
from g2.rewrite.apply import Applied
from g2.rewrite.model import Alone, Fixing, Offer, Proof, Safety, Target

_CODE = re.compile(r"[`<]|\w*[_.(\[]\w|(?:dynamic|fullgraph)=")
COLOURS = {Safety.SAFE: "bold green", Safety.ASK: "bold yellow", Safety.SHOW: "bold blue"}


@dataclass(frozen=True, slots=True)
class Screen:
    """What is drawn.

    applied: numbers of the offers that were written, `written` what that came to; held: why another one was not, by its
    number; words: options for the next command.
    """

    fixing: Fixing
    session: Session
    offers: tuple[Offer, ...]
    alone: tuple[Alone, ...]
    left_out: int = 0
    proof: bool = False  # all of it
    applied: tuple[int, ...] = ()
    written: Applied | None = None
    held: Mapping[int, str] = field(default_factory=dict[int, str])
    words: str = ""


def render(screen: Screen, output: Output) -> str:
    """The whole text."""
    page = Page(output)
    known = costs(screen.session)
    for offer in screen.offers:
        page.blank()
        draw_offer(page, screen, offer, known)
    _left_alone(page, screen)
    return heading(screen, output) + page.text() + summary(screen, output)


def heading(screen: Screen, output: Output) -> str:
    """The answer in one line, and what its words mean."""
    page = Page(output)
    clean = not screen.offers and not screen.alone and not screen.left_out
    head = sentences.headline(screen.offers, screen.alone, screen.left_out)
    page.paragraph(Text(head, "bold green" if clean else "bold"))
    if legend := sentences.legend(screen.offers, screen.written is not None):
        page.paragraph(Text(legend, "dim"))
    return page.text()


def summary(screen: Screen, output: Output) -> str:
    """What the search came to, what was written, and what to do next."""
    page = Page(output)
    _tail(page, screen)
    return page.text()


def draw_offer(page: Page, screen: Screen, offer: Offer, known: Mapping[Span, float]) -> None:
    """One rewrite."""
    cwd = screen.fixing.cwd
    safety = offer.safety.value.upper(), COLOURS[offer.safety]
    label = Text.assemble((f"{offer.number:>2}", "bold cyan"), "  ", safety)
    page.paragraph(page.prose(_capital(offer.proposal.summary), "bold"), 10, label)
    for target in offer.targets:
        rule = offer.proposal.rule if target is offer.targets[0] else ""
        page.paragraph(_where(page, target, cwd, rule), 4)
        page.paragraph(page.prose(target.headline), 4)
    home = relative(offer.targets[0].span.path, cwd)
    several = [relative(path, cwd) for path, _ in offer.diffs] != [home]
    for path, diff in offer.diffs:
        page.blank()
        if several:
            page.paragraph(Text(short_path(path, cwd), "cyan"), 4)
        hunks.draw(page, diff)
    page.blank()
    if offer.proposal.caveat:
        page.labelled("But", [page.prose(offer.proposal.caveat, "yellow")])
    elif offer.safety is Safety.ASK:
        page.labelled("But", [page.prose(_unproved(offer.proof), "yellow")])
    page.labelled("Proof", [page.prose(_capital(sentences.proved(offer.proof)) + ".")])
    if screen.proof:
        _evidence(page, offer.proof, cwd)
    if gain := _gain(offer, known):
        page.labelled("Gain", [page.prose(gain)])
    if offer.needs:
        page.labelled("Needs", [Text(f"Tried together with {', '.join(map(str, offer.needs))}, and not without.")])
    if offer.number in screen.held:
        page.labelled("Left", [page.prose(f"Not written: {screen.held[offer.number]}.")])


def _evidence(page: Page, proof: Proof, cwd: str) -> None:
    for trial in proof.trials:
        detail = f": {trial.detail}" if trial.detail else ""
        outcome = Text(f"{'':10}{trial.outcome}", "dim")
        page.paragraph(Text(inline(f"{trial.what}, {trial.inputs}{detail}")), 20, outcome)
    for span, yes, no in proof.sides:
        seen = "both ways" if yes and no else "never" if not (yes or no) else f"only {'true' if yes else 'false'}"
        page.paragraph(Text.assemble(page.place(span, cwd), f" was {seen}"), 20, Text(f"{'':10}test", "dim"))
    for note in proof.notes:
        page.paragraph(page.prose(note), 20, Text(f"{'':10}note", "dim"))


def _unproved(proof: Proof) -> str:
    """Why what would be SAFE is ASK."""
    if proof.notes:
        return " ".join(proof.notes)
    if any(not (yes or no) for _, yes, no in proof.sides):
        return "No comparison reached the branch."
    if proof.one_sided:
        return "No input was found that takes the other side of the branch."
    if proof.trials:
        return "Only whole calls of the model were compared, not the function itself with other inputs."
    return "It could not be compared on any input."


def _gain(offer: Offer, known: Mapping[Span, float]) -> str:
    breaks = [target for target in offer.targets if target.kind == "break"]
    recompiles = sum(target.kind == "recompile" for target in offer.targets)
    parts = [plural(len(breaks), "break")] if breaks else []
    parts += [plural(recompiles, "recompile")] if recompiles else []
    lost = sum(known.get(target.span, 0.0) for target in breaks)
    saved = f", which cost about {milliseconds(lost)} a call" if lost >= 0.001 else ""
    return f"{' and '.join(parts)} less{saved}." if parts else ""


def costs(session: Session) -> dict[Span, float]:
    """Milliseconds a call that each break was measured to cost."""
    return {place.span: place.cost.per_call_ms for place in session.breaks if place.cost.per_call_ms is not None}


def _where(page: Page, target: Target, cwd: str, rule: str) -> Text:
    where = page.place(target.span, cwd)
    where.append_text(Text(f" in {inline(target.function)}" if target.function else ""))
    if not target.mine:
        where.append_text(Text(f" {page.dot} in {inline(target.package or 'a library')}, patched at import", "yellow"))
    if rule:
        where.append_text(Text(f" {page.dot} {inline(rule)}", "dim"))
    return where


def _left_alone(page: Page, screen: Screen) -> None:
    if not screen.alone:
        return
    page.blank()
    page.paragraph(Text("Left alone", "bold underline" if page.output.colour else "bold"))
    for one in screen.alone:
        page.blank()
        page.paragraph(page.prose(one.target.headline, "bold"), 4, Text("  -"))
        page.paragraph(_where_alone(page, one.target, screen.fixing.cwd), 4)
        why: list[Text | Block] = [page.prose(_capital(reason) + ".") for reason in one.why]
        if why:
            page.labelled("Why", why)
        _advice(page, one.advice)


def _where_alone(page: Page, target: Target, cwd: str) -> Text:
    where = page.place(target.span, cwd)
    where.append_text(Text(f" in {inline(target.function)}" if target.function else ""))
    return where + Text(f" {page.dot} {inline(target.reason)}", "dim")


def _advice(page: Page, advice: Sequence[str]) -> None:
    told = "\n\n".join(advice)
    if told in page.told:
        page.labelled("Do", [Text("As above.")])
    elif told:
        page.told[told] = 1
        page.labelled("Do", [block for step in advice for block in blocks(step)])


def _tail(page: Page, screen: Screen) -> None:
    fixing = screen.fixing
    for note in fixing.notes:
        page.blank()
        page.paragraph(page.prose(_capital(note) + ("" if note.endswith(".") else ".")))
    if screen.left_out and (screen.offers or screen.alone):
        page.blank()
        page.paragraph(Text(f"{plural(screen.left_out, 'other place')} left out by --only, --select or --mine."))
    if fixing.offers or fixing.alone:
        page.blank()
        parts = sentences.gained(fixing.before, fixing.after, page.arrow)
        shown = {offer.number for offer in screen.offers if screen.written is None or offer.number in screen.applied}
        some = "  with every rewrite in place" if len(shown) < len(fixing.offers) else ""
        page.paragraph(Text.assemble((f" {page.dot} ".join(parts), "bold"), (some, "dim")))
    if fixing.runs:
        page.paragraph(Text(f" {page.dot} ".join(sentences.effort(fixing)), "dim"))
    if screen.written is not None:
        page.blank()
        for line in sentences.written(screen.written, fixing.cwd):
            page.paragraph(page.prose(line))
    if step := sentences.next_step(screen.offers, screen.alone, screen.applied, screen.words):
        page.blank()
        page.labelled("Next", [page.prose(step)], indent=0)


def _capital(text: str) -> str:
    """A sentence's first letter large, where it does not begin with a name out of code."""
    text = inline(text)
    return text if _CODE.match(text) else text[:1].upper() + text[1:]

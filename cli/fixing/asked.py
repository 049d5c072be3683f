"""Ask a person about each rewrite."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click
from rich.text import Text

from g2.capture.model import Span
from g2.cli.errors import Refusal
from g2.cli.fixing.terminal import Screen, draw_offer, heading
from g2.cli.fixing.wanted import without_their_needs
from g2.cli.look import is_terminal, output_for
from g2.cli.views import Output
from g2.cli.views._page import Page
from g2.rewrite.model import Offer, Safety

HELP = """\
y  take this rewrite
n  leave this place as it is
a  take this one and all that follow
d  show the whole diff, and all of the proof
q  stop asking; those taken so far are written
"""


def asked(screen: Screen, costs: Mapping[Span, float]) -> tuple[list[int], dict[int, str]]:
    """The numbers that were taken, and why each other is not written. Raises Refusal where nobody can be asked."""
    if not is_terminal(sys.stdin) or not is_terminal(sys.stdout):
        raise Refusal("-i asks questions, and there is no terminal", "g2 fix --apply, or --apply --select PLACE")
    offers = [offer for offer in screen.offers if offer.safety is not Safety.SHOW]
    look = output_for(sys.stdout)
    click.echo(heading(screen, look), nl=False, color=True)
    taken: list[int] = []
    held: dict[int, str] = {}
    for at, offer in enumerate(offers):
        if missing := [number for number in offer.needs if number not in taken]:
            held[offer.number] = f"it was tried only together with {missing[0]}"
            continue
        _show(screen, offer, look, costs)
        answer = _answer(screen, offer, look, costs, f"{at + 1}/{len(offers)}")
        if answer == "q":
            held |= {other.number: "it was not asked for" for other in offers[at:]}
            break
        if answer == "a":
            taken += [other.number for other in offers[at:]]
            break
        if answer == "y":
            taken.append(offer.number)
        else:
            held[offer.number] = "you left it out"
    return without_their_needs(offers, taken, held)


def _answer(screen: Screen, offer: Offer, look: Output, costs: Mapping[Span, float], at: str) -> str:
    while True:
        question = f"({at}) Take this rewrite? [y,n,a,d,q,?]"
        answer = click.prompt(question, prompt_suffix=" ", default="", show_default=False).strip().lower()[:1]
        if answer in ("y", "n", "a", "q"):
            return str(answer)
        if answer == "d":
            whole = Output(look.width, look.colour, look.links, look.unicode, verbose=True)
            _show(_with_proof(screen), offer, whole, costs)
        else:
            click.echo(HELP, nl=False)


def _show(screen: Screen, offer: Offer, look: Output, costs: Mapping[Span, float]) -> None:
    page = Page(look)
    page.line(Text())
    draw_offer(page, screen, offer, costs)
    page.blank()
    click.echo(page.text(), nl=False, color=True)


def _with_proof(screen: Screen) -> Screen:
    return Screen(screen.fixing, screen.session, screen.offers, screen.alone, proof=True)

"""`g2 why`: one situation in which Dynamo stops, explained."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from g2.cli.views._page import Page

EPILOG = """\b
Examples:
  g2 why                 all reasons
  g2 why tensor-branch   one of them
  g2 why GB0170          what an id in one of Dynamo's messages means
"""


@click.command(short_help="Explain a reason, or list them all.", epilog=EPILOG)
@click.argument("word", required=False, metavar="[REASON|GBnnnn]")
@click.option("-v", "--verbose", is_flag=True, help="With all of Dynamo's ids.")
def command(word: str | None, verbose: bool) -> int:
    """Explain a reason for a graph break or a recompile, or list all reasons."""
    from g2.cli.look import output_for
    from g2.cli.views._page import Page

    page = Page(output_for(sys.stdout, verbose=verbose))
    if word is None:
        _list(page)
    else:
        _explain(page, word)
    click.echo(page.text(), nl=False, color=True)
    return 0


def _list(page: Page) -> None:
    from rich.text import Text

    from g2.explain.catalog import reasons
    from g2.explain.recompile_reason import recompile_reasons

    breaks = {slug: reason.title for slug, reason in reasons().items()}
    changes = {slug: reason.title for slug, reason in recompile_reasons().items()}
    column = max(map(len, (*breaks, *changes))) + 2
    for label, known in (("Graph breaks", breaks), ("Recompiles", changes)):
        page.paragraph(Text(label, "bold"))
        for slug in sorted(known):
            page.paragraph(page.prose(known[slug]), column, Text(slug, "cyan"))
        page.blank()
    page.paragraph(page.prose("`g2 why REASON` explains one; `g2 why GB0170` finds the one of an id of Dynamo's."))


def _explain(page: Page, word: str) -> None:
    from rich.text import Text

    from g2.cli.errors import Refusal
    from g2.cli.words import UnknownWord, find
    from g2.explain.catalog import kind_of
    from g2.explain.reason import Reason

    try:
        reason = find(word)
    except UnknownWord as error:
        near = error.nearest
        raise Refusal(
            f"there is no reason or id {word!r}",
            f"g2 why {near}" if near else "g2 why lists all reasons",
        ) from None
    page.paragraph(Text.assemble((reason.slug, "bold cyan"), ": ", page.prose(reason.title, "bold")))
    if kind := kind_of(word):
        _id(page, kind)
    for label, text in (
        ("What happened", reason.happened),
        ("Why", reason.why),
        ("What to write instead", reason.instead),
        ("What it costs", reason.cost),
    ):
        _section(page, label, text)
    if reason.example is not None:
        breaks = isinstance(reason, Reason)
        _code(page, "Breaks the graph" if breaks else "Recompiles", reason.example.bad)
        _code(page, "Does not", reason.example.good)
    _rewrites(page, reason.slug)
    if not isinstance(reason, Reason):
        return
    if page.output.verbose and reason.kinds:
        _section(page, "Ids of Dynamo's", ", ".join(reason.kinds))
    if reason.see_also:
        page.blank()
        page.paragraph(Text.assemble(("See also  ", "dim"), ", ".join(reason.see_also)))


def _rewrites(page: Page, slug: str) -> None:
    from rich.text import Text

    from g2.rewrite.listed import answering
    from g2.rewrite.model import Safety

    rules = [rule for rule in answering(slug) if rule.safety is not Safety.SHOW]
    if not rules:
        return
    page.blank()
    page.paragraph(Text("What g2 fix tries", "bold"))
    column = max(len(rule.slug) for rule in rules) + 4
    for rule in rules:
        page.paragraph(page.prose(rule.title), column, Text(f"  {rule.slug}", "cyan"))


def _id(page: Page, kind: str) -> None:
    from g2.explain.registry import entries

    entry = entries().get(kind)
    if entry is not None:
        page.paragraph(page.prose(f'{kind} is Dynamo\'s "{entry.name}" (torch {", ".join(entry.versions)})', "dim"))


def _section(page: Page, label: str, text: str) -> None:
    from rich.text import Text

    from g2.cli.text import blocks

    page.blank()
    page.paragraph(Text(label, "bold"))
    for item in blocks(text):
        if item.code:
            for line in item.text.split("\n"):
                page.line(Text(line, "green"), 6)
        else:
            page.paragraph(page.prose(item.text), 2)


def _code(page: Page, label: str, text: str) -> None:
    from rich.text import Text

    page.blank()
    page.paragraph(Text(label, "bold"))
    for line in text.rstrip().split("\n"):
        page.line(Text(line), 4)

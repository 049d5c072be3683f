"""`g2 doctor`: what of this environment g2 and torch.compile need, and how to mend what is not there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from g2.cli.doctor.line import Line


@click.command(short_help="Check torch, triton, the compiler and folders.")
@click.option("--format", "format_", type=click.Choice(["terminal", "json"]), default="terminal", show_default=True)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="For importing torch and the packages that were built for it, in a process of their own.",
)
def command(format_: str, time_limit: float) -> int:
    """Look at what g2 and torch.compile need of this environment: what is there, what is wrong, how to mend it.

    Exit code: 0 all is well, 1 something cannot be done, 2 g2 cannot run scripts here.
    """
    from g2.cli.doctor.line import State

    lines = list(_lines(time_limit))
    if format_ == "json":
        _json(lines)
    else:
        _terminal(lines)
    states = {line.state for line in lines}
    return 2 if State.WRONG in states else 1 if State.WARNING in states else 0


def _lines(limit: float) -> Iterator[Line]:
    from g2.cli.doctor import around, torch
    from g2.cli.doctor.ask import ask
    from g2.cli.doctor.line import Asked

    yield around.python()
    built = torch.built_for()
    asked = Asked()
    if torch.installed("torch") is not None:
        triton = ("triton",) if torch.installed("triton") is not None else ()
        asked = ask((*triton, *(name.replace("-", "_") for name in sorted(built))), limit)
    yield from torch.look(asked, built)
    yield around.startup()
    yield around.scan()
    yield around.compiler()
    yield around.git()
    yield from around.folders()


def _terminal(lines: list[Line]) -> None:
    from rich.text import Text

    from g2.cli.doctor.line import State
    from g2.cli.look import output_for
    from g2.cli.views._page import Page

    page = Page(output_for(sys.stdout))
    colours = {State.OK: "green", State.WARNING: "yellow", State.WRONG: "bold red"}
    wide = max(len(line.name) for line in lines) + 2
    for line in lines:
        head = Text.assemble((f"{line.state.value:<9}", colours[line.state]), f"{line.name:<{wide}}")
        page.paragraph(Text(line.found), 9 + wide, head)
        if line.mend:
            page.line(Text.assemble(("try  ", "dim"), (line.mend, "bold")), 9 + wide)  # to be copied: not wrapped
    click.echo(page.text(), nl=False, color=True)


def _json(lines: list[Line]) -> None:
    import json

    from g2.cli.app import version

    told = [{"name": x.name, "state": x.state.value, "found": x.found, "mend": x.mend or None} for x in lines]
    click.echo(json.dumps({"format": 1, "g2": version(), "lines": told}, indent=2))

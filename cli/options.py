"""Options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from g2.capture.launch import Options

F = TypeVar("F", bound=Callable[..., Any])


class ScriptCommand(click.Command):
    """Options stand before the script; from its name on, every word is the script's own."""

    allow_interspersed_args = False

    def __init__(self, *args: Any, usage: str, **kwargs: Any) -> None:
        """`usage`: what follows the command's name in its help."""
        super().__init__(*args, **kwargs)
        self.usage = usage

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"Usage: {ctx.command_path} {self.usage}\n")


def _format(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The name of a view; the folder of views is looked into only when one is named."""
    import difflib

    from g2.cli.errors import Refusal
    from g2.cli.views import formats

    if value is not None and value not in formats():
        near = difflib.get_close_matches(value, formats(), n=1, cutoff=0.3)
        raise Refusal(
            f"there is no format {value!r}; there are {', '.join(formats())}",
            f"{param.opts[0]} {near[0] if near else 'terminal'}",
        )
    return value


def report_options(flag: str) -> Callable[[F], F]:
    """What every command that draws a report takes."""
    options = [
        click.option(
            flag,
            *({"--as", "--format"} - {flag}),
            "format_",
            callback=_format,
            metavar="FORMAT",
            help="terminal (default), html, json, markdown, github, gitlab, sarif, junit or perfetto.",
        ),
        click.option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write the report to FILE; its ending chooses the format unless one is named.",
        ),
        click.option(
            "--only",
            multiple=True,
            metavar="REASON",
            help="Only findings of this reason. Repeatable.",
        ),
        click.option(
            "--mine",
            is_flag=True,
            help="Only places in your own files, none in installed libraries.",
        ),
        click.option(
            "--limit",
            type=click.IntRange(min=0),
            metavar="N",
            help="Show at most N places; 0 for all. Default: 20 for people, all for programs.",
        ),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            help="Whole paths, whole texts, and Dynamo's own words.",
        ),
    ]

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def unusual(options: Options) -> dict[str, Any]:
    """The options of a run that are not the usual ones, as they are kept with its record."""
    usual = type(options)(options.target)
    names = ("once", "backend", "compile", "calls", "then_stop", "time_limit")
    return {name: value for name in names if (value := getattr(options, name)) != getattr(usual, name)}

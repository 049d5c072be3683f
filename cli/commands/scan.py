"""`g2 scan`: find what breaks graphs in source, without running it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from g2.cli.scanning.asked import Asked

EPILOG = """\b
Examples:
  g2 scan                    the Python files of this repository
  g2 scan src/model.py       only places in this file
  g2 scan --new              only what came since the branch was started
  g2 scan --staged           what the next commit adds, as the hook does
  g2 scan --new --baseline g2-baseline.json
  g2 scan --format lines     path:line:column: reason: headline
  g2 scan -o g2.sarif        also .json, .junit.xml, .gl-code-quality.json
"""


def _form(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value in (None, "terminal"):  # the folder of forms is looked into only when one is named
        return value
    import difflib

    from g2.cli.errors import Refusal
    from g2.cli.scanning.forms import forms

    if value not in forms():
        near = difflib.get_close_matches(value, forms(), n=1, cutoff=0.3)
        raise Refusal(
            f"there is no format {value!r}; there are {', '.join(forms())}",
            f"--format {near[0] if near else 'terminal'}",
        )
    return value


@click.command(short_help="Find graph breaks in source, without running it.", epilog=EPILOG)
@click.option("--staged", is_flag=True, help="Scan what is staged, and show what the commit adds to HEAD.")
@click.option("--at", metavar="REVISION", help="Scan a revision; nothing is checked out.")
@click.option("--new", is_flag=True, help="Show only what is new since the merge base with the upstream branch.")
@click.option("--base", metavar="REVISION", help="--new since this revision.")
@click.option("--baseline", metavar="FILE", help="--new since a file that `g2 baseline write` wrote.")
@click.option("--sure", "level", flag_value="sure", help="Show places that are sure (default).")
@click.option("--likely", "level", flag_value="likely", help="Show likely ones, too.")
@click.option("--all", "level", flag_value="possible", help="Show all that are possible.")
@click.option(
    "--fail-on",
    type=click.Choice(["sure", "likely"]),
    help="What makes the exit code 1; default: sure, or what [tool.g2] says.",
)
@click.option("--only", multiple=True, metavar="REASON", help="Only places of this reason. Repeatable.")
@click.option(
    "--format",
    "--as",
    "format_",
    callback=_form,
    metavar="FORMAT",
    help="terminal (default), lines, statistics, json, github, sarif, gitlab or junit.",
)
@click.option("--statistics", is_flag=True, help="Only how many places there are of each reason.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write the report to FILE; its ending (.json, .sarif, .junit.xml) chooses the format unless one is named.",
)
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Show at most N places; 0 for all. Default: 20.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Processes at most. Default: one a core.")
@click.option("-v", "--verbose", is_flag=True, help="Whole paths and whole texts.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when there is nothing to show.")
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
def command(**given: Any) -> int:
    """Find the places in PATHS at which torch.compile would break a graph or recompile, without running anything and
    without torch. Default: the tracked Python files of this repository, or of this folder where there is none.

    A place is sure when each compiled run of its function meets it. A comment `# g2: ignore[reason]` on its line, or
    [tool.g2] of pyproject.toml, lets it pass.

    Exit code: 0 nothing sure was found, 1 something was, 2 g2 could not do it.
    """
    from g2.cli.scanning.asked import Asked

    return _scan(Asked.of(given), given, _chosen(given))


def _chosen(given: dict[str, Any]) -> str:
    """The name of the form. Raises Refusal for a file's ending that no form has."""
    if given["statistics"]:
        return "statistics"
    if given["format_"] is not None or given["output"] in (None, "-"):
        return given["format_"] or "terminal"
    from g2.cli.endings import form_of_file
    from g2.cli.scanning.forms import forms

    return form_of_file(given["output"], forms())


def _scan(asked: Asked, given: dict[str, Any], name: str) -> int:
    result = asked.result()
    if result.shown or result.unread or result.unused_ignores or not given["quiet"]:
        from pathlib import Path

        from g2.cli.errors import Refusal
        from g2.cli.files import write_report
        from g2.cli.look import output_for
        from g2.cli.scanning.forms import form

        file = None if given["output"] in (None, "-") else Path(given["output"])
        look = output_for(sys.stdout if file is None else None, given["limit"], given["verbose"])
        text = form(name).render(result, look)
        if file is None:
            encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
            click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=False, color=True)
        else:
            try:
                write_report(file, text)
            except OSError as error:
                raise Refusal(f"{file} cannot be written: {error.strerror or error}") from None
    return 2 if result.refused else 1 if result.failing else 0

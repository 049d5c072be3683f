"""`g2 gate`: run a script and fail on what its baseline does not know."""

from __future__ import annotations

from typing import Any

import click

from g2.cli.options import ScriptCommand
from g2.cli.run_options import run_options

EPILOG = """\b
Examples:
  g2 gate --write train.py --steps 2  what this run does is known from now on
  g2 gate train.py --steps 2          fails on anything new in it
  g2 gate --tolerance 10% train.py    and when more of the speedup was lost
  g2 gate                             every entry of [tool.g2]
  g2 gate --staged                    those that import a staged file
  g2 gate --write                     all entries are known from now on
"""

USAGE = "[OPTIONS] [SCRIPT [ARGS]...]\n  g2 gate [OPTIONS] -m MODULE [ARGS]..."


def _part(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """A part of a whole: "10%" or "0.1"."""
    if value is None:
        return None
    try:
        part = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        part = -1.0
    if not 0 <= part < 1:
        raise click.BadParameter(f"{value!r} is no part of a whole: say 10% or 0.1")
    return part


@click.command(
    cls=ScriptCommand,
    usage=USAGE,
    short_help="Run a script and fail on what its baseline does not know.",
    epilog=EPILOG,
)
@click.option("--baseline", metavar="FILE", help="What is known. Default: g2-baseline.json, or what [tool.g2] names.")
@click.option("--write", is_flag=True, help="Write what this run found into the baseline.")
@click.option("--staged", is_flag=True, help="Run the entries of [tool.g2] whose imports reach a staged file.")
@click.option(
    "--tolerance",
    callback=_part,
    metavar="PART",
    help="Measure compiled calls against eager ones, too, and fail when more than PART of the speedup in the "
    "baseline is lost: 10%. Runs the script twice more.",
)
@click.option("--once", is_flag=True, help="Do not look for breaks that hide behind others.")
@run_options
@click.option("--format", "--as", "format_", metavar="FORMAT", help="As g2 explain has it.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write what is new to FILE; its ending chooses the format unless one is named.",
)
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Show at most N places; 0 for all.")
@click.option("-v", "--verbose", is_flag=True, help="Whole paths, whole texts, and Dynamo's own words.")
@click.option("-q", "--quiet", is_flag=True, help="No line of progress and no notes.")
@click.argument("target", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT [ARGS]...]")
def command(**given: Any) -> int:
    """Run SCRIPT under Dynamo, as `g2 explain` does, and compare with what the baseline knows of this very command
    line. Without SCRIPT, the entries of [tool.g2] are run.

    Exit code: 0 nothing new, 1 new breaks or recompiles, more graphs or a lost speedup, 2 g2 could not do it; the
    script's own when the script failed.
    """
    from g2.cli.gating.asked import Asked

    return Asked.of(given).run()

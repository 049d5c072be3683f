"""`g2 check`: the fused result in Triton: is it right, how fast, how far from the hardware's limit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from g2.cli.options import ScriptCommand
from g2.cli.run_options import asked_run, run_options

if TYPE_CHECKING:
    from g2.cli.checking.found import Ask

EPILOG = """\b
Examples:
  g2 check train.py --epochs 1            right? how fast? which kernels?
  g2 check                                the last script of this folder again
  g2 check --target sm_100 --target gfx942 infer.py
  g2 check --only correct infer.py        in CI: exit 1 when it is wrong
  g2 check --only kernels --emit kernels/ infer.py
  g2 check --inputs mine:batch --dtype bfloat16 infer.py
"""

USAGE = "[OPTIONS] [SCRIPT [ARGS]...]\n  g2 check [OPTIONS] -m MODULE [ARGS]..."


@click.command(
    cls=ScriptCommand,
    usage=USAGE,
    short_help="Compile what was captured, and show that it is right, how fast, and which kernels run.",
    epilog=EPILOG,
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="TARGET",
    help="What to make kernels for: sm_80, sm_90, sm_100, gfx942, a device's name such as h200, or native. "
    "Repeatable. Default: the GPU that is there, else sm_90.",
)
@click.option(
    "--only", type=click.Choice(["correct", "speed", "kernels"]), multiple=True, help="Only this. Repeatable."
)
@click.option(
    "--emit", metavar="DIR", help="Write each graph's kernels to DIR as Python modules that run by themselves."
)
@click.option(
    "--mode",
    type=click.Choice(["default", "reduce-overhead", "max-autotune"]),
    default="default",
    show_default=True,
    help="As torch.compile has it.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16", "float64"]),
    help="Turn floating inputs and parameters to this first.",
)
@click.option("--inputs", metavar="MODULE:FUNCTION", help="Use the inputs that this function gives.")
@click.option(
    "--format",
    "--as",
    "format_",
    type=click.Choice(["terminal", "json"]),
    default="terminal",
    show_default=True,
    help="The form of the report.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the report to FILE too: .html, the whole record, or .json.")
@run_options
@click.option(
    "--part-limit",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="End a part of the check of one call after so long.",
)
@click.option("-v", "--verbose", is_flag=True, help="Every kernel and line, and a picture of the limits.")
@click.option("-q", "--quiet", is_flag=True, help="No line of progress and no notes.")
@click.argument("target", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT [ARGS]...]")
def command(**given: Any) -> int:
    """Compile what SCRIPT runs, with Inductor, and compare it with eager: results, gradients, what is written in place,
    random streams, exceptions, on the recorded inputs and on others. Then measure it, and make the Triton kernels that
    a GPU would run, whether one is there or not: interpreted, assembled, and held against the hardware's limits.

    The script runs once; what is compared runs in copies of its process afterwards, and nothing is written. Where g2
    fix has proved rewrites, the script is also checked with these in place.

    Exit code: 0 right, 1 wrong, 2 g2 could not do it; the script's own when the script failed.
    """
    from g2.check.asked import PARTS
    from g2.cli.checking import json, terminal
    from g2.cli.checking.file import written
    from g2.cli.checking.found import checked
    from g2.cli.checking.outcome import exit_code, remarks
    from g2.cli.errors import say
    from g2.cli.look import output_for

    machine = given["format_"] == "json"
    found = checked(_ask(given, machine))
    if machine:
        click.echo(json.render(found.check), nl=False)
    else:
        look = output_for(sys.stderr, verbose=given["verbose"])
        click.echo(terminal.render(found.check, look), nl=False, err=True, color=True)
    for sentence in remarks(found.session, found.check):
        say(f"g2: {sentence}")
    if given["output"]:
        written(Path(given["output"]), found)
    return exit_code(found.session, found.check, given["only"] or PARTS)


def _ask(given: dict[str, Any], machine: bool) -> Ask:
    from g2.check.asked import PARTS, Asked
    from g2.check.devices import architecture
    from g2.cli.checking.file import SUFFIXES
    from g2.cli.checking.found import Ask
    from g2.cli.checking.targets import chosen
    from g2.cli.errors import Refusal

    target, options = asked_run(given, "g2 check")
    if given["inputs"] and ":" not in given["inputs"]:
        raise Refusal(f"--inputs {given['inputs']} names no function", "g2 check --inputs module:function SCRIPT")
    if given["output"] and Path(given["output"]).suffix not in SUFFIXES:
        raise Refusal(f"{given['output']}: a report's name ends in {' or '.join(SUFFIXES)}", "g2 check -o check.html")
    if given["emit"] and given["only"] and "kernels" not in given["only"]:
        raise Refusal("--emit needs the kernels", "g2 check --only kernels --emit DIR SCRIPT")
    targets = chosen(given["targets"])
    asked = Asked(
        targets=tuple(dict.fromkeys(map(architecture, targets))),
        parts=given["only"] or PARTS,
        mode=given["mode"],
        dtype=given["dtype"] or "",
        seconds=given["part_limit"],
        inputs=given["inputs"] or "",
    )
    return Ask(target, options, asked, targets, machine, given["quiet"], given["emit"] or "")

"""`g2 fix`: rewrites that were tried and compared before they are offered."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from g2.cli.options import ScriptCommand
from g2.cli.run_options import asked_run, run_options

if TYPE_CHECKING:
    from g2.cli.fixing.found import Ask
    from g2.cli.fixing.wanted import Wanted

EPILOG = """\b
Examples:
  g2 fix train.py --epochs 1       try rewrites; writes nothing
  g2 fix                           the same for the last record of this folder
  g2 fix --apply                   write what is SAFE
  g2 fix --apply --unsafe          also what may differ as its caveat says
  g2 fix -i                        ask about each
  g2 fix --adopt                   also put torch.compile where it pays
  g2 fix --select model.py:42 --diff | git apply
  g2 fix --undo                    take back what was written last
"""

USAGE = "[OPTIONS] [SCRIPT [ARGS]...]\n  g2 fix [OPTIONS] -m MODULE [ARGS]..."


@click.command(
    cls=ScriptCommand,
    usage=USAGE,
    short_help="Rewrite what breaks graphs, and prove it before it is offered.",
    epilog=EPILOG,
)
@click.option("--apply", "apply_", is_flag=True, help="Write the rewrites that are SAFE.")
@click.option("--unsafe", is_flag=True, help="With --apply: also those marked ASK.")
@click.option("-i", "--interactive", is_flag=True, help="Ask about each rewrite, then write those that were taken.")
@click.option("--diff", is_flag=True, help="Print one diff for git apply: the SAFE rewrites, with --unsafe also ASK.")
@click.option("--adopt", is_flag=True, help="Also have the script compile what it does not compile yet.")
@click.option("--undo", is_flag=True, help="Take back what was written last from this folder.")
@click.option("--only", multiple=True, metavar="RULE", help="Only rewrites of this rule. Repeatable.")
@click.option("--select", multiple=True, metavar="PLACE", help="Only this place: number or PATH:LINE. Repeatable.")
@click.option("--mine", is_flag=True, help="Only places in your own files, none in installed libraries.")
@click.option("--proof", is_flag=True, help="Show every comparison that was made.")
@click.option(
    "--format",
    "--as",
    "format_",
    type=click.Choice(["terminal", "json"]),
    default="terminal",
    show_default=True,
    help="The form of the report.",
)
@click.option("--again", is_flag=True, help="Run the script again, even where its last record still holds.")
@run_options
@click.option("-v", "--verbose", is_flag=True, help="Whole paths and whole diffs.")
@click.option("-q", "--quiet", is_flag=True, help="No line of progress and no notes.")
@click.argument("target", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT [ARGS]...]")
def command(**given: Any) -> int:
    """Try rewrites of what breaks graphs and recompiles in SCRIPT, and show those that hold: each was in place while
    the script ran, and its results, gradients and side effects were compared on the recorded inputs and on others.

    Nothing is written without --apply or -i. Without SCRIPT, the last record of this folder is used. Changes to
    installed libraries go into a patch pack beside the script (g2 patches), never into their files.

    Exit code: 0 nothing is left to fix, 1 rewrites are offered or places left alone, 2 g2 could not do it.
    """
    from g2.cli.errors import Refusal
    from g2.cli.fixing.wanted import Wanted

    if given["undo"]:
        return _undo()
    ways = [name for name in ("apply", "interactive", "diff") if given["apply_" if name == "apply" else name]]
    if len(ways) > 1:
        raise Refusal(f"--{ways[0]} and --{ways[1]} exclude each other", "g2 fix --help")
    if (given["diff"] or given["interactive"]) and given["format_"] != "terminal":
        raise Refusal(f"--{ways[0]} has a form of its own", f"g2 fix --{ways[0]}")
    wanted = Wanted(given["only"], given["select"], given["mine"], given["unsafe"])
    wanted.check()
    return _fix(_asked(given), wanted, given)


def _asked(given: dict[str, Any]) -> Ask:
    from g2.cli.fixing.found import Ask

    target, options = asked_run(given, "g2 fix")
    return Ask(target, options, given["only"], given["adopt"], given["again"], given["quiet"])


def _fix(ask: Ask, wanted: Wanted, given: dict[str, Any]) -> int:
    from dataclasses import replace

    from g2.cli.app import version
    from g2.cli.fixing import json, terminal
    from g2.cli.fixing.asked import asked
    from g2.cli.fixing.found import found
    from g2.cli.fixing.write import refusal, write
    from g2.cli.look import output_for
    from g2.rewrite.change import Refused
    from g2.rewrite.writing import changes

    session, result = found(ask)
    fixing = result.fixing
    offers, alone, left_out = wanted.narrow(fixing)
    screen = terminal.Screen(fixing, session, offers, alone, left_out, given["proof"], words=_words(given))
    writes = given["apply_"] or given["interactive"]
    numbers: list[int] = []
    held: dict[int, str] = {}
    if given["interactive"] and offers:
        numbers, held = asked(screen, terminal.costs(session))
    elif writes or given["diff"]:
        numbers, held = wanted.taken(offers)
    todo = []
    try:
        if numbers:
            chosen = [offer for offer in offers if offer.number in numbers]
            todo = changes(fixing, result.chosen(numbers), chosen)
    except Refused as error:
        raise refusal(error) from None
    if given["diff"]:
        return _diff(todo, fixing.cwd, held, bool(offers or alone))
    applied = write(todo) if writes else None
    if applied is not None:
        screen = replace(screen, applied=tuple(numbers), written=applied, held=held)
    look = output_for(sys.stdout, verbose=given["verbose"])
    if given["format_"] == "json":
        text = json.render(screen, version())
    else:
        text = terminal.summary(screen, look) if given["interactive"] and offers else terminal.render(screen, look)
    click.echo(text, nl=False, color=True)
    return 0 if not alone and all(offer.number in screen.applied for offer in offers) else 1


def _diff(todo: list[Any], cwd: str, held: dict[int, str], anything: bool) -> int:
    from g2.capture.mine import is_mine
    from g2.cli.errors import say
    from g2.cli.fixing.patch import diff
    from g2.cli.fixing.sentences import names
    from g2.rewrite.pack import FILE

    data, outside = diff(todo, cwd)
    sys.stdout.buffer.write(data)
    if outside:
        say(f"g2: not in the diff, since they lie outside this folder: {names(outside, cwd)}")
    if any(change.path.endswith(FILE) and is_mine(change.path) for change in todo):
        say(f"g2: installed libraries are patched by {FILE}, which the diff makes; their files stay as they are")
    for number, why in held.items():
        say(f"g2: rewrite {number} is not in the diff: {why}")
    return 1 if anything else 0


def _undo() -> int:
    from pathlib import Path

    from g2.cli.errors import say
    from g2.cli.fixing.sentences import names
    from g2.cli.fixing.write import take_back
    from g2.cli.text import relative

    undone, cwd = take_back(), str(Path.cwd())
    if not undone.whole:
        click.echo("The last g2 fix --apply was cut off before it had written everything.")
    if undone.restored:
        click.echo(f"Brought back: {names(undone.restored, cwd)}.")
    if undone.removed:
        click.echo(f"Removed, since g2 had made it: {names(undone.removed, cwd)}.")
    if not (undone.restored or undone.removed or undone.left):
        click.echo("Every file is as it was already.")
    for path, why in undone.left:
        say(f"g2: {relative(path, cwd)} stays as it is: {why}")
    return 1 if undone.left else 0


def _words(given: dict[str, Any]) -> str:
    """The options that chose the offers, to be typed again."""
    import shlex

    words = [word for name in ("only", "select") for value in given[name] for word in (f"--{name}", value)]
    words += [f"--{name}" for name in ("mine", "adopt") if given[name]]
    return f" {shlex.join(words)}" if words else ""

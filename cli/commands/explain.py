"""`g2 explain`: run a script under Dynamo and show every graph break and recompile."""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from g2.cli.options import ScriptCommand, report_options
from g2.cli.run_options import asked_run, run_options

if TYPE_CHECKING:
    from g2.capture.launch import Options
    from g2.cli.choose import Choice

EPILOG = """\b
Examples:
  g2 explain train.py --epochs 1       what follows the script is the script's
  g2 explain --calls 20 --then-stop train.py
  g2 explain --compile model:Net.encode serve.py
  g2 explain --only tensor-branch --mine -m package.train --lr 0.1
  g2 explain -o report.md train.py     also --format github for a CI job
"""

USAGE = "[OPTIONS] SCRIPT [ARGS]...\n  g2 explain [OPTIONS] -m MODULE [ARGS]..."


@click.command(
    cls=ScriptCommand,
    usage=USAGE,
    short_help="Run a script and show its graph breaks and recompiles.",
    epilog=EPILOG,
)
@click.option("--once", is_flag=True, help="Do not look for breaks that hide behind others.")
@click.option(
    "--backend",
    default="capture",
    show_default=True,
    metavar="NAME",
    help="Compile graphs with this backend of Dynamo's, such as aot_eager (shows the backward) "
    "or inductor; capture runs them as they are.",
)
@run_options
@report_options("--format")
@click.option("-q", "--quiet", is_flag=True, help="No line of progress and no notes.")
@click.argument("target", nargs=-1, type=click.UNPROCESSED, metavar="SCRIPT [ARGS]...")
def command(quiet: bool, **given: Any) -> int:
    """Run SCRIPT under Dynamo and show every graph break and recompile: where, why, what it
    costs, what to do.

    The script runs as it always does, with its own arguments, streams and exit code. When it
    compiles nothing itself, each outermost call of an nn.Module is compiled.

    Exit code: 0 nothing found, 1 findings, 2 g2 could not do it; the script's own when the script
    failed.
    """
    from g2.cli.choose import Choice
    from g2.cli.errors import Refusal

    choice = Choice.of(**{name: given[name] for name in ("format_", "output", "only", "mine", "limit", "verbose")})
    target, options = asked_run(given, "g2 explain")
    if not target:
        raise Refusal("no script was named", "g2 explain --help")
    try:
        Path.cwd()
    except OSError:
        raise Refusal("the working directory does not exist any more", "cd to a folder that does") from None

    from g2.capture.launch import Options

    return _run(Options(target, **options), choice, quiet)


def _run(options: Options, choice: Choice, quiet: bool) -> int:
    from g2.capture.launch import LaunchError, run
    from g2.cli.errors import Refusal, say
    from g2.cli.options import unusual
    from g2.cli.progress import streams
    from g2.cli.store import Store

    store = Store.open()
    if store.note and not quiet:
        say(f"g2: {store.note}")
    with store.new_run(options.target, unusual(options)) as folder:
        try:
            with streams(choice.machine and choice.file is None, quiet) as script:
                session = run(
                    options,
                    folder,
                    child_stdout=script.stdout,
                    child_stderr=script.stderr,
                    on_progress=script.show if script.line is not None else None,
                    meanwhile=lambda: _load(choice),
                )
        except LaunchError as error:
            raise Refusal(str(error), error.hint) from None
        except OSError as error:
            raise Refusal(
                f"the record cannot be written in {folder}: {error.strerror or error}",
                "free some space there, or set G2_HOME to another folder",
            ) from None
        from g2.cli.publish import exit_code, publish

        try:
            store.save(folder, session)
        except OSError as error:
            say(f"g2: the record could not be kept ({error.strerror or error}); g2 show will not find this run")
        report = publish(session, choice, on_stderr=True, quiet=quiet, record=folder, last=True)
    return exit_code(session, report)


def _load(choice: Choice) -> None:
    """Load what the report will need, while the script runs and nobody waits for it."""
    # The script is running: what fails here fails again, and is told, when it is needed.
    with contextlib.suppress(Exception):
        from g2.cli.views import view
        from g2.explain.catalog import claim_order

        importlib.import_module("g2.cli.publish")
        importlib.import_module("g2.rewrite.listed").listed()
        view(choice.format)
        claim_order()

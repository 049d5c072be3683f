"""`g2 show`: draw a record again, without running anything."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from g2.cli.options import report_options

if TYPE_CHECKING:
    from g2.cli.store import Store

EPILOG = """\b
Examples:
  g2 show                          the last report of this folder
  g2 show --as markdown | gh pr comment --body-file -
  g2 show --only tensor-branch -v  one reason, in full
  g2 show --list                   all records that are kept
  G2_RECORD=runs torchrun train.py; g2 show runs
"""


@click.command(short_help="Draw the last report again, without running.", epilog=EPILOG)
@click.argument("record", required=False)
@report_options("--as")
@click.option("--list", "list_", is_flag=True, help="List the records that are kept.")
def command(record: str | None, list_: bool, **wanted: Any) -> int:
    """Draw the last report of this folder again, or the one of RECORD (a name from --list, or a
    path).

    The exit code is the one that g2 explain gave, but 0 or 1 when the script failed.
    """
    from g2.cli.choose import Choice
    from g2.cli.publish import publish
    from g2.cli.store import Store, read

    store = Store.open()
    if list_:
        return _list(store)
    choice = Choice.of(**wanted)
    path = store.find(record, str(Path.cwd()))
    session = read(path)
    folder = path if path.is_dir() else path.parent
    report = publish(session, choice, on_stderr=False, quiet=False, record=folder, last=record is None)
    return 0 if report.clean else 1


def _list(store: Store) -> int:
    import shlex

    from g2.cli.text import inline

    kept = store.kept()
    if not kept:
        click.echo("No record is kept yet; g2 explain SCRIPT makes one.")
    for run in kept:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
        state = "" if run.complete else "  (not finished)"
        click.echo(f"{run.name}  {when}  {inline(shlex.join(run.argv))}  in {inline(run.cwd)}{state}")
    return 0

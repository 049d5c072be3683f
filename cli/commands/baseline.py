"""`g2 baseline`: what a project has got used to, in a file that is committed with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from g2.cli.baseline import Baseline
    from g2.cli.scanning.sources import Sources
    from g2.explain.known import Difference, Known

EPILOG = """\b
Examples:
  g2 baseline write          what the scan finds now is known from now on
  g2 scan --new --baseline g2-baseline.json
  g2 baseline diff           what came and what went since
  g2 baseline prune          take out what occurs no more
  g2 gate --write train.py   what a run finds, in the same file
"""


@click.group("baseline", short_help="Keep what is known already, so that only what is new fails.", epilog=EPILOG)
def command() -> None:
    """Keep the findings of `g2 scan` that are known already in a file (default: g2-baseline.json, or what [tool.g2]
    of pyproject.toml names), one a line. It is sorted and meant to be committed. Findings are known by their code, not
    by their lines.
    """


_file = click.argument("file", required=False, metavar="[FILE]")


@command.command()
@_file
def write(file: str | None) -> int:
    """Write everything that the scan finds now, sure or not. What `g2 gate` wrote stays."""
    from g2.cli.baseline import Baseline, read
    from g2.cli.baseline import write as write_file
    from g2.cli.text import plural

    path, found, _ = _scanned(file)
    before = read(path) if path.exists() else Baseline()
    write_file(path, before.with_scan(found))
    click.echo(f"g2: {path.name} knows {plural(len(found), 'finding')} of the scan")
    return 0


@command.command()
@_file
def diff(file: str | None) -> int:
    """Show what the file does not know (+) and what occurs no more (-). Exit code 1 when there is anything."""
    from g2.cli.baseline import read
    from g2.cli.text import inline, plural
    from g2.explain.known import merged

    path, found, sources = _scanned(file)
    difference = _difference(read(path), found, sources)
    new = merged(found[i] for i in difference.new)
    for sign, entries in (("+", new), ("-", difference.gone)):
        for entry in entries:
            times = f" ({entry.count} times)" if entry.count > 1 else ""
            click.echo(
                f"{sign} {inline(entry.path)}: {inline(entry.function)}: {entry.reason}: {inline(entry.code)}{times}"
            )
    came, went = (sum(entry.count for entry in entries) for entries in (new, difference.gone))
    click.echo(f"g2: {plural(came, 'new finding')}, {went:,} gone, {len(difference.matched):,} known", err=True)
    return 1 if came or went else 0


@command.command()
@_file
def prune(file: str | None) -> int:
    """Take out what occurs no more, and follow what was moved. Nothing new is let in."""
    from g2.cli.baseline import read
    from g2.cli.baseline import write as write_file
    from g2.cli.text import plural

    path, found, sources = _scanned(file)
    before = read(path)
    difference = _difference(before, found, sources)
    after = before.with_scan(found[i] for i in sorted(difference.matched))
    if after != before:
        write_file(path, after)
    gone = sum(entry.count for entry in difference.gone)
    click.echo(f"g2: {plural(gone, 'finding')} taken out of {path.name}; {len(difference.matched):,} left")
    return 0


def _scanned(file: str | None) -> tuple[Path, tuple[Known, ...], Sources]:
    """The baseline's path, and what the scan of the files on disk finds."""
    from g2.cli.baseline import NAME
    from g2.cli.git import Git
    from g2.cli.kept import KeptFacts
    from g2.cli.scanning.project import Project
    from g2.cli.scanning.scanned import rules, scanned
    from g2.cli.scanning.sources import on_disk
    from g2.cli.scanning.waiting import waiting
    from g2.explain.known import of_sighting

    sources = on_disk(Git.find(), ())
    project = Project.read(sources.pyproject)
    with waiting(f"scanning {len(sources.files):,} files"):
        scan = scanned(sources, project.settings(), KeptFacts.open(rules()))
    path = Path(file) if file is not None else sources.root / (project.baseline or NAME)
    return path, tuple(map(of_sighting, scan.sightings)), sources


def _difference(baseline: Baseline, found: tuple[Known, ...], sources: Sources) -> Difference:
    from g2.cli.scanning.newer import paths_of
    from g2.explain.known import compare

    return compare(baseline.scan, found, present=paths_of(sources))

"""`g2 patches`: look after the patches of installed libraries that `g2 fix` wrote beside a script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from g2.rewrite.pack import Pack, Patch

EPILOG = """\b
Examples:
  g2 patches list                    what is patched, and why
  g2 patches check                   does each still fit what is installed?
  g2 patches check serve/main.py     of the pack beside another script
  g2 patches drop transformers       without the patches of one library
  g2 patches drop --all              none, and no import in the script
"""


@click.group(
    short_help="List, check or drop patches of installed libraries.",
    epilog=EPILOG,
    invoke_without_command=True,
    subcommand_metavar="[list|check|drop] ...",
)
@click.pass_context
def command(ctx: click.Context) -> int:
    """Look after the patch pack beside a script: g2_patches.py, which puts changed source of installed libraries in
    place at import, and the folder g2_patches with the same changes as diffs.
    """
    if ctx.invoked_subcommand is None:
        _list(_pack(None))
    return 0


@command.command("list", short_help="What the pack patches.")
@click.argument("path", required=False)
def list_(path: str | None) -> int:
    """List what the pack beside PATH (a script or a folder; default: this folder) patches, and why."""
    _list(_pack(path))
    return 0


@command.command(short_help="Whether each patch fits what is installed.")
@click.argument("path", required=False)
def check(path: str | None) -> int:
    """Compare every patch of the pack beside PATH (a script or a folder; default: this folder) with what this Python
    has installed.

    Exit code: 0 all fit, 1 some do not.
    """
    from g2.rewrite.pack_changes import importers

    pack = _pack(path)
    if not pack.patches:
        return _none(pack)
    found = {patch: _status(patch) for patch in pack.patches}
    column = max(len(word) for word, _ in found.values()) + 2
    for patch, (word, why) in found.items():
        click.echo(f"{word:<{column}}{_inline(patch.file)}{why}")
    if not importers(pack.folder):
        click.echo(f"No script in {_near(pack.folder)} imports g2_patches, so nothing is patched.")
    return 0 if all(word == "ok" for word, _ in found.values()) else 1


@command.command(short_help="Remove patches.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "all_", is_flag=True, help="Drop every patch of the pack.")
@click.option("--at", "path", metavar="PATH", help="The script or folder that the pack is beside.")
def drop(names: tuple[str, ...], all_: bool, path: str | None) -> int:
    """Drop the patches of each NAME: a library, a module or a file. When none is left, g2_patches.py and the import
    in the script go, too.

    g2 fix --undo brings them back.
    """
    from g2.cli.errors import Refusal

    pack = _pack(path)
    if not pack.patches:
        raise Refusal(f"there is no patch pack in {_near(pack.folder)}", "g2 fix --apply writes one where it is needed")
    if not names and not all_:
        raise Refusal("nothing was named that is to be dropped", "g2 patches drop --all")
    gone = pack.patches if all_ else tuple(dict.fromkeys(patch for name in names for patch in _named(pack, name)))
    _drop(pack, gone)
    return 0


def _list(pack: Pack) -> None:
    import sys

    from rich.text import Text

    from g2.cli.look import output_for
    from g2.cli.text import inline, listing, plural
    from g2.cli.views._page import Page
    from g2.rewrite.pack_changes import importers

    if not pack.patches:
        _none(pack)
        return
    page = Page(output_for(sys.stdout))
    scripts = [_near(path) for path in importers(pack.folder)]
    by = f"imported by {listing(scripts)}" if scripts else "which no script here imports"
    files = plural(len(pack.patches), "patched file")
    page.paragraph(Text(f"{files} in {_near(pack.file)}, {by}", "bold"))
    package = ""
    for patch in pack.patches:
        name = inline(f"{patch.package} {patch.version or ''}")
        if name != package:
            page.blank()
            page.paragraph(Text(name, "cyan"))
            package = name
        page.paragraph(Text.assemble(inline(patch.file), (f"  {_size(patch)}", "dim")), 2)
        for note in patch.notes:
            page.paragraph(page.prose(note), 6, Text("    -"))
    click.echo(page.text(), nl=False, color=True)


def _drop(pack: Pack, gone: tuple[Patch, ...]) -> None:
    import contextlib

    from g2.cli.fixing.write import write
    from g2.cli.text import listing, plural
    from g2.rewrite.pack import FOLDER
    from g2.rewrite.pack_changes import changes, importers, unimports

    rest = pack.without(patch.file for patch in gone)
    wanted = changes(pack, rest)
    named: list[Path] = []
    if not rest.patches:
        lines, named = unimports(importers(pack.folder))
        wanted += lines
    write(wanted)
    with contextlib.suppress(OSError):  # something else is in it
        (pack.folder / FOLDER).rmdir()
    click.echo(f"Dropped {plural(len(gone), 'patch', 'patches')}: {listing([_inline(patch.file) for patch in gone])}.")
    if not rest.patches:
        click.echo(f"{_near(pack.file)} is gone, and the line that imported it.")
    for path in named:
        click.echo(f"{_near(path)} names g2_patches in another way; take that out by hand.")
    click.echo("g2 fix --undo brings them back.")


def _pack(path: str | None) -> Pack:
    """The pack beside a script or in a folder. Raises Refusal."""
    from g2.cli.errors import Refusal
    from g2.rewrite.pack import PackError, read

    place = Path(path) if path else Path.cwd()
    if not place.exists():
        raise Refusal(f"there is no file or folder {path}", "g2 patches list")
    place = place.resolve()
    try:
        return read(place if place.is_dir() else place.parent)
    except PackError as error:
        raise Refusal(str(error), error.hint) from None
    except OSError as error:
        raise Refusal(f"the patch pack cannot be read: {error.strerror or error}") from None


def _named(pack: Pack, name: str) -> list[Patch]:
    """The patches that a word names. Raises Refusal."""
    from difflib import get_close_matches

    from g2.cli.errors import Refusal

    found = [patch for patch in pack.patches if name in (patch.package, patch.module, patch.file, patch.diff)]
    found = found or [patch for patch in pack.patches if patch.module.startswith(f"{name}.")]
    if not found:
        known = {word for patch in pack.patches for word in (patch.package, patch.module)}
        near = get_close_matches(name, sorted(known), n=1, cutoff=0.3)
        hint = f"g2 patches drop {near[0]}" if near else "g2 patches list"
        raise Refusal(f"nothing called {name!r} is patched", hint)
    return found


def _status(patch: Patch) -> tuple[str, str]:
    from g2.capture.fold.owners import owner
    from g2.rewrite.pack_changes import located, status

    word = status(patch)
    made = _inline(f"{patch.package} {patch.version or ''}")
    if word == "version":
        now = owner(str(located(patch)))
        return word, f"  (the patch is for {made}; {_inline(str(now.version))} is installed)"
    if word == "changed":
        return word, f"  (it is not the file of {made})"
    return word, "  (it is not installed in this Python)" if word == "gone" else ""


def _size(patch: Patch) -> str:
    added = sum(len(hunk.new) for hunk in patch.hunks)
    removed = sum(len(hunk.old) for hunk in patch.hunks)
    return f"+{added} -{removed} lines"


def _none(pack: Pack) -> int:
    click.echo(f"There is no patch pack in {_near(pack.folder)}; g2 fix --apply writes one where it is needed.")
    return 0


def _near(path: Path) -> str:
    from g2.cli.text import inline, relative

    cwd = str(Path.cwd())
    return "this folder" if str(path) == cwd else inline(relative(str(path), cwd))


def _inline(text: str) -> str:
    from g2.cli.text import inline

    return inline(text)

"""The files of a patch pack: g2_patches.py, a diff for each library file, and the line in the script."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from g2.rewrite.change import Change, digest
from g2.rewrite.diff import unified_bytes
from g2.rewrite.pack import FOLDER, MODULE, Pack, PackError, Patch
from g2.rewrite.pack_import import without_import
from g2.rewrite.source import Source, Unreadable


def changes(old: Pack, new: Pack) -> list[Change]:
    """What turns one pack of a folder into another. Raises OSError, PackError."""
    found = [_file(new.file, new.text().encode() if new.patches else None)]
    known = set(old.patches)
    for patch in new.patches:
        path = new.folder / FOLDER / patch.diff
        if patch not in known or not path.exists():
            found.append(_file(path, diff(patch)))
    kept = {patch.diff for patch in new.patches}
    found += [_file(new.folder / FOLDER / patch.diff, None) for patch in old.patches if patch.diff not in kept]
    return [change for change in found if change.before is not None or change.after is not None]


def diff(patch: Patch) -> bytes:
    """A patch for `git apply` and `patch -p1`, with what it does above it. Raises OSError, PackError."""
    path = located(patch)
    if path is None:
        raise PackError(f"{patch.file} is not installed")
    data = path.read_bytes()
    head = [f"{patch.package} {patch.version or ''}".strip(), *(f"- {note}" for note in patch.notes)]
    text = "".join(f"# {line}\n" for line in head)
    return text.encode() + unified_bytes(patch.file, data, patch.applied(data))


def located(patch: Patch) -> Path | None:
    """The library file that a patch is for, in the Python that runs g2; None when there is none."""
    paths = (Path(entry) / patch.file for entry in sys.path if entry)
    return next((path for path in paths if path.is_file()), None)


def status(patch: Patch) -> str:
    """Whether a patch fits what is installed: "ok", "gone", "version" or "changed". Raises OSError."""
    from g2.capture.fold.owners import owner

    path = located(patch)
    if path is None:
        return "gone"
    if owner(str(path)).version not in (None, patch.version):
        return "version"
    return "ok" if digest(path.read_bytes()) == patch.sha256 else "changed"


def importers(folder: Path) -> list[Path]:
    """The Python files of a folder that name the pack, itself not among them."""
    wanted = MODULE.encode()
    paths = (path for path in sorted(folder.glob("*.py")) if path.name != f"{MODULE}.py" and path.is_file())
    return [path for path in paths if wanted in _content(path)]


def unimports(paths: Iterable[Path]) -> tuple[list[Change], list[Path]]:
    """What takes the line out of these files; and those that name the pack in another way, and are left."""
    found: list[Change] = []
    left: list[Path] = []
    for path in paths:
        try:
            source = Source.read(str(path))
            text = without_import(source)
        except Unreadable:
            left.append(path)
            continue
        if text == source.text:
            left.append(path)
        else:
            found.append(Change(str(path), digest(source.data), text.encode(source.encoding)))
    return found, left


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _file(path: Path, after: bytes | None) -> Change:
    try:
        before = digest(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        before = None
    return Change(str(path), before, after)

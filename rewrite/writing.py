"""What is written when offers are applied: the person's own files, and a patch pack for those of libraries."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from g2.capture.mine import is_mine
from g2.rewrite import pack_changes
from g2.rewrite.change import Change, Refused, digest
from g2.rewrite.edit import Text
from g2.rewrite.model import Fixing, Offer
from g2.rewrite.pack import MODULE, Pack, PackError, joined, made, placed, read
from g2.rewrite.pack_import import imported, with_import
from g2.rewrite.source import Source, Unreadable
from g2.rewrite.state import State


def changes(fixing: Fixing, state: State, offers: Sequence[Offer]) -> list[Change]:
    """What makes the files those of `state`, which holds these offers alone.

    Raises Refused when a file is not the one that the offers were made for, or a pack cannot be written.
    """
    read_as = dict(fixing.files)
    paths = dict.fromkeys(file.path for one in state.placed for file in one.files)
    try:
        wrong = [path for path in paths if not holds(path, read_as.get(path, ""), state)]
    except Unreadable as error:
        raise Refused([(next(iter(paths)), str(error))]) from None
    if wrong:
        raise Refused([(path, "it has been changed since it was read") for path in wrong])
    texts = state.changed()
    own = {path: text for path, text in texts.items() if is_mine(path)}
    libraries = {path: text for path, text in texts.items() if not is_mine(path)}
    for path, text in own.items():
        if text.source.text.encode(text.source.encoding) != text.source.data:
            why = f"not all of it would stay as it is, since its encoding {text.source.encoding} is ambiguous"
            raise Refused([(path, why)])
    found = {path: Change(path, read_as[path], text.data()) for path, text in own.items()}
    try:
        packed = _packed(fixing, libraries, offers, own) if libraries else []
    except PackError as error:
        raise Refused([(f"{MODULE}.py", str(error))], error.hint) from None
    except (OSError, Unreadable) as error:
        raise Refused([(f"{MODULE}.py", str(error))]) from None
    found.update({change.path: change for change in packed})
    return list(found.values())


def holds(path: str, sha256: str, state: State) -> bool:
    """Whether a file is still what it was when it was read. Raises Unreadable."""
    return digest(state.original(path).data) == sha256


def base(script: str) -> dict[str, Source]:
    """Library files as the script sees them, where they are not what the disk holds: it imports a patch pack.

    Raises PackError, OSError, Unreadable.
    """
    found: dict[str, Source] = {}
    pack = _active(script)
    for patch in pack.patches if pack else ():
        path = pack_changes.located(patch)
        if path is not None and pack_changes.status(patch) == "ok":
            found[str(path)] = Source(str(path), patch.applied(path.read_bytes()))
    return found


def pack_without(script: str, paths: Iterable[str]) -> dict[str, bytes]:
    """The script's patch pack less these library files, for a trial that serves other text of them itself: its path and
    what it is to hold. Empty when the script imports none, or it has nothing to do with them.
    """
    try:
        pack = _active(script)
        files = {placed(path)[1] for path in paths if not is_mine(path)}
    except (PackError, OSError, Unreadable):
        return {}
    if pack is None or not files & set(pack.by_file):
        return {}
    return {str(pack.file): pack.without(files).text().encode()}


def beside(script: str) -> Path:
    """The folder that Python searches first when it runs the script."""
    return Path(os.path.realpath(script)).parent


def _packed(fixing: Fixing, libraries: dict[str, Text], offers: Sequence[Offer], own: dict[str, Text]) -> list[Change]:
    if not fixing.script:
        raise PackError(
            "with -m there is no folder beside the script from which Python always imports",
            "a script of two lines runs it: import runpy; runpy.run_module(NAME, run_name='__main__'); "
            "or --mine leaves libraries alone",
        )
    active, old = _active(fixing.script), read(beside(fixing.script))
    new = old
    for path, text in libraries.items():
        notes = [_note(offer) for offer in offers if any(path == name for name, _ in offer.diffs)]
        patch = made(path, text.data(), notes)
        before = old.by_file.get(patch.file)
        if before is not None and active is None:  # another script's: this one was run without it
            patch = joined(before, patch)
        elif before is not None:
            patch = made(path, text.data(), [*before.notes, *notes])
        new = new.with_patch(patch)
    real = os.path.realpath(fixing.script)
    path = next((path for path in own if os.path.realpath(path) == real), fixing.script)
    script = own[path].after() if path in own else Source.read(path)
    line = Change(path, digest(script.data), with_import(script).encode(script.encoding))
    return [*pack_changes.changes(old, new), line]


def _active(script: str) -> Pack | None:
    """The pack that the script imports."""
    if not script:
        return None
    pack = read(beside(script))
    return pack if pack.patches and imported(Source.read(script)) else None


def _note(offer: Offer) -> str:
    places = ", ".join(dict.fromkeys(f"{target.function}, line {target.span.line}" for target in offer.targets))
    return f"{offer.proposal.summary} ({places})"

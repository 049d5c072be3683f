"""Whose file it is: the user's, or which installed package's, and how its path is written.

Packages are looked up in the folder that holds the file, as PEP 376 and the wheel format lay it out: importlib.metadata
would search this process's own path, and its packages_distributions() parses every package's metadata (0.2 s of CPU
for 140 of them).
"""

from __future__ import annotations

import functools
import os
import re
import sys
from pathlib import Path

from g2.capture.mine import is_mine, package_folder
from g2.capture.model import Owner

_PACKAGE = re.compile(r"^(.*/(?:site|dist)-packages)/.")
_FIELD = re.compile(r"(?mi)^(name|version): *(.+?) *$")
_SAME = re.compile(r"[-_.]+")  # PEP 503: these are one in a name


@functools.cache
def owner(path: str) -> Owner:
    """The owner of an absolute path."""
    if is_mine(path):
        return Owner(mine=True)
    if path.startswith("<"):  # made by exec() or by a library at run time: no file, and nobody's package
        return Owner(mine=False)
    plain = path.replace("\\", "/")
    match = _PACKAGE.match(plain)
    folder = match[1] if match else package_folder(plain)
    if folder is None:
        return Owner(mine=False, package="python", version=".".join(map(str, sys.version_info[:3])))
    inside = plain[len(folder) + 1 :]
    top = inside.partition("/")[0]
    name = top.removesuffix(".py")
    found = _named(folder).get(_plain(name)) or _holder(folder, inside)
    if found is None:
        return Owner(False, name, None)
    return _described(found)


@functools.cache
def _named(folder: str) -> dict[str, str]:
    """Metadata folders of a package folder, by plain name."""
    try:
        entries = [e.name for e in Path(folder).iterdir() if e.suffix in (".dist-info", ".egg-info")]
    except OSError:
        return {}
    return {_plain(e.rpartition(".")[0].partition("-")[0]): f"{folder}/{e}" for e in entries}


def _plain(name: str) -> str:
    return _SAME.sub("-", name).lower()


def _holder(folder: str, inside: str) -> str | None:
    """The metadata folder whose list of files names `inside`; None when none does."""
    top = inside.partition("/")[0]
    candidates = _holders(folder, top)
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    return next((c for c in candidates if _lists(c, f"{inside},")), None)  # a namespace package has many


@functools.cache
def _holders(folder: str, top: str) -> tuple[str, ...]:
    """The metadata folders whose lists of files name anything in the package, or the module, `top`."""
    start = f"{top}," if top.endswith(".py") else f"{top}/"
    return tuple(metadata for metadata in _named(folder).values() if _lists(metadata, start))


def _lists(metadata: str, start: str) -> bool:
    wanted, files = os.fsencode(start), _files(metadata)
    return files.startswith(wanted) or b"\n" + wanted in files


@functools.cache
def _files(metadata: str) -> bytes:
    try:
        return Path(metadata, "RECORD").read_bytes()
    except OSError:
        return b""


@functools.cache
def _described(metadata: str) -> Owner:
    for name in ("METADATA", "PKG-INFO"):
        try:
            head = Path(metadata, name).read_text("utf-8", "replace").partition("\n\n")[0]
        except OSError:
            continue
        fields = {key.lower(): value for key, value in _FIELD.findall(head)}
        return Owner(False, fields.get("name"), fields.get("version"))
    name, _, version = metadata.rpartition("/")[2].rpartition(".")[0].partition("-")
    return Owner(False, name, version or None)

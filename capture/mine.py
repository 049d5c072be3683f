"""Whose file it is, by its path: the user's own, or installed (packages, standard library, generated code)."""

from __future__ import annotations

import functools
import os
import sysconfig
from pathlib import Path, PurePosixPath

_INSTALLED = ("/site-packages/", "/dist-packages/")
_ENDINGS = (".dist-info", ".egg-info")


@functools.cache
def is_mine(path: str) -> bool:
    """True for source files outside every package folder and outside the standard library, and for cells of IPython."""
    if not path or (path.startswith("<") and not path.startswith("<ipython-input-")):
        return False
    plain = path.replace("\\", "/")
    return not is_installed(plain) and not plain.startswith(_standard_library())


def is_installed(path: str) -> bool:
    """True for source files of installed packages."""
    plain = path.replace("\\", "/")
    return any(part in plain for part in _INSTALLED) or package_folder(plain) is not None


def owned_by_package(path: str) -> bool:
    """True for source files of installed packages other than torch."""
    plain = path.replace("\\", "/")
    if any(part in plain for part in _INSTALLED):
        return any(part in plain and f"{part}torch/" not in plain for part in _INSTALLED)
    folder = package_folder(plain)
    return folder is not None and not plain.startswith(f"{folder}/torch/")


@functools.cache
def package_folder(path: str) -> str | None:
    """The folder that a file was installed into by `pip install --target` or the like, whatever it is called: one above
    it that also holds the metadata of a package whose list of files (RECORD, PEP 376) names the file. None when there
    is none: an editable install lists no file of the project.
    """
    for parent in map(str, PurePosixPath(path).parents):
        wanted = b"\n" + os.fsencode(path[len(parent) :].lstrip("/")) + b","
        if any(wanted in listed for listed in _listed(parent)):
            return parent
    return None


@functools.cache
def _listed(folder: str) -> tuple[bytes, ...]:
    """The lists of files of the packages that are installed in a folder, each as lines that begin with a path."""
    try:
        metadata = [entry for entry in Path(folder).iterdir() if entry.suffix in _ENDINGS]
    except OSError:
        return ()
    found = []
    for entry in metadata:
        try:
            found.append(b"\n" + Path(entry, "RECORD").read_bytes())
        except OSError:
            continue
    return tuple(found)


@functools.cache
def _standard_library() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple({str(Path(paths[k]).resolve()) + "/" for k in ("stdlib", "platstdlib")} | {paths["stdlib"] + "/"})

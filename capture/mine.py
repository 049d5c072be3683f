"""Whose file it is, by its path alone: the user's own, or installed (packages, standard library, generated code)."""

from __future__ import annotations

import functools
import sysconfig
from pathlib import Path

_INSTALLED = ("/site-packages/", "/dist-packages/")


@functools.cache
def is_mine(path: str) -> bool:
    """True for source files outside every package folder and outside the standard library, and for cells of IPython."""
    if not path or (path.startswith("<") and not path.startswith("<ipython-input-")):
        return False
    plain = path.replace("\\", "/")
    return not any(part in plain for part in _INSTALLED) and not plain.startswith(_standard_library())


def owned_by_package(path: str) -> bool:
    """True for source files of installed packages other than torch."""
    plain = path.replace("\\", "/")
    return any(part in plain and f"{part}torch/" not in plain for part in _INSTALLED)


@functools.cache
def _standard_library() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple({str(Path(paths[k]).resolve()) + "/" for k in ("stdlib", "platstdlib")} | {paths["stdlib"] + "/"})

"""Patches of installed libraries, put in place while they are imported. Written by `g2 fix`.

No file of a library is changed: Python is given the patched text of the modules named below instead of the text on the
disk. So this has to be imported before they are: `import g2_patches` stands first in the script. A file that is not the
one its patch was made for is left as it is, with a warning.

The folder g2_patches beside this file holds the same patches as diffs, fit to be sent to the libraries' authors.
`g2 patches list`, `check` and `drop` look after them. Nothing here needs g2.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import linecache
import sys
import threading
import traceback
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import decode_source
from types import CodeType, ModuleType
from typing import Any

# For each module: its file below the folder of packages, the package and version it came with, the SHA-256 of the file,
# and what is replaced: lines `old`, the first of which is number `line` of the file, become lines `new`.
PATCHES: list[dict[str, Any]] = []

_texts: dict[str, str] = {}  # what is served, by the path of the file


class Finder:
    """Lets the other finders find a module, and gives the patched text of those that have a patch."""

    g2_patches = True

    def __init__(self, patches: Sequence[dict[str, Any]]) -> None:
        self.patches = {patch["module"]: patch for patch in patches}
        self._asking: set[tuple[int, str]] = set()
        self._told: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module as the others find it, with the patched text where that fits."""
        asking = threading.get_ident(), name
        if name not in self.patches or asking in self._asking:
            return None
        self._asking.add(asking)  # another finder may ask all finders, too
        try:
            specs = (other.find_spec(name, path, target) for other in sys.meta_path if hasattr(other, "find_spec"))
            spec = next((found for found in specs if found is not None), None)
        finally:
            self._asking.discard(asking)
        if spec is not None and (text := self._text(self.patches[name], spec)) is not None:
            spec.loader = Loader(name, str(spec.origin), text)
        return spec

    def _text(self, patch: dict[str, Any], spec: ModuleSpec) -> str | None:
        """The patched text of a module; None when its file is not the one that the patch is for."""
        package, version = patch["package"], installed(patch["package"])
        if version not in (None, patch["version"]):
            self._tell(f"{package} {version} is installed, and its patches are for {patch['version']}", package)
            return None
        # An archive, a file without source, or a loader that changes the text itself.
        if type(spec.loader) is not SourceFileLoader or spec.origin is None:
            kind = type(spec.loader).__name__
            self._tell(f"{patch['module']} is not loaded from an ordinary source file ({kind})", package)
            return None
        data = spec.loader.get_data(spec.origin)
        if hashlib.sha256(data).hexdigest() != patch["sha256"]:
            self._tell(f"{spec.origin} is not the file that its patch is for", package)
            return None
        return patched(decode_source(data), patch["hunks"])

    def _tell(self, what: str, package: str) -> None:
        if what not in self._told:
            self._told.add(what)
            todo = f"Run `g2 fix` again, or `g2 patches drop {package}`"
            warnings.warn(f"g2_patches: {what}, so it is left as it is. {todo}.", stacklevel=4)


class Loader(SourceFileLoader):
    """Runs a patched text as if the file held it. No .pyc file is read or written."""

    g2_patches = True

    def __init__(self, fullname: str, path: str, text: str) -> None:
        super().__init__(fullname, path)
        self.text = _texts[path] = text
        linecache.cache.pop(path, None)

    def get_source(self, fullname: str) -> str:
        return self.text

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self.text, self.path)
        return code


def patched(text: str, hunks: Sequence[dict[str, Any]]) -> str:
    """A text with its lines replaced. Raises ValueError when it does not hold the lines that are to be replaced."""
    lines = text.split("\n")
    for hunk in reversed(hunks):  # the last one first, so that the numbers of the others hold
        start, old = hunk["line"] - 1, list(hunk["old"])
        if lines[start : start + len(old)] != old:
            raise ValueError(f"line {hunk['line']} is not the one that is to be replaced")
        lines[start : start + len(old)] = hunk["new"]
    return "\n".join(lines)


def installed(package: str) -> str | None:
    """The version of a package; None when nothing is known of it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def install(patches: Sequence[dict[str, Any]]) -> None:
    """Serve the patches in this process from now on."""
    late = [patch["module"] for patch in patches if _is_late(sys.modules.get(patch["module"]))]
    if late:
        names = ", ".join(late)
        todo = "Put `import g2_patches` before every other import of the script"
        warnings.warn(f"g2_patches: imported already, and left unpatched: {names}. {todo}.", stacklevel=3)
    if patches:
        sys.meta_path[:] = [finder for finder in sys.meta_path if not hasattr(finder, "g2_patches")]  # of a reload
        sys.meta_path.insert(0, Finder(patches))
        _show_what_runs()


def _is_late(module: ModuleType | None) -> bool:
    spec = getattr(module, "__spec__", None)
    return module is not None and not getattr(getattr(spec, "loader", None), "g2_patches", False)


def _show_what_runs() -> None:
    """Have tracebacks, inspect and warnings show the patched lines."""
    from_disk = linecache.updatecache

    def updatecache(filename: str, module_globals: dict[str, Any] | None = None) -> list[str]:
        if filename not in _texts:
            return from_disk(filename, module_globals)
        text = _texts[filename]
        lines = io.StringIO(text if text.endswith("\n") else text + "\n").readlines()
        linecache.cache[filename] = (len(text), None, lines, filename)  # without a time it is not compared to the file
        return lines

    linecache.updatecache = updatecache
    # Until 3.13 the interpreter's own printing of an uncaught exception reads the file, not linecache.
    if sys.version_info < (3, 13) and sys.excepthook is sys.__excepthook__:
        sys.excepthook = traceback.print_exception


install(PATCHES)

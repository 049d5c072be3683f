"""Other text for chosen source files, without touching them.

The parent writes the new bytes into the record folder; the child gives them out wherever Python would have read the
file: imports (reloads, lazy ones, archives), `python script.py`, `-m`, runpy, and linecache, so that tracebacks and
inspect show what ran. Specs, loaders, `__file__` and caches of other files stay as they are, since the loaders are
Python's own: only the bytes that they read differ.

Private Python used here (3.11 to 3.13): importlib._bootstrap_external.SourceLoader and FileLoader, by their public
subclass; runpy._run_module_as_main and _get_code_from_file; that the interpreter asks sys.path_hooks whether the script
is a folder or an archive before it opens it (pymain_run_python in Modules/main.c).
"""

from __future__ import annotations

import functools
import io
import json
import linecache
import os
import runpy
import sys
import tokenize
import zipimport
from collections.abc import Callable, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from g2.capture.job import OVERLAY

# Python leaves the frames of its import system out of tracebacks, and skips them for warnings; ours stand for some.
_FROZEN = "<frozen importlib._bootstrap_external>"
_LOADERS: Any = SourceFileLoader.__mro__[1:3]  # FileLoader, SourceLoader
_served: Overlay | None = None


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Parent side. Raises OSError when the folder cannot be written."""
    if not files:
        return
    names = {path: f"overlay-{number}" for number, path in enumerate(files)}
    for path, name in names.items():
        (folder / name).write_bytes(files[path])
    (folder / OVERLAY).write_text(json.dumps(names), "utf-8")


def served() -> Overlay | None:
    """What this process serves; None when every file is read as it is."""
    return _served


def serve(folder: Path) -> bool:
    """Serve what write() left in `folder`, from now on in this process; False when there is nothing to serve.

    Raises OSError or ValueError when it cannot be read: then nothing is served.
    """
    global _served
    try:
        names: dict[str, str] = json.loads((folder / OVERLAY).read_text("utf-8"))
    except FileNotFoundError:
        return False
    _served = Overlay({path: (folder / name).read_bytes() for path, name in names.items()})
    _served.install()
    return True


class Overlay:
    """Files by their absolute path. A path that leads to the same file by another way (a link) is found too."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self._real = {os.path.realpath(path): data for path, data in files.items()}
        self._known: dict[str, bytes | None] = {}

    def get(self, path: object) -> bytes | None:
        """The bytes to serve for a path; None when it is to be read."""
        if not isinstance(path, str) or path.endswith(".pyc"):
            return None
        found = self.files.get(path)
        if found is not None or path in self._known:
            return found if found is not None else self._known[path]
        found = self._real.get(os.path.realpath(path))
        self._known[path] = found
        return found

    def original(self, path: str) -> bytes:
        """What the file itself holds. Raises OSError."""
        try:
            return Path(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            for archive in Path(path).parents:
                if archive.is_file():
                    return zipimport.zipimporter(str(archive)).get_data(path)
            raise

    def install(self) -> None:
        self._in_loaders()
        self._in_archives()
        self._in_linecache()
        self._in_runpy()
        script = _main_file()
        if script is not None and self.get(script) is not None:
            self._as_main(script)

    def _in_loaders(self) -> None:
        files, sources = _LOADERS
        read, compiled = files.get_data, sources.get_code

        def get_data(loader: Any, path: Any) -> Any:
            found = self.get(path)
            return read(loader, path) if found is None else found

        def get_code(loader: Any, fullname: str) -> Any:
            path = loader.get_filename(fullname)
            found = self.get(path)
            return compiled(loader, fullname) if found is None else loader.source_to_code(found, path)

        files.get_data, sources.get_code = _like(get_data, read), _like(get_code, compiled)

    def _in_archives(self) -> None:
        kind: Any = zipimport.zipimporter
        compiled, source = kind.get_code, kind.get_source

        def found(importer: Any, fullname: str) -> tuple[str, bytes | None]:
            path: str = importer.get_filename(fullname)
            return path, self.get(path)

        def get_code(importer: Any, fullname: str) -> Any:
            path, data = found(importer, fullname)
            return compiled(importer, fullname) if data is None else compile(data, path, "exec", dont_inherit=True)

        def get_source(importer: Any, fullname: str) -> Any:
            _, data = found(importer, fullname)
            return source(importer, fullname) if data is None else _decoded(data)

        if any(not Path(path).is_file() for path in self.files):
            kind.get_code, kind.get_source = _like(get_code, compiled), _like(get_source, source)

    def _in_linecache(self) -> None:
        real = linecache.updatecache

        def updatecache(filename: str, module_globals: Any = None) -> list[str]:
            data = self.get(filename)
            if data is None:
                return real(filename, module_globals)
            lines = io.StringIO(_decoded(data)).readlines()
            if lines and not lines[-1].endswith("\n"):
                lines[-1] += "\n"
            linecache.cache[filename] = (len(data), None, lines, filename)  # without a time it is never checked
            return lines

        linecache.updatecache = _like(updatecache, real)

    def _in_runpy(self) -> None:
        module: Any = runpy
        real = module._get_code_from_file

        def get_code_from_file(*args: Any) -> Any:  # (run_name, path), or (path) since 3.13
            path = args[-1]
            data = self.get(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100
            if data is None:
                return real(*args)
            code = compile(data, path, "exec", dont_inherit=True)
            return (code, path) if len(args) > 1 else code

        module._get_code_from_file = _like(get_code_from_file, real)

    def _as_main(self, script: str) -> None:
        """Have the interpreter run the script through runpy, as if it were a folder; then run it as a script."""
        module: Any = runpy
        real = module._run_module_as_main

        given: list[str] = []

        def claim(path: str) -> Any:
            if given or os.path.realpath(path) != os.path.realpath(script):
                raise ImportError
            given.append(path)
            return self

        def run(*_args: Any) -> None:
            (script,) = given
            module._run_module_as_main = real
            sys.path_hooks.remove(claim)
            sys.path_importer_cache.pop(script, None)
            if sys.path and sys.path[0] == script:
                del sys.path[0]
            if not sys.flags.safe_path:
                sys.path.insert(0, os.path.dirname(os.path.realpath(script)))  # noqa: PTH120
            space = sys.modules["__main__"].__dict__
            space.update(__file__=script, __cached__=None, __loader__=SourceFileLoader("__main__", script))
            exec(compile(self.get(script) or b"", script, "exec", dont_inherit=True), space)

        run.__code__ = run.__code__.replace(co_filename=RUNNER, co_name="<module>", co_qualname="<module>")
        module._run_module_as_main = run
        sys.path_hooks.insert(0, claim)


RUNNER = f"{__file__}: importlib._bootstrap"  # the one frame of ours below a script that is served


def _like(ours: Callable[..., Any], real: Callable[..., Any]) -> Any:
    """`ours`, known by the name of what it replaces, and left out of tracebacks as that is."""
    functools.update_wrapper(ours, real)
    ours.__code__ = ours.__code__.replace(co_filename=_FROZEN)
    return ours


def _decoded(data: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return io.IncrementalNewlineDecoder(None, True).decode(data.decode(encoding), True)


def _main_file() -> str | None:
    """The absolute path that the interpreter is about to run as a script, as it will ask for it; None for -c and -m."""
    words = iter(sys.orig_argv[1:])
    for word in words:
        if not word.startswith("-") or word == "--":
            name = next(words, "") if word == "--" else word
            return os.path.abspath(name) if name else None  # noqa: PTH100
        if word in ("-", "-c", "-m"):
            return None
        if word == "--check-hash-based-pycs":
            next(words, None)
        elif not word.startswith("--"):
            for number, letter in enumerate(word[1:], 2):
                if letter in "cm":
                    return None
                if letter in "WX":
                    if number == len(word):
                        next(words, None)
                    break
    return None

"""What is around torch: Python, g2's start-up file, the compiler, git, folders."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_path, user_state_path

from g2.cli.doctor.ask import attached
from g2.cli.doctor.line import Line, ok, warning, wrong
from g2.cli.text import inline

_LIMIT = 60.0  # seconds for a program that is asked
_PATIENCE = 2.0  # seconds to measure a folder
_LITTLE = 2**30  # bytes of room below which a folder is warned of
_PROGRAM = b"#include <Python.h>\n#include <omp.h>\nextern \"C\" int threads() { return omp_get_max_threads(); }\n"


def python() -> Line:
    """This Python."""
    shown = f"{sys.version.split()[0]} in {sys.prefix}"
    if (3, 11) <= sys.version_info < (3, 14):
        return ok("python", shown)
    mend = "use another Python where something is missing"
    return warning("python", f"{shown}; g2 was tried with 3.11 to 3.13", mend)


def startup() -> Line:
    """g2-torch.pth, by which a Python that g2 starts is recorded."""
    mend = f"{sys.executable} -m pip install --force-reinstall --no-deps g2-torch"
    try:
        works = attached(_LIMIT)
    except (OSError, subprocess.TimeoutExpired) as error:
        return wrong("start-up file", f"Python could not be started: {inline(str(error))}", mend)
    if works:
        return ok("start-up file", "g2-torch.pth is in place")
    return wrong("start-up file", "g2-torch.pth is missing from this Python: scripts would not be recorded", mend)


def scan() -> Line:
    """Whether the static scan was compiled when g2 was installed (setup.py)."""
    from g2.explain.scan import engine

    how = "runs as Python" if engine.__file__.endswith(".py") else "is compiled"
    return ok("scan", f"the static scan {how}")


def compiler() -> Line:
    """What Inductor compiles its C++ for CPUs with. Explaining and fixing need none."""
    name = os.environ.get("CXX") or next((n for n in ("g++", "clang++", "c++") if shutil.which(n)), None)
    mend = "xcode-select --install" if sys.platform == "darwin" else "apt install g++, or your system's like"
    what = "Inductor's CPU backend (--backend inductor) will not work"
    if name is None:
        return warning("compiler", f"there is neither g++ nor clang++: {what}", mend)
    include = sysconfig.get_path("include")
    with tempfile.TemporaryDirectory() as folder:
        openmp = ["-Xpreprocessor", "-fopenmp"] if sys.platform == "darwin" else ["-fopenmp"]
        command = [*name.split(), "-x", "c++", "-", "-fPIC", *openmp, f"-I{include}", "-c", "-o", f"{folder}/out.o"]
        try:
            done = subprocess.run(command, input=_PROGRAM, capture_output=True, timeout=_LIMIT, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return warning("compiler", f"{name} cannot be run: {inline(str(error))}; {what}", mend)
    if done.returncode == 0:
        return ok("compiler", f"{name} compiles C++ with OpenMP and Python's headers")
    said = done.stderr.decode("utf-8", "replace")
    if "Python.h" in said:
        mend = "apt install python3-dev, or your system's like"
        return warning("compiler", f"Python.h is not in {include}: {what}", mend)
    lines = [line for line in said.splitlines() if "error" in line] or said.splitlines()
    return warning("compiler", f"{name} fails: {inline(lines[0] if lines else 'no message')}; {what}", mend)


def git() -> Line:
    """git, which the commit hook and what is new ask."""
    mend = "apt install git, or your system's like"
    try:
        done = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=_LIMIT, check=True)
    except (OSError, subprocess.SubprocessError):
        return warning("git", "is not to be had: the commit hook and `g2 scan --new` need it", mend)
    return ok("git", inline(done.stdout).removeprefix("git version "))


def folders() -> Iterator[Line]:
    """Where g2, Inductor and triton keep things."""
    home = os.environ.get("G2_HOME")
    user = f"torchinductor_{_user()}"
    yield _folder("records", Path(home) if home else user_state_path("g2", appauthor=False), "G2_HOME", private=True)
    cache = Path(home) / "cache" if home else user_cache_path("g2", appauthor=False)
    yield _folder("scan cache", cache, "G2_HOME", private=True)
    inductor = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    yield _folder("inductor cache", Path(inductor or Path(tempfile.gettempdir()) / user), "TORCHINDUCTOR_CACHE_DIR")
    triton = os.environ.get("TRITON_CACHE_DIR")
    yield _folder("triton cache", Path(triton or Path.home() / ".triton" / "cache"), "TRITON_CACHE_DIR")


def _folder(name: str, path: Path, variable: str, private: bool = False) -> Line:
    shown = inline(str(path))
    mend = f"set {variable} to a folder of yours"
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        status = there.stat()
        if there == path and status.st_uid != os.getuid() and os.getuid() != 0:
            return warning(name, f"{shown} belongs to another user, who could put code there", mend)
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            return warning(name, f"{shown} cannot be written", mend)
        others = stat.S_IMODE(status.st_mode) & (0o077 if private else 0o022)
        if there == path and others and not status.st_mode & stat.S_ISVTX:
            can = "read" if private and not others & 0o022 else "written"
            return warning(name, f"{shown} can be {can} by others", f"chmod {'700' if private else 'go-w'} {shown}")
        room = shutil.disk_usage(there).free
    except OSError as error:
        return warning(name, f"{shown}: {error.strerror or error}", mend)
    held = _held(path) if there == path else "is not there yet"
    if room < _LITTLE:
        return warning(name, f"{shown} {held}, and {_size(room)} are free", "make some room")
    return ok(name, f"{shown} {held}, {_size(room)} free")


def _held(path: Path) -> str:
    total, until, more = 0, time.monotonic() + _PATIENCE, ""
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118
            except OSError:
                continue
        if time.monotonic() > until:
            more = "more than "
            break
    return f"holds {more}{_size(total)}"


def _size(number: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def _user() -> str:
    # As torch._inductor.runtime.cache_dir_utils names it (2.11 to 2.15).
    import getpass
    import re

    try:
        return re.sub(r'[\\/:*?"<>|]', "_", getpass.getuser())
    except (KeyError, OSError):
        return str(os.getuid())

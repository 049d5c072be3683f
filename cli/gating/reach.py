"""Which files of a repository a script's imports reach, read from the source alone.

Rather too many than too few: a module counts when any file of the repository could be meant by its name, whatever
sys.path will be, and so do modules that are named in import_module("...") and files that the command line names.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath


def reached(target: Sequence[str], files: Mapping[str, Callable[[], bytes]]) -> set[str]:
    """The files that the command line ("train.py", "--steps", "1") or ("-m", "package.train") reaches, itself with
    them. files: how to read each file of the repository, by its path from the top.
    """
    modules = _modules(files)
    waiting = list(_begin(target, files, modules))
    found: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += _packages(path, files)
        if path.endswith(".py"):
            for name in _imported(path, files[path]):
                waiting += modules.get(name, ())
    return found


def _modules(files: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Files by every dotted name that they may be imported by: src/pkg/a.py by src.pkg.a, pkg.a and a."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in files:
        if path.endswith(".py"):
            parts = list(PurePosixPath(path).with_suffix("").parts)
            if parts[-1] == "__init__" and len(parts) > 1:
                parts.pop()
            for start in range(len(parts)):
                found[".".join(parts[start:])].append(path)
    return found


def _begin(target: Sequence[str], files: Iterable[str], modules: Mapping[str, Sequence[str]]) -> Iterator[str]:
    known = set(files)
    if target[0] == "-m" and len(target) > 1:
        for name in (target[1], f"{target[1]}.__main__"):
            yield from modules.get(name, ())
    for word in target:
        path = PurePosixPath(word.rpartition("=")[2] or ".").as_posix()
        if path in known:
            yield path
        elif f"{path}/__main__.py" in known and word == target[0]:
            yield f"{path}/__main__.py"


def _packages(path: str, files: Mapping[str, object]) -> Iterator[str]:
    """The __init__.py of each package around a file: importing it runs them."""
    for folder in PurePosixPath(path).parents:
        name = (folder / "__init__.py").as_posix()
        if name in files:
            yield name


def _imported(path: str, read: Callable[[], bytes]) -> Iterator[str]:
    """The dotted names that a file imports, and those that could be modules among what it takes from them."""
    try:
        tree = ast.parse(read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    here = PurePosixPath(path).with_suffix("").parts
    package = here[:-1]  # also for __init__.py: what is relative to it is relative to its folder
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            yield base
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and _imports(node.func):
            yield from (
                a.value.lstrip(".") for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
            )


def _imports(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__", "run_module", "run_path", "find_spec")

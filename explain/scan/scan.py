"""The static scan: files in, sightings out. No torch is loaded, nothing of what is scanned is executed."""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Iterable, Sequence
from functools import cache

from g2.explain.scan.facts import Facts, dump, load
from g2.explain.scan.ignores import Sifted, sift
from g2.explain.scan.model import Kept, Scan, Settings, SourceFile, Unread

_DEEP = 12_000  # Python's frames; walking over a tree needs two for each level of it


def scan(
    files: Sequence[SourceFile], settings: Settings | None = None, kept: Kept | None = None, jobs: int = 1
) -> Scan:
    """Scan these files together: calls are followed from one to the other.

    What is found out about a file is kept under its key, so that it need not be read again; the answer itself is not
    kept here. With `jobs` above 1, files that have to be read are divided among so many processes.
    """
    settings = settings or Settings()
    limit, collecting = sys.getrecursionlimit(), gc.isenabled()
    gc.disable()
    sys.setrecursionlimit(max(limit, _DEEP))
    try:
        return _scan(files, settings, kept, jobs)
    finally:
        sys.setrecursionlimit(limit)
        if collecting:
            gc.enable()


def _scan(files: Sequence[SourceFile], settings: Settings, kept: Kept | None, jobs: int) -> Scan:
    from g2.explain.scan.rules import version

    rules = version()
    held = dict(kept.get([f"{rules}:{file.key}" for file in files])) if kept is not None else {}
    known: dict[str, Facts] = {}
    waiting: list[SourceFile] = []
    for file in files:
        there = held.get(f"{rules}:{file.key}")
        before = load(there) if there is not None else None
        if before is None:
            waiting.append(file)
        else:
            known[file.path] = before
    unread: list[Unread] = []
    lines = 0
    fresh: dict[str, bytes] = {}
    for file, facts, bytes_ in _read(waiting, jobs):
        if isinstance(facts, str):
            unread.append(Unread(file.path, facts))
            continue
        known[file.path] = facts
        lines += facts.lines
        if kept is not None:
            fresh[f"{rules}:{file.key}"] = bytes_ or dump(facts)
    if kept is not None and fresh:
        kept.put(fresh)
    sifted, reached = _together(files, known, settings)
    return Scan(
        sifted.sightings,
        tuple(sorted(unread, key=lambda each: each.path)),
        sifted.unused,
        sifted.ignored,
        len(files),
        lines,
        reached,
    )


def _together(files: Sequence[SourceFile], known: dict[str, Facts], settings: Settings) -> tuple[Sifted, int]:
    from g2.explain.scan.engine import Engine
    from g2.explain.scan.project import Project
    from g2.explain.scan.read import lines
    from g2.explain.scan.rules import detectors
    from g2.explain.scan.sighted import sightings

    project = Project()
    for file in sorted(files, key=lambda each: each.path):
        if file.path in known:
            project.add(file.path, known[file.path])
    project.settle()
    paths = {file.path: file for file in files}

    def source(number: int) -> list[bytes]:
        try:
            return lines(paths[project.files[number].path].read())
        except OSError:
            return []

    engine = Engine(project, detectors())
    engine.run()
    reached = sum(act.region for act in engine.acts.values())
    return sift(sightings(engine, cache(source)), project, settings), reached


def _read(files: Sequence[SourceFile], jobs: int) -> Iterable[tuple[SourceFile, Facts | str, bytes]]:
    """The facts of files, or why there are none; and as they are kept, when they came from another process."""
    from g2.explain.scan.read import Unreadable, facts
    from g2.explain.scan.rules import detectors

    if not files:
        return
    if jobs > 1 and len(files) > jobs:
        from g2.explain.scan.pool import divided

        yield from divided(files, jobs)
        return
    table = detectors()
    for file in files:
        try:
            yield file, facts(file.read(), table), b""
        except OSError as error:
            yield file, f"cannot be read: {error.strerror or error}", b""
        except Unreadable as error:
            yield file, str(error), b""
        except Exception as error:  # a fault of the scan itself must not keep the other files from being scanned
            yield file, f"could not be scanned: {type(error).__name__} in g2 itself", b""


def digest(data: bytes) -> str:
    """A key for a file's content."""
    return hashlib.blake2b(data, digest_size=20).hexdigest()

"""A scan of these sources; the one that was made before, when nothing has changed since."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from dataclasses import replace

from g2.capture.processors import processors
from g2.cli.kept import KeptFacts
from g2.cli.scanning import codec
from g2.cli.scanning.sources import Sources
from g2.explain.scan.model import Scan, Settings


def scanned(sources: Sources, settings: Settings, kept: KeptFacts, jobs: int | None = None) -> Scan:
    """The scan of all of `sources.files`. jobs: processes at most; default: one a core."""
    key = _key(sources, settings)
    if (before := kept.get([key])) and (scan := codec.load(before[key])) is not None:
        return scan
    from g2.explain.scan.scan import scan as scan_files

    scan = scan_files(sources.files, settings, kept, jobs or processors())
    if sources.unread:
        scan = replace(scan, unread=tuple(sorted((*scan.unread, *sources.unread), key=lambda u: u.path)))
    kept.put({key: codec.dump(scan)})
    return scan


def rules() -> str:
    """A name for what the scan goes by: it changes whenever a file of the scan or of a reason does, and with Python,
    whose grammar it reads.
    """
    import g2.explain
    import g2.explain.reasons
    import g2.explain.recompiles
    import g2.explain.scan

    told = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for package in (g2.explain, g2.explain.scan, g2.explain.reasons, g2.explain.recompiles):
        for folder in package.__path__:
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for name, size, changed in sorted(
                    (e.name, (s := e.stat()).st_size, s.st_mtime_ns) for e in entries if e.name.endswith(".py")
                ):
                    told.update(f"{name} {size} {changed}\n".encode())
    return told.hexdigest()[:16] + " "


def _key(sources: Sources, settings: Settings) -> str:
    told = hashlib.sha256()
    wanted = [sorted(settings.ignore), sorted((p, sorted(r)) for p, r in settings.per_path.items())]
    told.update(repr(wanted).encode("utf-8", "surrogatepass"))
    for file in sources.files:
        told.update(f"{file.path}\0{file.key}\0".encode("utf-8", "surrogatepass"))
    for one in sources.unread:
        told.update(f"{one.path}\0{one.why}\1".encode("utf-8", "surrogatepass"))
    return f"scan {told.hexdigest()}"

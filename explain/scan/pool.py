"""Files divided among processes."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor

from g2.explain.scan.facts import Facts, dump, load
from g2.explain.scan.model import SourceFile

_CHUNK = 1_000_000  # bytes of source handed over at a time


def divided(files: Sequence[SourceFile], jobs: int) -> Iterator[tuple[SourceFile, Facts | str, bytes]]:
    """The facts of files, or why there are none, found by so many processes; and the facts as they are kept."""
    from g2.explain.scan.rules import detectors

    detectors()  # loaded before there are processes, so that each need not do it
    chunks: list[list[SourceFile]] = []
    datas: list[bytes] = []
    found: list[Future[list[bytes | str]]] = []
    size = _CHUNK
    with ProcessPoolExecutor(jobs) as pool:
        for file in files:
            try:
                data = file.read()
            except OSError as error:
                yield file, f"cannot be read: {error.strerror or error}", b""
                continue
            if size >= _CHUNK:
                if datas:
                    found.append(pool.submit(_facts, datas))
                chunks.append([])
                datas, size = [], 0
            chunks[-1].append(file)
            datas.append(data)
            size += len(data)
        if datas:
            found.append(pool.submit(_facts, datas))
        for chunk, future in zip(chunks, found, strict=True):
            for file, result in zip(chunk, future.result(), strict=True):
                if isinstance(result, str):
                    yield file, result, b""
                else:
                    yield file, load(result) or "was lost between two processes", result


def _facts(datas: list[bytes]) -> list[bytes | str]:
    from g2.explain.scan.read import Unreadable, facts
    from g2.explain.scan.rules import detectors

    gc.disable()
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 12_000))
    out: list[bytes | str] = []
    for data in datas:
        try:
            out.append(dump(facts(data, detectors())))
        except Unreadable as error:
            out.append(str(error))
        except Exception as error:  # as in scan.py
            out.append(f"could not be scanned: {type(error).__name__} in g2 itself")
    return out

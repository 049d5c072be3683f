"""A clock that goes on by one step at every reading, so that two calls that read it alike read the same.

Only the program reads it, in the thread that makes the call: torch and the libraries that it compiles with keep the
real one, and so do threads beside it, such as tqdm's. `datetime.now` is out of
reach: it is C code of an immutable type.

Private torch used here (2.11 to 2.15): torch._guards.CompileContext, which says whether something is being compiled.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from torch._guards import CompileContext

STEP = 1_000_000  # nanoseconds
_BASES = {
    name: getattr(time, name + "_ns")() for name in ("time", "perf_counter", "monotonic", "process_time", "thread_time")
}  # read when the process loads this file: the same in all of its forks


class Ticking:
    """While open, `time.time` and its like tick. Names that the script's modules have for them are theirs too."""

    def __init__(self) -> None:
        self._readings = 0
        self._thread = threading.get_ident()
        self._replaced: list[tuple[dict[str, Any], str, Any]] = []

    def __enter__(self) -> Self:
        tickers: dict[str, Callable[[], Any]] = {}
        for name, base in _BASES.items():
            for key in (name, f"{name}_ns"):
                tickers[key] = self._ticker(getattr(time, key), base, key == name)
        real = {name: getattr(time, name) for name in tickers}
        for held, key, name in readers(len(sys.modules)):
            if held.get(key) is real[name]:
                self._replaced.append((held, key, real[name]))
                held[key] = tickers[name]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for held, key, value in self._replaced:
            held[key] = value

    def _asked_by(self, module: str) -> bool:
        """Whether the program asks, when code of this module does now."""
        ours = threading.get_ident() == self._thread and not _is_library(module)
        return ours and CompileContext.current_compile_id() is None  # Inductor takes file locks, which read the clock

    def _ticker(self, real: Callable[[], Any], base: int, seconds: bool) -> Callable[[], Any]:
        def ticking() -> Any:
            if not self._asked_by(sys._getframe(1).f_globals.get("__name__", "")):
                return real()
            self._readings += 1
            now = base + self._readings * STEP
            return now / 1e9 if seconds else now

        return ticking


@functools.lru_cache(maxsize=1)
def readers(modules: int) -> tuple[tuple[dict[str, Any], str, str], ...]:
    """(namespace, name in it, name of the clock) of every clock that the program's modules and `time` itself hold.

    modules: their number; where it is another, they are searched anew. What a process has found, its forks know.
    """
    clocks = {id(getattr(time, name + end)): name + end for name in _BASES for end in ("", "_ns")}
    found: list[tuple[dict[str, Any], str, str]] = []
    for name, module in list(sys.modules.items()):
        if module is time or not _is_library(name):
            held: dict[str, Any] = getattr(module, "__dict__", {})
            found += [(held, key, clocks[id(value)]) for key, value in list(held.items()) if id(value) in clocks]
    return tuple(found)


def _is_library(name: str) -> bool:
    room = name.partition(".")[0]
    return room in ("torch", "functorch", "triton", "g2") or (room in sys.stdlib_module_names and room != "__main__")

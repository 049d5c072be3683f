"""Child side: when roots were called and graphs ran, for a time line. Only the first ones are kept."""

from __future__ import annotations

import threading
import time

_CALLS, _GRAPHS = 200, 1000  # kept of one process; a time line of more is not looked at, and a run of days stays small
_LATER = time.time() - time.perf_counter()  # what makes a time of day of a perf_counter


class Ran:
    """The first calls and graph runs of a process, until they are told."""

    def __init__(self) -> None:
        self._calls = _CALLS
        self._graphs = _GRAPHS
        self._told: list[list[object]] = []
        self._threads: dict[int, int] = {}

    def call(self, root: str, begin: float, end: float) -> None:
        """A root was called from outside, from `begin` to `end` (perf_counter seconds)."""
        if self._calls > 0:
            self._calls -= 1
            self._add("call", root, begin, end)

    def graph(self, graph: str, begin: float, end: float) -> None:
        """A graph ran."""
        if self._graphs > 0:
            self._graphs -= 1
            self._add("graph", graph, begin, end)

    def new(self) -> list[list[object]]:
        """What was not told yet: [kind, id, time of day, seconds, thread]."""
        told, self._told = self._told, []
        return told

    def _add(self, kind: str, name: str, begin: float, end: float) -> None:
        thread = self._threads.setdefault(threading.get_ident(), len(self._threads))
        self._told.append([kind, name, round(begin + _LATER, 6), round(end - begin, 6), thread])

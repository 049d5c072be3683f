"""Child side: what is counted while compiled code runs: calls of roots, runs of graphs, time between graphs.

Nothing here is written per call; what has changed goes to the journal twice a second and at the end, later once in a
hundredth of the time that has passed: a crash loses at most so much of the counts, and the journal of a run of days
stays small. The first calls of a process are written at once.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

from g2.capture.journal import Journal
from g2.capture.probe.ran import Ran

if TYPE_CHECKING:
    import torch

_INTERVAL = 0.5  # seconds between snapshots, at least
_SHARE = 0.01  # and of the time since the process began
_SAMPLES = 128  # gaps kept per place; the median of the first ones is the estimate
_clock = time.perf_counter


@dataclass(slots=True)
class Active:
    """The root call that is running in a thread."""

    root: str
    call: int
    module: torch.nn.Module | None
    begun: float = 0.0  # perf_counter


@dataclass(slots=True)
class _Gap:
    crossed: int = 0
    calls: int = 0
    last_call: tuple[str, int] = ("", -1)
    ms: list[float] = field(default_factory=list)
    told: tuple[int, int] = (0, 0)  # crossings and samples that the journal has


class _Thread(threading.local):
    def __init__(self) -> None:
        self.active: list[Active] = []
        self.graph_end: float | None = None
        self.gap: str | None = None  # the break that ended the graph that ran last
        self.compiling = 0.0  # seconds of compilation since that graph ended
        self.last_break: str | None = None
        self.depth = 0


class Stats:
    """Counters of one process. Methods never raise into the script."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._thread = _Thread()
        self._lock = threading.RLock()
        self._begun = _clock()
        self._written = 0.0
        self._told: dict[str, dict[str, object]] = {}  # by kind: the counts that the journal has
        self._early = 8
        self._ran = Ran()
        self.breaks = 0  # events told so far
        # Modules for which Dynamo compiled its own wrapper (external_utils.wrap_inline, one code object for all).
        self.wrapped: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()
        self.calls: dict[str, int] = {}
        self.graphs: dict[str, list[float]] = {}
        self.gaps: dict[str, _Gap] = {}
        self.eager_calls: dict[str, int] = {}

    @property
    def active(self) -> Active | None:
        """The outermost root call running in this thread."""
        stack = self._thread.active
        return stack[0] if stack else None

    def begin(self, root: str, module: torch.nn.Module | None) -> RootCall:
        """A context manager around one call of a root."""
        with self._lock:
            number = self.calls[root] = self.calls.get(root, 0) + 1
        return RootCall(self, Active(root, number, module))

    def enter(self, active: Active) -> None:
        mine = self._thread
        if not mine.active:
            mine.graph_end = mine.gap = mine.last_break = None
            active.begun = _clock()
        mine.active.append(active)

    def leave(self, error: str | None) -> None:
        mine = self._thread
        active = mine.active[-1]
        if len(mine.active) > 1:
            mine.active.pop()
            return
        self._ran.call(active.root, active.begun, _clock())
        self._close_gap(None)
        mine.active.clear()
        mine.graph_end = mine.gap = None
        if error is not None:
            self._journal.write(
                {"e": "root_raised", "root": active.root, "call": active.call, "type": error}
            )
        self.flush(force=self._early > 0)
        self._early -= 1

    @property
    def last_break(self) -> str | None:
        """The key of the break that this thread met last: what is compiled next is compiled because of it."""
        return self._thread.last_break

    @last_break.setter
    def last_break(self, key: str | None) -> None:
        self.breaks += key is not None
        self._thread.last_break = key

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Around a compilation: its seconds do not count as time between graphs."""
        mine = self._thread
        mine.depth += 1
        begin = _clock()
        try:
            yield
        finally:
            mine.depth -= 1
            if mine.depth == 0:
                mine.compiling += _clock() - begin

    def graph_ran(self, graph: str, begin: float, end: float, ended_by: str | None) -> None:
        """Graph `graph` ran from `begin` to `end` (perf_counter seconds); `ended_by` is the break that cuts it."""
        with self._lock:
            entry = self.graphs.setdefault(graph, [0, 0.0])
            entry[0] += 1
            entry[1] += end - begin
            self._ran.graph(graph, begin, end)
            self._close_gap(begin)
        mine = self._thread
        # Outside of a root's call nobody says where a call ends: the next graph may be another call's.
        mine.graph_end, mine.gap, mine.compiling = end, ended_by if mine.active else None, 0.0

    def _close_gap(self, now: float | None) -> None:
        """The next graph starts at `now`; None at the end of a root: what ran since may be real work."""
        mine = self._thread
        if mine.gap is None or mine.graph_end is None:
            return
        with self._lock:
            gap = self.gaps.setdefault(mine.gap, _Gap())
            gap.crossed += 1
            active = self.active
            call = (active.root, active.call) if active else ("", -1)
            if call != gap.last_call:
                gap.calls += 1
                gap.last_call = call
            if now is not None and len(gap.ms) < _SAMPLES:
                gap.ms.append(round(max(now - mine.graph_end - mine.compiling, 0.0) * 1e3, 4))

    def forget(self) -> None:
        """What was counted so far belongs to roots that the script did not choose."""
        with self._lock:
            for counts in (self.calls, self.graphs, self.gaps, self.eager_calls, self._told):
                counts.clear()
            self._ran = Ran()

    def forked(self) -> None:
        """In a child that the script forked: the counts are the parent's, and a thread of it may have held the lock."""
        self._lock = threading.RLock()
        self._early = 8
        self.forget()

    def eager(self, path: str, line: int, function: str) -> None:
        """A call of this function ran in eager because its recompile limit was hit."""
        key = f"{path}:{line}:{function}"
        with self._lock:
            self.eager_calls[key] = self.eager_calls.get(key, 0) + 1

    def flush(self, force: bool = False) -> None:
        """Write what has changed, when the last snapshot is older than the interval."""
        now = _clock()
        if not force and now - self._written < max(_INTERVAL, _SHARE * (now - self._begun)):
            return
        with self._lock:
            self._written = now
            graphs = {k: [int(v[0]), round(v[1], 6)] for k, v in self.graphs.items()}
            event: dict[str, object] = {
                "e": "stats",
                "roots": self._changed("roots", self.calls),
                "graphs": self._changed("graphs", graphs),
                "gaps": {k: _told(g) for k, g in self.gaps.items() if g.crossed != g.told[0]},
                "eager": self._changed("eager", self.eager_calls),
            }
            if ran := self._ran.new():
                event["ran"] = ran
        self._journal.write(event)

    def _changed(self, kind: str, counts: Mapping[str, object]) -> dict[str, object]:
        told = self._told.setdefault(kind, {})
        changed = {k: v for k, v in counts.items() if told.get(k) != v}
        told.update(changed)
        return changed


def _told(gap: _Gap) -> list[object]:
    """The gap's counts, and the samples that the journal does not have yet."""
    new = gap.ms[gap.told[1] :]
    gap.told = (gap.crossed, len(gap.ms))
    return [gap.crossed, gap.calls, new]


class RootCall:
    """`with stats.begin(root, module):` around one call."""

    __slots__ = ("_active", "_stats")

    def __init__(self, stats: Stats, active: Active) -> None:
        self._stats = stats
        self._active = active

    def __enter__(self) -> Active:
        self._stats.enter(self._active)
        return self._active

    def __exit__(
        self, kind: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._stats.leave(kind.__name__ if kind is not None and issubclass(kind, Exception) else None)

"""What each break costs, from compile events, graphs and the time measured between graphs."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from g2.capture.fold.journals import Log
from g2.capture.model import Cost

_FEW = 3


class Costs:
    """Costs by break key, over all processes of a run."""

    def __init__(self, logs: Sequence[Log]) -> None:
        self._graphs: Counter[str] = Counter()
        self._compile: Counter[str] = Counter()
        self._ms: dict[str, list[float]] = {}
        self._crossed: Counter[str] = Counter()
        self._root_calls: Counter[str] = Counter()
        for log in logs:
            if log.hidden:
                continue
            for event in log.of("graph"):
                if event["ended_by"]:
                    self._graphs[event["ended_by"]] += 1
            for event in log.of("compile"):
                if event["after"]:
                    self._compile[event["after"]] += event["s"]
            stats = log.last("stats") or {"roots": {}, "gaps": {}}
            for root, calls in stats["roots"].items():
                self._root_calls[root] += calls
            for key, (_, calls, ms) in stats["gaps"].items():
                self._crossed[key] += calls
                # The first crossing also warms caches and allocators; later ones are what a long run pays.
                self._ms.setdefault(key, []).extend(ms[1:] if len(ms) > _FEW else ms)

    def calls(self, key: str, first_calls: Mapping[str, int], lost: bool) -> int:
        """Calls of a root that met the break.

        A break between graphs is counted when it is crossed. A function that was given up runs in eager in
        every later call of its root, and a break with no operation before it ends no graph: both are met by
        every later call.
        """
        since = sum(
            max(self._root_calls.get(root, 0), first) - first + 1 for root, first in first_calls.items()
        )
        return since if lost else self._crossed.get(key, 0) or since

    def of(self, key: str) -> Cost:
        ms = self._ms.get(key, [])
        graphs, seconds = self._graphs.get(key, 0), self._compile.get(key, 0.0)
        if not ms:
            why = "no graph starts behind it" if self._crossed.get(key) else "no graph ends here"
            return Cost(graphs=graphs, compile_s=round(seconds, 4), basis=f"not measured: {why}")
        times = "one crossing" if len(ms) == 1 else f"{len(ms)} crossings, median"
        return Cost(
            graphs=graphs,
            compile_s=round(seconds, 4),
            per_call_ms=round(statistics.median(ms), 4),
            samples=len(ms),
            basis=f"time from the graph before it to the next one, without compilation ({times})",
        )

"""Child side: at which calls of a root hidden breaks are looked for."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from g2.capture.containers import elements, entries
from g2.capture.journal import Journal
from g2.capture.ourselves import as_ourselves
from g2.capture.probe.stats import Active

if TYPE_CHECKING:
    from g2.capture.through.handle import Fork

_FIRST = 2  # calls of a root that are looked behind whatever they bring
_MORE = 8  # and so many in all when they bring something new: a signature, or a break that was not met before
_TOTAL = 32


class Behind:
    """Decides, then forks (through.fork)."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._folder = folder
        self._journal = journal
        self._looked: Counter[str] = Counter()
        self._seen: set[tuple[str, object]] = set()
        self._breaks: dict[str, int] = {}  # told when the root was last looked behind
        self._pid = os.getpid()

    def forget(self) -> None:
        """Roots are counted anew."""
        self._looked.clear()
        self._seen.clear()
        self._breaks.clear()

    def look(
        self, active: Active, compiled: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], breaks: int
    ) -> Fork | None:
        """Look behind the breaks of this call, in a fork, unless it has been done often enough.

        `breaks` is the number of breaks told so far: a new one since the last look says that calls take a new path.
        """
        if os.getpid() != self._pid:
            return None  # a worker that the script forked
        root = active.root
        count = self._looked[root]
        if count >= _MORE or self._looked.total() >= _TOTAL:
            return None
        key = (root, signature((args, kwargs)))
        if count >= _FIRST and key in self._seen and breaks == self._breaks[root]:
            return None
        with as_ourselves():
            from g2.capture.through import fork

        started = fork.look_behind(
            lambda: compiled(*args, **kwargs),
            root=root,
            folder=self._folder,
            journal=self._journal,
            module=active.module,
            number=active.call,
        )
        if started is not None:
            self._looked[root] += 1
            self._seen.add(key)
            self._breaks[root] = breaks
        return started


def signature(value: Any, depth: int = 0, largest: int | None = 2) -> object:
    """What of an input decides which paths Dynamo takes: ranks and sizes of 0 and 1, dtypes, flags, lengths.

    Values of tensors do not count, nor do sizes from `largest` on: in a generating loop every call brings a new one.
    With None all sizes count: they decide what is compiled.
    """
    if isinstance(value, torch.Tensor):
        sizes = tuple(int(size) if largest is None else min(size, largest) for size in value.shape)
        return (sizes, str(value.dtype), value.requires_grad)
    if isinstance(value, torch.nn.Module):
        return (type(value).__name__, value.training, torch.is_grad_enabled())
    if isinstance(value, (bool, str, int, type(None))):
        return value
    if depth < 3 and isinstance(value, (tuple, list)):
        return tuple(signature(v, depth + 1, largest) for v in elements(value, 32))
    if depth < 3 and isinstance(value, dict):
        return tuple((str(k), signature(v, depth + 1, largest)) for k, v in entries(value, 64))
    return type(value).__qualname__

"""What builtin containers hold, by builtins' own methods: those of a subclass may raise, refuse or do more.

e3nn's MulIr is a tuple whose `__len__` raises, transformers' lazy mappings load modules when they are iterated.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

_KINDS: tuple[Any, ...] = (list, tuple, deque, set, frozenset)


def elements(container: list[Any] | tuple[Any, ...] | deque[Any] | set[Any] | frozenset[Any]) -> list[Any]:
    """In order, where it has one. Raises TypeError for what is none of these."""
    for kind in _KINDS:
        if isinstance(container, kind):
            return list(kind.__iter__(container))
    raise TypeError(f"{type(container).__name__} is no builtin container")


def entries(mapping: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """(key, value) of each, in the dictionary's order."""
    kind: Any = OrderedDict if isinstance(mapping, OrderedDict) else dict
    return list(kind.items(mapping))

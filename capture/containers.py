"""What builtin containers hold, by builtins' own methods: those of a subclass may raise, refuse or do more.

e3nn's MulIr is a tuple whose `__len__` raises, diffusers' FrozenDict refuses to be changed, transformers' lazy mappings
load modules when they are iterated.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from typing import Any

_HOLDING: tuple[Any, ...] = (list, tuple, deque, set, frozenset)
_SIZED: tuple[Any, ...] = (dict, list, tuple, set, frozenset, str, range)


def elements(container: Any, most: int | None = None) -> list[Any]:
    """What a list, tuple, deque or set holds, or the first `most`. Raises TypeError for what is none of these."""
    return list(islice(_kind(container, _HOLDING).__iter__(container), most))


def entries(mapping: dict[Any, Any], most: int | None = None) -> list[tuple[Any, Any]]:
    """(key, value) of each, or of the first `most`, in the dictionary's order."""
    return list(islice(_dict(mapping).items(mapping), most))


def length(container: Any) -> int:
    """Of a dict, list, tuple, set, str or range. Raises TypeError for what is none of these."""
    return int(_kind(container, _SIZED).__len__(container))


def copied(container: Any) -> Any:
    """A plain list, set or dict of what a list, set or dict holds."""
    if isinstance(container, dict):
        return dict(entries(container))
    return elements(container) if isinstance(container, list) else set(elements(container))


def refill(container: Any, inside: Any) -> None:
    """Have a list, set or dict hold what `copied` found in it."""
    kind: Any = _dict(container) if isinstance(container, dict) else _kind(container, _HOLDING)
    kind.clear(container)
    if isinstance(container, dict):
        for key, value in inside.items():
            kind.__setitem__(container, key, value)
    else:
        (kind.extend if kind is list else kind.update)(container, inside)


def _kind(container: Any, kinds: tuple[Any, ...]) -> Any:
    for kind in kinds:
        if isinstance(container, kind):
            return kind
    raise TypeError(f"{type(container).__name__} is no builtin container")


def _dict(mapping: Any) -> Any:
    return OrderedDict if isinstance(mapping, OrderedDict) else dict

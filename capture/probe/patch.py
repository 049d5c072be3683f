"""Putting a function of ours in the place of one of torch's own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_MISSING = object()
_replaced: list[tuple[Any, str, Any]] = []  # owner, name and what it held itself, in the order in which it was replaced


def replace(
    owner: Any, name: str, make: Callable[[Any], Callable[..., Any]], lose: Callable[[str], None], missed: str
) -> bool:
    """Put `make(what is there)` in the place of `name` of a module or class; it is told as what it stands for.

    `name` may lead through a class ("ConvertFrame.__call__"). Where this torch has no such thing nothing is replaced,
    `lose` is told what is `missed` for want of it, by name, and the answer is False.
    """
    path = name.split(".")
    holder = owner
    for step in path[:-1]:
        holder = getattr(holder, step, None)
    real = getattr(holder, path[-1], None)
    if holder is None or real is None:
        lose(f"{missed} (this torch has no {owner.__name__.rpartition('.')[2]}.{name})")
        return False
    put(holder, path[-1], functools.wraps(real)(make(real)))
    return True


def put(owner: Any, name: str, value: Any) -> None:
    """Set an attribute of a module or class, so that put_back() knows what was there."""
    _replaced.append((owner, name, vars(owner).get(name, _MISSING)))
    setattr(owner, name, value)


def put_back() -> None:
    """Undo everything that was replaced, the last first: a process is observed only for a while (installed.py)."""
    while _replaced:
        owner, name, before = _replaced.pop()
        if before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)

"""Putting a function of ours in the place of one of torch's own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


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
    setattr(holder, path[-1], functools.wraps(real)(make(real)))
    return True

""" "filled:NAME" in words: what an object holds that skipped steps put something into as well, such as a cache."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TAG = "filled:"
_WORD = re.compile(r"\w+")


def filled(differs: Iterable[str]) -> frozenset[str]:
    """The names that such tags name."""
    return frozenset(tag.removeprefix(_TAG) for tag in differs if tag.startswith(_TAG))


def within(path: str, names: frozenset[str]) -> bool:
    """Whether a value at that path is held under one of the names."""
    return bool(names) and not names.isdisjoint(_WORD.findall(path))

"""Make one call and write down everything that it did. In a fork of the script's process: nothing is restored afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from g2.rewrite.trial.deeds import Leaf, Outcome, Raised, Told

__all__ = ["Leaf", "Outcome", "Raised", "Told", "Watched", "observe"]


@dataclass(frozen=True)
class Watched:
    """What to look at besides the call itself.

    args, kwargs: the very objects that the call is given. owner: the module (or other `self`) that the function belongs
    to, or None. function: where its defaults and closure are to be watched as well. names: of the positional arguments,
    for the words in which a difference is told.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    owner: Any = None
    function: Any = None
    names: tuple[str, ...] = ()


def observe(call: Callable[[], Any], watched: Watched, cotangents: int) -> Outcome:
    """Run `call` in this process and return everything that it did; an exception of the call is part of it.

    cotangents: the seed of the random cotangents for the gradients: the same for the outcomes that will be compared.
    """
    raise NotImplementedError

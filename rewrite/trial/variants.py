"""Other inputs for a call that was seen, the most telling first. Any fork of one process makes the very same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Inputs = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Variant:
    """name: in words, "x negated". make: the inputs, new tensors at every call.

    It may change the module's buffers too, so it is called in the fork that makes the call. The recorded tensors are
    never written to.
    """

    name: str
    make: Callable[[], Inputs]


def recorded(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Variant:
    """The inputs as they were, as copies: "as recorded"."""
    raise NotImplementedError


def variants(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], module: Any = None, names: Sequence[str] = ()
) -> Iterator[Variant]:
    """At most about 40 other inputs, the recorded ones not among them."""
    raise NotImplementedError


def sequences(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], module: Any = None, names: Sequence[str] = ()
) -> Iterator[tuple[str, list[Variant]]]:
    """(name, calls to make one after another on the same object).

    Keep all their outputs in one list and observe that: an output that a later call overwrites is then seen.
    """
    raise NotImplementedError


def search(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], module: Any, seed: int, names: Sequence[str] = ()
) -> Iterator[Variant]:
    """An endless stream of random inputs, for reaching the other side of a branch."""
    raise NotImplementedError

"""The calls of changed functions in the middle of a root's call, met at the moment they are made.

Each changed function is given code that calls us with its arguments; we compare its two versions in forks, then make
the call itself with the new code, so that the root's call goes on as it would.
"""

from __future__ import annotations

import builtins
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from g2.capture.behind import signature
from g2.rewrite.trial.codes import door
from g2.rewrite.trial.comparing import Comparing
from g2.rewrite.trial.eager import eager_only, undisturbed
from g2.rewrite.trial.seeking import seek
from g2.rewrite.trial.subject import Subject, surroundings
from g2.rewrite.trial.versions import Live

_MET = "__g2_met__"
_FIRST = 2  # calls of a function that are compared whatever they bring
_MORE = 4  # and so many in all, when their arguments are of another kind
_SECONDS = 20.0  # for the first call of a function; a third for each that follows
_NEXT = 4  # other inputs for those
_OWNERS = ("self", "ctx")


class Calls:
    """Meets the calls of `live` functions in this process, a fork of ours."""

    def __init__(
        self, comparing: Comparing, live: list[Live], wanted: Callable[[Live], set[int]], inputs: Callable[[Live], int]
    ) -> None:
        """wanted: the tests of a function of which not both sides have been seen. inputs: how many others to try."""
        self._comparing = comparing
        self._wanted = wanted
        self._inputs = inputs
        self._live = live
        self._version = [one.version(one.pair.new) for one in live]
        self._counts: Counter[tuple[str, int]] = Counter()
        self._seen: set[tuple[int, object]] = set()
        self.reached: set[tuple[str, int]] = set()

    def meet(self, call: Callable[[], Any]) -> None:
        """Make the root's call, and its backward pass, for the sake of the calls in it."""
        setattr(builtins, _MET, self._met)
        for number, live in enumerate(self._live):
            live.function.__code__ = door(_MET, number, live.function.__code__)
        eager_only()
        with contextlib.suppress(Exception, SystemExit):
            _backward(undisturbed(call)())

    def _met(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        live = self._live[number]
        pair = live.pair
        place = (pair.path, pair.line)
        self.reached.add(place)
        if self._is_new(number, place, args, kwargs):
            self._counts[place] += 1
            with contextlib.suppress(Exception):
                self._compare(live, args, kwargs, self._counts[place] == 1)
        return self._version[number](*args, **kwargs)

    def _is_new(self, number: int, place: tuple[str, int], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        if self._counts[place] >= _MORE or self._live[number].pair.resumes:
            return False
        key = (number, signature((args, kwargs)))
        known = key in self._seen
        self._seen.add(key)
        return self._counts[place] < _FIRST or not known

    def _compare(self, live: Live, args: tuple[Any, ...], kwargs: dict[str, Any], first: bool) -> None:
        pair, function = live.pair, live.function
        names = pair.new.co_varnames[: pair.new.co_argcount]
        call: Callable[..., Any] = function
        owner = None
        if args and names and names[0] in _OWNERS:
            owner, args, names = args[0], args[1:], names[1:]
            call = _bound(function, owner)
        subject = Subject(
            pair.name, pair.path, pair.line, call, args, kwargs, owner, names, function, None, surroundings(function)
        )
        until = time.monotonic() + (_SECONDS if first else _SECONDS / 3)
        self._comparing.all(subject, until, self._inputs(live) if first else _NEXT)
        if self._wanted(live):
            seek(self._comparing, subject, lambda: self._wanted(live), until)


def _bound(function: Callable[..., Any], owner: Any) -> Callable[..., Any]:
    def bound(*args: Any, **kwargs: Any) -> Any:
        return function(owner, *args, **kwargs)

    return bound


def _backward(output: Any) -> None:
    """What runs in the backward pass are calls too."""
    found: list[torch.Tensor] = []

    def collect(value: Any, depth: int = 0) -> None:
        if isinstance(value, torch.Tensor):
            if value.requires_grad and (value.is_floating_point() or value.is_complex()):
                found.append(value)
        elif depth < 4 and isinstance(value, (tuple, list)):
            for one in value:
                collect(one, depth + 1)
        elif depth < 4 and isinstance(value, dict):
            for one in value.values():
                collect(one, depth + 1)

    collect(output)
    if found:
        torch.autograd.backward(found, [torch.ones_like(one) for one in found])

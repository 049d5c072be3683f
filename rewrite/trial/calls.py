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
from dataclasses import replace
from typing import Any

import torch

from g2.capture.behind import signature
from g2.capture.containers import elements, entries
from g2.rewrite.trial.codes import door
from g2.rewrite.trial.comparing import TELLING, Comparing
from g2.rewrite.trial.eager import eager_only, undisturbed
from g2.rewrite.trial.functions import subject_of
from g2.rewrite.trial.seeking import seek
from g2.rewrite.trial.subject import Subject
from g2.rewrite.trial.versions import Live

Place = tuple[str, int]  # path and first line of a function in the text before

_MET = "__g2_met__"
_FIRST = 2  # calls of a function that are compared whatever they bring
_MORE = 4  # and so many in all, when their arguments are of another kind
_SECONDS = 60.0  # for one call of a function, however busy the machine is


class Calls:
    """Meets the calls of `live` functions in this process, a fork of ours."""

    def __init__(
        self, comparing: Comparing, live: list[Live], wanted: Callable[[Place], set[int]],
        inputs: Callable[[Place], int | None], own: set[Place],
    ) -> None:  # fmt: skip
        """wanted: the tests of a function of which not both sides have been seen. inputs: how many others to try; None
        where a function is not to be compared. own: the root's own function, whose results the script sees.
        """
        self._own = own
        self._comparing = comparing
        self._wanted = wanted
        self._inputs = inputs
        self._live = live
        self._version = [one.version(one.pair.new) for one in live]
        self._counts: Counter[Place] = Counter()
        self._seen: set[tuple[int, object]] = set()
        self.reached: set[Place] = set()

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
        inputs = self._others(number, place, args, kwargs)
        if inputs is not None:
            self._counts[place] += 1
            with contextlib.suppress(Exception):
                self._compare(live, args, kwargs, inputs)
        return self._version[number](*args, **kwargs)

    def _others(
        self, number: int, place: Place, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int | None:
        """How many other inputs to try at this call; None where it is not compared."""
        live, count = self._live[number], self._counts[place]
        inputs = self._inputs(place)
        if inputs is None or count >= _MORE or live.pair.resumes:
            return None
        key = (number, signature((args, kwargs)))
        known = key in self._seen
        self._seen.add(key)
        if known:
            return 0 if count < _FIRST else None
        return min(inputs, TELLING) if count else inputs

    def _compare(self, live: Live, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: int) -> None:
        place = (live.pair.path, live.pair.line)
        left = len({(one.pair.path, one.pair.line) for one in self._live} - self.reached) + 1
        # Between functions a tensor without gaps serves wherever one with gaps did.
        more = frozenset[str]() if place in self._own else frozenset({"contiguous"})
        comparing = replace(
            self._comparing, spending=self._comparing.spending.part(1 / left), differs=self._comparing.differs | more
        )
        compare_call(comparing, subject_of(live, args, kwargs), lambda: self._wanted(place), inputs)


def compare_call(comparing: Comparing, subject: Subject, wanted: Callable[[], set[int]], inputs: int) -> None:
    """Compare at one call of a function, so many other inputs at most, and look for the sides of its tests.

    Without other inputs it was met before, by another call of the script: what is new is the state that it meets.
    """
    until = time.monotonic() + _SECONDS
    if not inputs:
        comparing.one(subject, subject.recorded)
    elif comparing.first(subject, until):
        if wanted():
            seek(comparing, subject, wanted, until)
        comparing.rest(subject, until, inputs)


def _backward(output: Any) -> None:
    """What runs in the backward pass are calls too."""
    found: list[torch.Tensor] = []

    def collect(value: Any, depth: int = 0) -> None:
        if isinstance(value, torch.Tensor):
            if value.requires_grad and (value.is_floating_point() or value.is_complex()):
                found.append(value)
        elif depth < 4 and isinstance(value, (tuple, list)):
            for one in elements(value):
                collect(one, depth + 1)
        elif depth < 4 and isinstance(value, dict):
            for _, one in entries(value):
                collect(one, depth + 1)

    collect(output)
    if found:
        torch.autograd.backward(found, [torch.ones_like(one) for one in found])

"""What is compared: one call of a function or root, at the moment it was made, and its outcomes in forks."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, BinaryIO

import torch

from g2.capture.backend import Backend
from g2.rewrite.trial import saved
from g2.rewrite.trial.codes import Pair
from g2.rewrite.trial.deeds import Leaf, Outcome
from g2.rewrite.trial.eager import eager_only, undisturbed
from g2.rewrite.trial.forking import Answer, attempt
from g2.rewrite.trial.outcome import Watched, observe
from g2.rewrite.trial.precise import in_double
from g2.rewrite.trial.sides import Sides
from g2.rewrite.trial.variants import Inputs, Variant
from g2.rewrite.trial.versions import Versions

_SEED = 20  # of the cotangents


@dataclass(frozen=True, slots=True)
class Subject:
    """path, line: of the function in the text before; empty and 0 for a root, whose call may hold many.

    call: runs it in eager. compiled: as the script compiled it, where it is a root.
    """

    what: str
    path: str
    line: int
    call: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    owner: Any
    names: tuple[str, ...]
    function: Any
    compiled: Callable[..., Any] | None = None

    @property
    def recorded(self) -> Variant:
        """The call itself, with the very objects that it was given."""
        return Variant("as recorded", lambda: (self.args, self.kwargs))


class Way(Enum):
    """How a call is made."""

    OLD = "old"
    NEW = "new"
    DOUBLE = "old in float64"
    OLD_COMPILED = "old compiled"
    NEW_COMPILED = "new compiled"


@dataclass(frozen=True, slots=True)
class Failed:
    """No outcome. `unmade`: the inputs could not be made, so nothing was called; late: it took too long."""

    why: str
    unmade: bool
    late: bool
    seconds: float


class Caller:
    """Makes calls in forks, each with one version of the code."""

    def __init__(self, versions: Versions, sides: Sides, backend: Backend) -> None:
        self.versions = versions
        self.sides = sides
        self._backend = backend

    def outcome(
        self, subject: Subject, calls: Sequence[Variant], way: Way, seconds: float, only: Collection[Pair] | None = None
    ) -> Outcome | Failed:
        """All that `calls`, one after another, did. only: with Way.NEW, whose new code is run."""
        answer = attempt(lambda file: self._do(file, subject, calls, way, only), seconds)
        head, _, body = answer.data.partition(b"\n")
        if head:
            told = json.loads(head)
            for number, seen in told["sides"].items():
                self.sides.seen[int(number)] |= set(seen)
            if told["unmade"]:
                return Failed(told["unmade"], True, False, answer.seconds)
        return _read(answer, body)

    def prepare(self, way: Way, only: Collection[Pair] | None = None) -> None:
        """In a fork: from now on one version of the code runs, and in eager unless it is to be compiled."""
        if way in (Way.NEW, Way.NEW_COMPILED):
            self.versions.new(only)
        else:
            self.versions.old()
        if way in (Way.OLD_COMPILED, Way.NEW_COMPILED):
            torch.compiler.reset()
            self._backend.become("aot_eager")
        else:
            eager_only()

    def _do(
        self, file: BinaryIO, subject: Subject, calls: Sequence[Variant], way: Way, only: Collection[Pair] | None
    ) -> None:
        self.prepare(way, only)
        self.sides.seen.clear()
        compiled = way in (Way.OLD_COMPILED, Way.NEW_COMPILED)
        call = subject.compiled if compiled and subject.compiled else undisturbed(subject.call)
        try:
            made = [one.make() for one in calls]
            if way is Way.DOUBLE:
                made = [in_double(args, kwargs, subject.owner) for args, kwargs in made]
        except Exception as error:
            _head(file, {}, f"the inputs could not be made ({type(error).__name__}: {error})")
            return
        outcome = observe(lambda: _called(call, made), _watched(subject, made), _SEED)
        if compiled:
            outcome = plain(outcome)
        _head(file, {number: sorted(seen) for number, seen in self.sides.seen.items()}, "")
        saved.save(outcome, file)


def plain(outcome: Outcome) -> Outcome:
    """What of an outcome must be the same compiled: values, and what is printed; not who shares memory with whom."""

    def leaves(found: tuple[Leaf, ...]) -> tuple[Leaf, ...]:
        kept = ("dtype", "shape")
        return tuple(dataclasses.replace(leaf, facts=tuple(f for f in leaf.facts if f[0] in kept)) for leaf in found)

    return dataclasses.replace(
        outcome,
        outputs=leaves(outcome.outputs),
        gradients=leaves(outcome.gradients),
        arguments=leaves(outcome.arguments),
        state=leaves(outcome.state),
        told=tuple(told for told in outcome.told if told.kind == "stdout"),
        modes=(),
    )


def _called(call: Callable[..., Any], made: Sequence[Inputs]) -> Any:
    """What each call gave; kept until the last was made, so that one that overwrites another's is seen."""
    if len(made) == 1:
        ((args, kwargs),) = made
        return call(*args, **kwargs)
    return [call(*args, **kwargs) for args, kwargs in made]


def _watched(subject: Subject, made: Sequence[Inputs]) -> Watched:
    if len(made) == 1:
        ((args, kwargs),) = made
        return Watched(args, kwargs, subject.owner, subject.function, subject.names)
    every = tuple(value for args, _ in made for value in args)
    named = {
        f"{name} of call {number}": value
        for number, (_, kwargs) in enumerate(made, 1)
        for name, value in kwargs.items()
    }
    return Watched(every, named, subject.owner, subject.function)


def _head(file: BinaryIO, sides: dict[int, list[bool]], unmade: str) -> None:
    file.write(json.dumps({"sides": sides, "unmade": unmade}).encode() + b"\n")


def _read(answer: Answer, body: bytes) -> Outcome | Failed:
    if answer.ended:
        try:
            return saved.load(io.BytesIO(body))
        except (OSError, ValueError) as error:
            return Failed(f"its outcome could not be kept ({error})", False, False, answer.seconds)
    return Failed(answer.why, False, "within" in answer.why, answer.seconds)

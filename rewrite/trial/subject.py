"""What is compared: one call of a function or root, at the moment it was made, and its outcomes in forks."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import json
import signal
import time
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
from g2.rewrite.trial.forking import attempt
from g2.rewrite.trial.outcome import Watched, observe
from g2.rewrite.trial.precise import in_double
from g2.rewrite.trial.restoring import Kept
from g2.rewrite.trial.sides import Sides
from g2.rewrite.trial.variants import Made, Variant
from g2.rewrite.trial.versions import Versions

_SEED = 20  # of the cotangents
_BUSY = 4  # how many times longer a call may take on a machine that has other work


@dataclass(frozen=True, slots=True)
class Subject:
    """path, line: of the function in the text before; empty and 0 for a root, whose call may hold many.

    call: runs it in eager. compiled: as the script compiled it, where it is a root. around: what else it may change.
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
    around: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])

    @property
    def recorded(self) -> Case:
        """The call itself, with the very objects that it was given."""
        return Case("as recorded", (Variant("as recorded", lambda: (self.args, self.kwargs)),))


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison: calls made one after another on the same object, and what they are in words."""

    inputs: str
    calls: tuple[Variant, ...]


class Way(Enum):
    """How a call is made."""

    OLD = "old"
    NEW = "new"
    DOUBLE = "old in float64"
    SHAKEN = "old in float64, the inputs moved by one unit in the last place"
    OLD_COMPILED = "old compiled"
    NEW_COMPILED = "new compiled"


@dataclass(frozen=True, slots=True)
class Failed:
    """No outcome. `unmade`: the inputs could not be made, so nothing was called; late: it took too long."""

    why: str
    unmade: bool
    late: bool


class Caller:
    """Makes calls in forks, each with one version of the code."""

    def __init__(
        self, versions: Versions, sides: Sides, backend: Backend, deadline: float, ignored: frozenset[str] = frozenset()
    ) -> None:
        """ignored: as of Watched."""
        self.versions = versions
        self.sides = sides
        self.deadline = deadline
        self._backend = backend
        self._ignored = ignored

    def outcome(
        self, subject: Subject, case: Case, way: Way, seconds: float, only: Collection[Pair] | None = None
    ) -> Outcome | Failed:
        """All that one case did. only: with Way.NEW, whose new code is run."""
        return self.outcomes(subject, [case], way, seconds, only)[0]

    def outcomes(
        self, subject: Subject, cases: Sequence[Case], way: Way, seconds: float, only: Collection[Pair] | None = None
    ) -> list[Outcome | Failed]:
        """What the cases did, one after another in one fork, the state put back after each. seconds: of processors, for
        each.

        Shorter than `cases` where the time was up, or with a Failed at its end where one ended the fork.
        """
        answer = attempt(lambda file: self._do(file, subject, cases, way, seconds, only), _BUSY * seconds + 5)
        found: list[Outcome | Failed] = []
        data = answer.data
        while data:
            line, _, rest = data.partition(b"\n")
            head = json.loads(line)
            for number, seen in head["sides"].items():
                self.sides.seen[int(number)] |= set(seen)
            body, data = rest[: head["size"]], rest[head["size"] :]
            if head["unmade"]:
                found.append(Failed(head["unmade"], True, False))
            elif len(body) < head["size"]:
                break
            else:
                found.append(_read(body))
        if len(found) < len(cases) and not answer.ended:
            found.append(Failed(answer.why, False, answer.late))
        return found

    def prepare(self, way: Way, only: Collection[Pair] | None = None) -> None:
        """In a fork: from now on one version of the code runs, and in eager unless it is to be compiled."""
        if way in (Way.NEW, Way.NEW_COMPILED):
            self.versions.new(only)
        else:
            self.versions.old()
        if way in (Way.OLD_COMPILED, Way.NEW_COMPILED):
            torch.compiler.reset()
            self._backend.become("aot_eager")
            _keep_for_backward()
        else:
            eager_only()

    def _do(
        self, file: BinaryIO, subject: Subject, cases: Sequence[Case], way: Way, seconds: float,
        only: Collection[Pair] | None,
    ) -> None:  # fmt: skip
        self.prepare(way, only)
        kept = Kept([subject.owner, *subject.around.values()]) if len(cases) > 1 else None
        for case in cases:
            if time.monotonic() > self.deadline and len(cases) > 1:
                return
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.setitimer(signal.ITIMER_REAL, _BUSY * seconds)  # for a call that waits for something
            self.sides.seen.clear()
            self._case(file, subject, case, way)
            if kept is not None:
                kept.restore()

    def _case(self, file: BinaryIO, subject: Subject, case: Case, way: Way) -> None:
        compiled = way in (Way.OLD_COMPILED, Way.NEW_COMPILED)
        call = subject.compiled if compiled and subject.compiled else undisturbed(subject.call)
        try:
            made = [one.make() for one in case.calls]
            if way in (Way.DOUBLE, Way.SHAKEN):
                held = (subject.owner, *subject.around.values())
                made = [in_double(args, kwargs, held, way is Way.SHAKEN) for args, kwargs in made]
        except Exception as error:
            _write(file, {}, b"", f"the inputs could not be made ({type(error).__name__}: {error})")
            return
        watched = dataclasses.replace(_watched(subject, made), ignored=self._ignored)
        outcome = observe(lambda: _called(call, made), watched, _SEED)
        body = io.BytesIO()
        saved.save(plain(outcome) if compiled else outcome, body)
        _write(file, {number: sorted(seen) for number, seen in self.sides.seen.items()}, body.getvalue())


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


def _keep_for_backward() -> None:
    """Gradients are taken with the graph retained, which AOTAutograd refuses where it reuses memory of the forward pass
    (functorch's config.donated_buffer, 2.11 to 2.15).
    """
    with contextlib.suppress(AttributeError):
        config: Any = importlib.import_module("torch._functorch.config")
        config.donated_buffer = False


def _called(call: Callable[..., Any], made: Sequence[Made]) -> Any:
    """What each call gave; kept until the last was made, so that one that overwrites another's is seen."""
    if len(made) == 1:
        ((args, kwargs),) = made
        return call(*args, **kwargs)
    return [call(*args, **kwargs) for args, kwargs in made]


def _watched(subject: Subject, made: Sequence[Made]) -> Watched:
    if len(made) == 1:
        ((args, kwargs),) = made
        return Watched(args, {**kwargs, **subject.around}, subject.owner, subject.function, subject.names)
    every = tuple(value for args, _ in made for value in args)
    named = {f"{name} of call {at}": value for at, (_, kwargs) in enumerate(made, 1) for name, value in kwargs.items()}
    return Watched(every, {**named, **subject.around}, subject.owner, subject.function)


def _write(file: BinaryIO, sides: dict[int, list[bool]], body: bytes, unmade: str = "") -> None:
    file.write(json.dumps({"sides": sides, "unmade": unmade, "size": len(body)}).encode() + b"\n" + body)
    file.flush()


def _read(body: bytes) -> Outcome | Failed:
    try:
        return saved.load(io.BytesIO(body))
    except (OSError, ValueError) as error:
        return Failed(f"its outcome could not be kept ({error})", False, False)

"""Calls of a moment in forks: in eager, in float64, compiled; many inputs one after another in one fork.

Where the process cannot be forked (CUDA is in use) the same is done in it, and what the calls changed is put back.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import signal
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, BinaryIO

import torch

from g2.check.child.correct_draws import SameDraws, drawn_in
from g2.check.child.moment import Moment
from g2.check.child.rounding import EachRounded
from g2.rewrite.trial import saved
from g2.rewrite.trial.deeds import Outcome
from g2.rewrite.trial.eager import eager_only, undisturbed
from g2.rewrite.trial.forking import attempt
from g2.rewrite.trial.outcome import Watched, observe
from g2.rewrite.trial.precise import in_double
from g2.rewrite.trial.restoring import Kept
from g2.rewrite.trial.subject import Case
from g2.rewrite.trial.variants import Made, Variant

RECORDED = "as recorded"
SEED = 20  # of the cotangents


class How(Enum):
    """How a call is made."""

    EAGER = "eager"
    EXACT = "eager in float64"
    SHAKEN = "eager in float64, inputs and every operator's result moved by one unit in the last place"
    COMPILED = "compiled"


@dataclass(frozen=True, slots=True)
class Failed:
    """No outcome. unmade: there were no inputs, so nothing was called; made: these were tried to be made, else
    there was no time for them; late: it took too long, or was killed for want of memory.
    """

    why: str
    unmade: bool = False
    late: bool = False
    made: bool = True


@dataclass(frozen=True, slots=True)
class Setting:
    """How compiled calls are compiled. backend: a Dynamo backend or its name. mode: of torch.compile. same_draws:
    random numbers come from eager's stream.
    """

    backend: str | Callable[..., Any] = "inductor"
    mode: str = "default"
    same_draws: bool = True


@dataclass(frozen=True, slots=True)
class Subject:
    """A moment's call as something to watch: the module, where it is the first argument, is its owner. around: what it
    reaches besides, by name in words.
    """

    moment: Moment
    owner: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    around: dict[str, Any]

    @property
    def held(self) -> list[Any]:
        """What it reaches without being given it."""
        return [self.owner, *self.around.values()]

    @property
    def recorded(self) -> Case:
        """The call itself, with the very objects that it was given."""
        return Case(RECORDED, (Variant(RECORDED, lambda: (self.args, self.kwargs)),))

    def call(self, run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One call of `run`, which is the moment's `run` or `eager`."""
        first = (self.owner,) if len(self.moment.args) > len(self.args) else ()
        return run(*first, *args, **kwargs)


def _coarsest(held: Sequence[Any]) -> float:
    """A unit in the last place, relative, of the coarsest dtype of float32 and below that a call computes in."""
    tensors = [one for one in held if isinstance(one, torch.Tensor)]
    for module in (one for one in held if isinstance(one, torch.nn.Module)):
        tensors += module.parameters()
    halves = [one.dtype for one in tensors if one.is_floating_point() and one.dtype.itemsize == 2]
    return max([torch.finfo(dtype).eps for dtype in [torch.float32, *halves]])


def subject_of(moment: Moment) -> Subject:
    """The call of a moment."""
    owner = getattr(moment.eager, "__self__", None)
    args = moment.args
    if owner is None and args and moment.module is not None and args[0] is moment.module:
        return Subject(moment, args[0], args[1:], moment.kwargs, moment.around)
    return Subject(moment, owner if owner is not None else moment.module, args, moment.kwargs, moment.around)


class Runs:
    """Makes calls; what each did, and how long all of it took, in seconds: `spent` by "compile" and "call"."""

    def __init__(self, moment: Moment, mode: str = "default") -> None:
        self.moment = moment
        self.subject = subject_of(moment)
        self.mode = mode
        self._draws = drawn_in(self.subject.args, self.subject.held)
        self._eps = _coarsest([*self.subject.held, *self.subject.args, *self.subject.kwargs.values()])
        self.spent = {"compile": 0.0, "call": 0.0}
        importlib.import_module("torch._inductor.compile_fx")  # loaded once, for all forks

    def outcomes(
        self, cases: Sequence[Case], how: How, seconds: float, setting: Setting | None = None
    ) -> list[Outcome | Failed]:
        """What the cases did, in one fork, the state put back after each. Shorter than `cases` where the time was up,
        or with a Failed at its end where one ended the fork.
        """
        setting = setting or Setting(mode=self.mode)
        begin = time.monotonic()
        data, why, late = apart(lambda file: self._do(file, cases, how, setting, seconds), seconds)
        self.spent["compile" if how is How.COMPILED else "call"] += time.monotonic() - begin
        found: list[Outcome | Failed] = []
        while len(data) >= 8:
            (size,) = struct.unpack("<q", data[:8])
            body, data = data[8 : 8 + abs(size)], data[8 + abs(size) :]
            if len(body) < abs(size):
                break
            found.append(Failed(body.decode(), unmade=True) if size < 0 else _read(body))
        if len(found) < len(cases) and why:
            found.append(Failed(why, late=late))
        return found

    def _do(self, file: BinaryIO, cases: Sequence[Case], how: How, setting: Setting, seconds: float) -> None:
        until = time.monotonic() + seconds
        with prepared(self.moment, how, setting) as call:
            kept = Kept(self.moment.held)
            for case in cases:
                if time.monotonic() > until:
                    return
                with _as_they_were(self.subject.held):
                    self._case(file, case, how, call)
                kept.restore()

    def observed(self, case: Case, call: Callable[..., Any]) -> Outcome:
        """The case, called here. The state is put back."""
        kept = Kept(self.moment.held)
        made = [one.make() for one in case.calls]
        outcome = observe(lambda: self._called(call, made), self._watched(made), SEED)
        kept.restore()
        return outcome

    def _case(self, file: BinaryIO, case: Case, how: How, call: Callable[..., Any]) -> None:
        subject, default = self.subject, torch.get_default_dtype()
        try:
            made = [one.make() for one in case.calls]
            if how in (How.EXACT, How.SHAKEN):
                made = [in_double(args, kwargs, subject.held, how is How.SHAKEN) for args, kwargs in made]
        except Exception as error:
            torch.set_default_dtype(default)
            _write(file, f"{type(error).__name__}: {error}"[:500].encode(), -1)
            return
        with contextlib.ExitStack() as modes:
            if how is How.SHAKEN:
                modes.enter_context(EachRounded(self._eps))
            if how in (How.EXACT, How.SHAKEN):
                modes.enter_context(SameDraws(self._draws))
            outcome = observe(lambda: self._called(call, made), self._watched(made), SEED)
        torch.set_default_dtype(default)
        body = io.BytesIO()
        saved.save(outcome, body)
        _write(file, body.getvalue(), 1)

    def _called(self, call: Callable[..., Any], made: Sequence[Made]) -> Any:
        """What each call gave; kept until the last was made, so that one that overwrites another's is seen."""
        found = [self.subject.call(call, args, kwargs) for args, kwargs in made]
        return found[0] if len(found) == 1 else found

    def _watched(self, made: Sequence[Made]) -> Watched:
        if len(made) == 1:
            ((args, kwargs),) = made
            return Watched(args, {**kwargs, **self.subject.around}, self.subject.owner)
        args = tuple(value for args, _ in made for value in args)
        named = dict(self.subject.around)
        for at, (_, kwargs) in enumerate(made, 1):
            named |= {f"{name} of call {at}": value for name, value in kwargs.items()}
        return Watched(args, named, self.subject.owner)


@contextlib.contextmanager
def prepared(moment: Moment, how: How, setting: Setting) -> Iterator[Callable[..., Any]]:
    """What makes the call in this way. In a process that goes on, torch's settings are put back afterwards."""
    if how is not How.COMPILED:
        if forks():
            eager_only()
            yield undisturbed(moment.eager)
        else:
            with torch.compiler.set_stance("force_eager"):
                yield undisturbed(moment.eager)
        return
    names = ("_dynamo", "_functorch", "_inductor")
    dynamo, functorch, inductor = (importlib.import_module(f"torch.{name}.config") for name in names)
    # Gradients are taken with the graph retained, which AOTAutograd refuses where it reuses memory of the forward pass.
    # A cache of graphs could hand over what was compiled before, with another compiler or another setting of it; the
    # binaries of kernels, kept by the text of their source, are what they are. (2.11 to 2.15)
    # NumPy's draws, which Dynamo traces as torch's, come from NumPy's own stream then.
    own = {"fallback_random": setting.same_draws, "fx_graph_cache": False, "compile_threads": 1}
    with (
        dynamo.patch(use_numpy_random_stream=setting.same_draws),
        functorch.patch(donated_buffer=False, enable_autograd_cache=False),
        inductor.patch({**_options(setting), **own}),
    ):
        yield moment.compiled(setting.backend)


def _options(setting: Setting) -> dict[str, Any]:
    if setting.mode == "default":
        return {}
    return dict(importlib.import_module("torch._inductor").list_mode_options(setting.mode))


@contextlib.contextmanager
def _as_they_were(held: Sequence[Any]) -> Iterator[None]:
    """Modules' parameters have their memory back afterwards, in its dtype: turning them leaves that alone."""
    modules = (one for one in held if isinstance(one, torch.nn.Module))
    before = [(one, one.data, one.grad) for module in modules for one in module.parameters()]
    try:
        yield
    finally:
        for parameter, data, grad in before:
            parameter.data = data
            parameter.grad = grad


def forks() -> bool:
    """Whether this process can be forked: a context of CUDA does not come along."""
    cuda: Any = torch.cuda
    return not (cuda.is_available() and cuda.is_initialized())


def apart(work: Callable[[BinaryIO], None], seconds: float) -> tuple[bytes, str, bool]:
    """Work in a fork, where there can be one, else here: (what it wrote, why it did not end, whether for want of time
    or memory).
    """
    if forks():
        answer = attempt(work, 1.25 * seconds + 5)
        return answer.data, answer.why, answer.late or answer.killed
    file = io.BytesIO()
    why = ""
    try:
        with _limited(1.25 * seconds + 5):
            work(file)
    except TimeoutError:
        return file.getvalue(), "it did not end in time", True
    except Exception as error:
        why = f"{type(error).__name__}: {error}"[:500]
    return file.getvalue(), why, False


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def late(number: int, frame: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _write(file: BinaryIO, body: bytes, sign: int) -> None:
    file.write(struct.pack("<q", sign * max(len(body), 1)) + (body or b"?"))
    file.flush()


def _read(body: bytes) -> Outcome | Failed:
    try:
        return saved.load(io.BytesIO(body))
    except (OSError, ValueError) as error:
        return Failed(f"its outcome could not be kept ({error})")

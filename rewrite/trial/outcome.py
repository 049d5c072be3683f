"""Make one call and write down everything that it did. Meant for a fork: nothing is put back."""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from g2.rewrite.trial.clock import Ticking
from g2.rewrite.trial.deeds import Leaf, Outcome, Raised, Told
from g2.rewrite.trial.gradients import Sources
from g2.rewrite.trial.saved import load, save
from g2.rewrite.trial.surroundings import modes, random_streams, walk_state
from g2.rewrite.trial.telling import Telling
from g2.rewrite.trial.tensors import Budget, Memory, plain, qualified, version_of
from g2.rewrite.trial.walk import Walk

__all__ = ["Leaf", "Outcome", "Raised", "Told", "Watched", "load", "observe", "save"]

YIELDED = 64  # items taken of a generator that a call returns
_TORCH = str(Path(torch.__file__).parent)


@dataclass(frozen=True)
class Watched:
    """What to look at besides the call itself.

    args, kwargs: the very objects that the call is given. owner: the module (or other `self`) that the function belongs
    to, or None. function: where its defaults and closure are to be watched as well. names: of the positional arguments,
    for the words in which a difference is told. ignored: names under which outputs may differ, so that no gradient
    starts there.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    owner: Any = None
    function: Any = None
    names: tuple[str, ...] = ()
    ignored: frozenset[str] = frozenset()

    @property
    def arguments(self) -> list[tuple[str, Any]]:
        """(name, value) of each; the owner itself, where it is the first of them, is left out."""
        named = list(self.names) + [f"argument {place}" for place in range(len(self.names), len(self.args))]
        found = [*zip(named, self.args, strict=False), *self.kwargs.items()]
        return [(name, value) for name, value in found if self.owner is None or value is not self.owner]


def observe(call: Callable[[], Any], watched: Watched, cotangents: int) -> Outcome:
    """Run `call` in this process and return everything that it did; an exception of the call is part of it.

    cotangents: the seed of the random cotangents for the gradients: the same for the outcomes that will be compared.
    Of a generator that the call returns, the first items are taken and are its output. KeyboardInterrupt goes through.
    """
    memory, budget = Memory(), Budget()
    before_arguments, before_state = _before(watched, memory)
    sources = Sources([*watched.arguments, ("self", watched.owner)])
    streams = random_streams()
    raised: Raised | None = None
    output: Any = None
    gradients: tuple[Leaf, ...] = ()
    outputs = Walk(memory, budget)
    with Telling() as telling, Ticking():
        try:
            output = call()
            if isinstance(output, types.GeneratorType):
                output = list(islice(output, YIELDED))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raised = _raised(error)
        streams_after = random_streams()
        modes_after = modes()
        if raised is None:
            with torch.no_grad():
                outputs.add("the output", output)
            gradients = sources.gradients(output, cotangents, memory, budget, watched.ignored)
    with torch.no_grad():
        arguments = Walk(memory, budget, before_arguments)
        for name, value in watched.arguments:
            arguments.add(name, value)
        state = Walk(memory, budget, before_state)
        walk_state(state, watched.owner, watched.function)
    return Outcome(
        outputs=tuple(outputs.leaves),
        gradients=gradients,
        arguments=tuple(arguments.leaves),
        state=tuple(state.leaves),
        changed=_changed(before_arguments, arguments) | _changed(before_state, state),
        raised=raised,
        told=telling.told,
        random=tuple((name, digest, streams_after.get(name, "")) for name, digest in streams.items()),
        modes=tuple(modes_after.items()),
    )


def _before(watched: Watched, memory: Memory) -> tuple[dict[str, str], dict[str, str]]:
    """By path, what each value is before the call; and who shares memory with whom then."""
    with torch.no_grad():
        arguments = Walk(memory, Budget(keep=0))
        for name, value in watched.arguments:
            arguments.add(name, value)
        state = Walk(memory, Budget(keep=0))
        walk_state(state, watched.owner, watched.function)
    memory.begun = {memory.objects[id(held)]: (id(held), version_of(held)) for held in memory.held}
    return _known(arguments), _known(state)


def _known(walk: Walk) -> dict[str, str]:
    return {leaf.path: leaf.digest or leaf.text for leaf in walk.leaves}


def _changed(before: dict[str, str], walk: Walk) -> frozenset[str]:
    after = _known(walk)
    return frozenset(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def _raised(error: BaseException) -> Raised:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    deliberate = False
    if trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(_TORCH) and trace.tb_lasti >= 0:
            deliberate = code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return Raised(qualified(type(error)), plain(str(error)), deliberate)

"""One call of a root, made and timed: its forward, and its backward where the script trains."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from g2.check.child.moment import Moment
from g2.rewrite.trial.copies import Change, Inputs
from g2.rewrite.trial.gradients import tensors_of

Given = tuple[tuple[Any, ...], dict[str, Any]]


class Called:
    """Makes the call with the very objects that it was given, in the state that they are in.

    flows: whether gradients flow back from what it returned. what: "forward" or "forward and backward". The cotangents
    are the same in every call.
    """

    def __init__(self, moment: Moment, now: Callable[[], float]) -> None:
        self._moment = moment
        self._now = now
        self._cotangents: dict[tuple[int, tuple[int, ...], torch.dtype], torch.Tensor] = {}
        self._leaves = [one for one in self.tensors(moment) if one.is_leaf and one.requires_grad]
        self.flows = False

    @property
    def what(self) -> str:
        """What of the call is timed."""
        return "forward and backward" if self.flows else "forward"

    @staticmethod
    def tensors(moment: Moment) -> Iterator[torch.Tensor]:
        """Those that the call reaches: inputs, parameters and buffers."""
        return (tensor for _, tensor in tensors_of(moment.held, ""))

    def dtypes(self) -> tuple[str, ...]:
        """Of floating tensors that the call is given."""
        names = {str(one.dtype).removeprefix("torch.") for one in self.tensors(self._moment) if one.is_floating_point()}
        return tuple(sorted(names))

    def eager(self) -> dict[str, float]:
        """Seconds of one call without Dynamo."""
        return self.make(self._moment.eager)

    def sets(self, count: int) -> list[Given]:
        """So many times the arguments, each with memory of its own; once where they cannot be copied."""
        moment = self._moment
        first = moment.args[:1] if moment.args and moment.args[0] is moment.module else ()
        given: list[Given] = [(moment.args, moment.kwargs)]
        change = Change(values=lambda _path, tensor: tensor.clone())
        try:
            inputs = Inputs(moment.args[len(first) :], moment.kwargs)
            for _ in range(count - 1):
                args, kwargs = inputs.make(change)
                given.append(((*first, *args), dict(kwargs)))
        except Exception:  # what they are made of cannot be taken apart
            return given[:1]
        return given

    def make(self, run: Callable[..., Any], given: Given | None = None) -> dict[str, float]:
        """Seconds of one call: "call", and "forward" where backward is part of it. Raises what the call raises."""
        moment = self._moment
        args, kwargs = given or (moment.args, moment.kwargs)
        begin = self._now()
        outputs = run(*args, **kwargs)
        forward = self._now()
        if not moment.trains:
            return {"call": forward - begin}
        ends = self._ends(outputs)
        if not ends:
            return {"call": forward - begin}
        self.flows = True
        cotangents = [self._cotangent(place, one) for place, one in enumerate(ends)]
        again = self._now()
        torch.autograd.backward(ends, cotangents)
        end = self._now()
        for leaf in self._leaves:
            leaf.grad = None
        return {"call": (forward - begin) + (end - again), "forward": forward - begin}

    @staticmethod
    def _ends(outputs: Any) -> list[torch.Tensor]:
        found = (one for _, one in itertools.islice(tensors_of(outputs, "output"), 64))
        return [one for one in found if one.requires_grad and one.grad_fn is not None]

    def _cotangent(self, place: int, tensor: torch.Tensor) -> torch.Tensor:
        key = (place, tuple(tensor.shape), tensor.dtype)
        if key not in self._cotangents:
            generator = torch.Generator().manual_seed(zlib.crc32(repr(key).encode()))
            steps = torch.randint(-5, 5, tensor.shape, generator=generator)
            self._cotangents[key] = ((2 * steps + 1) / 4).to(device=tensor.device, dtype=tensor.dtype)
        return self._cotangents[key]

"""Other inputs for a call that was seen, the most telling first. Any fork of one process makes the very same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from typing import Any

import torch

from g2.rewrite.trial.changes import EACH, NEGATED, REDRAWN, WAYS, Way
from g2.rewrite.trial.copies import Change, Inputs
from g2.rewrite.trial.held import Held, held
from g2.rewrite.trial.searching import random_change
from g2.rewrite.trial.sizes import Renaming, lengths, renamable, renamings

Made = tuple[tuple[Any, ...], dict[str, Any]]
MOST = 40
_WITH_GRAD = 3  # of so many random inputs one requires gradients
_OTHER_MODE = 4  # of so many random inputs one comes in the other of train and eval


@dataclass(frozen=True)
class Variant:
    """name: in words, "x negated". make: the inputs, new tensors at every call.

    It may change the module's buffers too, so it is called in the fork that makes the call. The recorded tensors are
    never written to.
    """

    name: str
    make: Callable[[], Made]


def recorded(args: tuple[Any, ...], kwargs: Mapping[str, Any], names: Sequence[str] = ()) -> Variant:
    """The inputs as they were, as copies."""
    inputs = Inputs(args, kwargs, names)
    return Variant("as recorded", inputs.make)


def variants(
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    module: Any = None,
    names: Sequence[str] = (),
    kept: frozenset[str] = frozenset(),
) -> Iterator[Variant]:
    """At most 40 other inputs, the recorded ones not among them. kept: attributes of the object that are not changed.

    Tensors, all together and then each alone; sizes, the same in all tensors that have them; Python floats; what the
    object holds; train and eval; layout in memory and requires_grad; random numbers of another seed. None, strings and
    flags stay as they are.
    """
    inputs = Inputs(args, kwargs, names)
    together = _together(inputs, WAYS)
    sizes = [_resized(inputs, renaming) for renaming in renamings(inputs, module)]
    inside = [_with_held(inputs, item, way) for item in held(module, kept) for way in item.ways()]
    modes = [_other_mode(inputs, module)] if isinstance(module, torch.nn.Module) else []
    grads = list(_grads(inputs))
    rest = [*_strides(inputs), _reseeded(inputs), *_numbers(inputs)]
    alone = [_alone(inputs, path, way) for path, way in _each(inputs)]
    ordered = [*together[:3], *sizes[:1], *modes, *inside[:1], *together[3:4], *grads, *together[4:5], *sizes[1:3]]
    lists = (together[5:], alone, sizes[3:], inside[1:], rest)
    ordered += [variant for turn in zip_longest(*lists) for variant in turn if variant is not None]
    yield from islice({variant.name: variant for variant in ordered}.values(), MOST)


def sequences(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], module: Any = None, names: Sequence[str] = ()
) -> Iterator[tuple[str, list[Variant]]]:
    """(name, calls to make one after another on the same object).

    Keep all their outputs in one list and observe that: an output that a later call overwrites is then seen.
    """
    inputs = Inputs(args, kwargs, names, kept=True)
    again = Variant("as recorded", inputs.make)
    if (pair := lengths(inputs, module)) is not None:
        longer, shorter = (_resized(inputs, renaming) for renaming in pair)
        yield "long, short, long again", [again, longer, shorter, longer, again]
    yield "the same three times", [again, again, again]
    others = _together(inputs, (REDRAWN,))
    if others:
        yield "other values, then as recorded", [others[0], again]
    first = next(((place, size) for place, size in renamable(inputs, module) if place == 0), None)
    if first is not None:
        batch = Renaming(first[1], first[1] + 1, 0)
        if batch.fits(inputs):
            yield "a larger batch, then as recorded", [again, _resized(inputs, batch), again]
    if isinstance(module, torch.nn.Module):
        modes = [_other_mode(inputs, module), _other_mode(inputs, module, module.training)]
        yield "train and eval in turn", [*modes, again]


def search(
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    module: Any,
    seed: int,
    names: Sequence[str] = (),
    kept: frozenset[str] = frozenset(),
) -> Iterator[Variant]:
    """An endless stream of random inputs, for reaching the other side of a branch."""
    inputs = Inputs(args, kwargs, names)
    small = held(module, kept)
    number = 0
    while True:
        yield _random(inputs, small, module, seed, number)
        number += 1


def _together(inputs: Inputs, ways: Sequence[Way]) -> list[Variant]:
    found: list[Variant] = []
    for way in ways:
        touched = [path for path, tensor in inputs.tensors if way.touches(tensor)]
        if touched:
            name = f"{touched[0]} {way.name}" if len(touched) == 1 else f"all tensors {way.name}"
            found.append(_changed(inputs, name, Change(values=way.apply)))
    return found


def _each(inputs: Inputs) -> Iterator[tuple[str, Way]]:
    for way in EACH:
        paths = [path for path, tensor in inputs.tensors if way.touches(tensor)]
        if len(paths) > 1:
            yield from ((path, way) for path in paths)


def _alone(inputs: Inputs, only: str, way: Way) -> Variant:
    def values(path: str, tensor: torch.Tensor) -> torch.Tensor:
        return way.apply(path, tensor) if path == only else tensor

    return _changed(inputs, f"{only} {way.name}", Change(values=values))


def _resized(inputs: Inputs, renaming: Renaming) -> Variant:
    return _changed(inputs, renaming.name, renaming.change())


def _numbers(inputs: Inputs) -> Iterator[Variant]:
    for only, number in inputs.numbers:
        if isinstance(number, float):
            for other in dict.fromkeys((0.0, -number if number else 1.0, number * 1000)):
                if other != number:
                    yield _changed(inputs, f"{only} = {other!r}", _with_number(only, other))


def _with_number(only: str, other: float) -> Change:
    return Change(number=lambda path, number: other if path == only and isinstance(number, float) else number)


def _grads(inputs: Inputs) -> Iterator[Variant]:
    """requires_grad turned; on, also with values that may take other ways: what flows back differs from way to way."""
    if not _floats(inputs):
        return
    if not _no_grad(inputs):
        yield _changed(inputs, "no tensor requiring grad", Change(grad=False))
        return
    yield _changed(inputs, "all tensors requiring grad", Change(grad=True))
    for way in (REDRAWN, NEGATED):
        yield _changed(inputs, f"all tensors {way.name}, requiring grad", Change(values=way.apply, grad=True))


def _floats(inputs: Inputs) -> list[torch.Tensor]:
    return [tensor for _, tensor in inputs.tensors if tensor.is_floating_point()]


def _no_grad(inputs: Inputs) -> bool:
    return not any(tensor.requires_grad for tensor in _floats(inputs))


def _strides(inputs: Inputs) -> Iterator[Variant]:
    if any(tensor.numel() > 1 for _, tensor in inputs.tensors):
        yield _changed(inputs, "all tensors with other strides", Change(finish=_with_other_strides))


def _with_other_strides(path: str, recorded: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    if new.dim() > 1:
        turned = new.transpose(0, -1)
        made = turned.clone(memory_format=torch.contiguous_format).transpose(0, -1)
        return made if made.stride() != new.stride() else new
    made = torch.empty(2 * new.numel(), dtype=new.dtype, device=new.device)[::2]
    return made.copy_(new) if new.dim() else new


def _with_held(inputs: Inputs, item: Held, way: Way) -> Variant:
    def make() -> Made:
        item.change(way)
        return inputs.make()

    return Variant(f"{item.path} {way.name}", make)


def _other_mode(inputs: Inputs, module: torch.nn.Module, training: bool | None = None) -> Variant:
    wanted = not module.training if training is None else training

    def make() -> Made:
        module.train(wanted)
        return inputs.make()

    return Variant(f"in {'train' if wanted else 'eval'} mode", make)


def _reseeded(inputs: Inputs) -> Variant:
    def make() -> Made:
        torch.manual_seed(1)
        random.seed(1)
        return inputs.make()

    return Variant("random numbers of another seed", make)


def _random(inputs: Inputs, small: Sequence[Held], module: Any, seed: int, number: int) -> Variant:
    def make() -> Made:
        torch.manual_seed(number + 1)  # a draw may decide which way is taken
        random.seed(number + 1)
        if number % _OTHER_MODE == 1 and isinstance(module, torch.nn.Module):
            module.train(not module.training)
        change, inner = random_change(inputs, module, seed, number)
        if number % _WITH_GRAD == _WITH_GRAD - 1 and _no_grad(inputs):
            change = replace(change, grad=True)
        for item in small if inner is not None else ():
            assert inner is not None
            item.change(inner)
        return inputs.make(change)

    return Variant(f"random inputs {number}", make)


def _changed(inputs: Inputs, name: str, change: Change) -> Variant:
    return Variant(name, lambda: inputs.make(change))

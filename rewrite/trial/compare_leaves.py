"""Two structures leaf by leaf: the first difference in words, or that they are the same, or close."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from g2.rewrite.trial.deeds import Leaf, Outcome
from g2.rewrite.trial.filled import filled, within
from g2.rewrite.trial.tensors import SEPARATOR
from g2.rewrite.trial.tolerance import cancelled, largest, number_too_far, too_far

_FACTS = {
    "type": "is a {new}, was a {old}",
    "dtype": "has dtype {new}, had {old}",
    "shape": "has shape {new}, had {old}",
    "device": "is on {new}, was on {old}",
    "layout": "has the layout {new}, had {old}",
}
_WHOLE = re.compile(r"numpy\.u?int\d+ (?:np\.\w+\()?(?P<numpy>-?\d+)\)?|int (?P<python>-?\d+)")
Targets = list[Leaf | None]  # the leaf in float64, and from shaken inputs
_PARAMETER = "torch.nn.parameter.Parameter"


@dataclass
class Judge:
    """Compares the structures of two outcomes, and remembers what was only close.

    values: False when random draws that are a named difference went into them; then their kinds alone are compared.
    """

    old: Outcome
    new: Outcome
    reference: Outcome | None
    shaken: Outcome | None
    differs: frozenset[str]
    values: bool = True
    largest: float = 0.0  # of all gradients, while gradients are compared
    close: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    def outputs(self) -> Iterator[str]:
        """Differences of what is returned."""
        for old, new, targets in self._pairs(self.old.outputs, self.new.outputs, "outputs"):
            yield from self._leaf(old, new, targets, exact=True)

    def gradients(self) -> Iterator[str]:
        """Differences of what flows back. Strides of gradients are torch's own affair."""
        self.largest = largest(leaf.values for leaf in self.old.gradients if leaf.values is not None)
        for old, new, targets in self._pairs(self.old.gradients, self.new.gradients, "gradients"):
            none = {"None", "missing"} if "requires-grad" in self.differs else {"None"}  # nothing required any
            if {old.kind, new.kind} == {"tensor", "text"} and not none.isdisjoint((old.text, new.text)):
                if self.values or old.kind == "tensor":  # other draws may lead where these did not
                    yield from self._unused(old, new)
            else:
                yield from self._leaf(old, new, targets, exact=False)
        self.largest = 0.0

    def arguments(self) -> Iterator[str]:
        """Differences of the arguments after the call."""
        yield from self._after(self.old.arguments, self.new.arguments, "arguments")

    def state(self) -> Iterator[str]:
        """Differences of the object after the call, of defaults and closures."""
        yield from self._after(self.old.state, self.new.state, "state")

    def _after(self, olds: tuple[Leaf, ...], news: tuple[Leaf, ...], name: str) -> Iterator[str]:
        for old, new, targets in self._pairs(olds, news, name):
            here, there = old.path in self.old.changed, new.path in self.new.changed
            if old.text == "missing" and "made-early" in self.differs:
                self.notes.append(f"{new.path} is made, was not yet")
            elif here != there and self.values and (old.values is None or new.values is None):
                words = "is left as it was, was changed" if here else "was left as it was, is changed"
                yield f"{old.path} {words}{_said(old if here else new)}"
            else:
                yield from self._leaf(old, new, targets, exact=True)

    def _pairs(self, olds: tuple[Leaf, ...], news: tuple[Leaf, ...], name: str) -> Iterator[tuple[Leaf, Leaf, Targets]]:
        """Leaves of one path; one that only the other side has is told as a difference of what holds it."""
        found, names = {leaf.path: leaf for leaf in news}, filled(self.differs)
        exact: list[dict[str, Leaf]] = [
            {leaf.path: leaf for leaf in getattr(one, name)} if one is not None and one.raised is None else {}
            for one in (self.reference, self.shaken)
        ]
        for old in olds:
            new = found.pop(old.path, None)
            if within(old.path, names):
                continue
            yield old, new or Leaf(old.path, "text", "missing"), [leaves.get(old.path) for leaves in exact]
        for new in found.values():
            if not within(new.path, names):
                yield Leaf(new.path, "text", "missing"), new, []

    def _leaf(self, old: Leaf, new: Leaf, targets: Targets, exact: bool) -> Iterator[str]:
        path = old.path
        if old.kind != new.kind:
            yield f"{path} is {_kind(new)}, was {_kind(old)}"
        elif old.kind == "text":
            if "number-type" in self.differs and _plain(old.text) == _plain(new.text) != "":
                return
            if old.text != new.text and (self.values or old.text.split(" ")[0] != new.text.split(" ")[0]):
                yield f"{path} is {_short(new.text, old.text)}, was {_short(old.text, new.text)}"
        elif old.kind == "number":
            yield from self._number(old, new, targets)
        else:
            facts = list(self._facts(old, new, exact))
            yield from facts
            if not facts and self.values:
                yield from self._tensor(old, new, targets)

    def _facts(self, old: Leaf, new: Leaf, exact: bool) -> Iterator[str]:
        for name, words in _FACTS.items():
            if old.fact(name) != new.fact(name):
                yield f"{old.path} " + words.format(old=old.fact(name), new=new.fact(name))
        if old.fact("requires_grad") != new.fact("requires_grad"):
            did = old.fact("requires_grad") == "True"
            words = f"{old.path} " + ("does not require grad, did" if did else "requires grad, did not")
            if "requires-grad" in self.differs and not did:
                self.notes.append(words)
            else:
                yield words
        if not exact:
            return
        if old.fact("rebound") != new.fact("rebound") and not (
            new.fact("rebound") and "aliasing" in self.differs and old.path not in self.old.changed
        ):
            told = "written in place", "another tensor"
            yield f"{old.path} is {told[bool(new.fact('rebound'))]}, was {told[bool(old.fact('rebound'))]}"
        freed = False
        for text, held in self._shared(old, new):
            freed |= not held
            if held:
                yield text
            else:
                self.notes.append(text)
        if old.fact("stride") != new.fact("stride") and not freed:
            words = f"{old.path} has strides {new.fact('stride')}, had {old.fact('stride')}"
            if "strides" in self.differs or ("contiguous" in self.differs and _row_by_row(new)):
                self.notes.append(words)
            else:
                yield words
        elif old.fact("shares") and new.fact("shares") and old.fact("offset") != new.fact("offset"):
            yield f"{old.path} is another part of the memory that it shares"

    def _shared(self, old: Leaf, new: Leaf) -> Iterator[tuple[str, bool]]:
        """(words, whether it is held against the new text).

        A result that no longer shares memory with an argument is not: a branch that was not taken returned its input,
        and its masked form returns a new tensor. One that now does share, where it did not, always is.
        """
        before, after = _paths(old), _paths(new)
        if before == after and old.fact("is") == new.fact("is"):
            return
        mirrored = old.path in {leaf.path for leaf in (*self.old.arguments, *self.old.state)}
        if mirrored:
            outputs = {leaf.path for leaf in (*self.old.outputs, *self.new.outputs)}
            before, after = before - outputs, after - outputs
        for path in sorted(after - before):
            yield f"{old.path} shares memory with {path}, did not", True
        arguments = {leaf.path for leaf in self.old.arguments}
        for path in sorted(before - after):
            free = (path in arguments and not mirrored) or "aliasing" in self.differs
            yield f"{old.path} no longer shares memory with {path}", not free
        if before == after and not mirrored:
            one, other = (new, "was not") if new.fact("is") else (old, "now is not")
            yield f"{old.path} is {one.fact('is')} itself on one side, and {other}", False

    def _tensor(self, old: Leaf, new: Leaf, targets: Targets) -> Iterator[str]:
        if old.digest == new.digest:
            return
        if old.values is None or new.values is None:
            yield f"{old.path} holds other values"
            return
        one, other = old.values, new.values
        if one.dtype.is_floating_point and one.element_size() == 1:  # float8 can hardly do anything
            one, other = one.float(), other.float()
        differing = (one != other) & ~(one.isnan() & other.isnan())
        far = too_far(one, other, *(target.values if target is not None else None for target in targets))
        exact = targets[0].values if targets and targets[0] is not None else None
        if bool(far.any()) and not (self.largest and cancelled(one, other, self.largest, exact)):
            yield f"{old.path}{elements(one, other, far)}"
        elif bool(differing.any()):
            self.close.append(f"{old.path}{elements(one, other, differing)}")
        elif not _same_bits(one, other):
            self.close.append(f"{old.path}: the sign of a zero")

    def _number(self, old: Leaf, new: Leaf, targets: Targets) -> Iterator[str]:
        if old.text == new.text or old.number is None or new.number is None:
            return
        words = f"{old.path} is {_short(new.text, old.text)}, was {_short(old.text, new.text)}"
        if old.text.split(" ")[0] != new.text.split(" ")[0]:
            yield words
        elif self.values:
            if number_too_far(old.number, new.number, *(target.number if target else None for target in targets)):
                yield words
            else:
                self.close.append(words)

    def _unused(self, old: Leaf, new: Leaf) -> Iterator[str]:
        """None on one side: no path leads there. Zeros are the same to whoever only passes a gradient on, not to an
        optimizer: it leaves a parameter without gradient alone, and decays one whose gradient is zero."""
        there = new if new.kind == "tensor" else old
        zeros = there.values is not None and not bool(self._finite(there.values).any())
        root = old.path.removeprefix("the gradient of ")
        kept = any(leaf.path == root and leaf.fact("type") != _PARAMETER for leaf in self.old.arguments)
        if not zeros or not (kept or "zero-gradient" in self.differs):
            what = "zeros" if zeros else "not zero"
            yield f"{old.path} is {what if there is new else 'None'}, was {'None' if there is new else what}"

    def _finite(self, gradient: torch.Tensor) -> torch.Tensor:
        """Zero in place of NaN where the original's own results are not finite: zero times infinity is no number."""
        found = [leaf.values for leaf in self.old.outputs if leaf.values is not None]
        lost = any(values.is_floating_point() and not bool(values.isfinite().all()) for values in found)
        return gradient.nan_to_num(nan=0.0) if lost and "zero-gradient" in self.differs else gradient


def _plain(text: str) -> str:
    """The whole number that a text shows, as Python's or as NumPy's; empty for anything else."""
    found = _WHOLE.fullmatch(text)
    return (found["numpy"] or found["python"]) if found else ""


def _row_by_row(leaf: Leaf) -> bool:
    """Whether a tensor is contiguous: each stride is the number of elements behind its dimension."""
    shape, strides = (json.loads(leaf.fact(name) or "[]") for name in ("shape", "stride"))
    if len(shape) != len(strides):
        return False
    expected = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


def _paths(leaf: Leaf) -> set[str]:
    return set(filter(None, leaf.fact("shares").split(SEPARATOR)))


def _kind(leaf: Leaf) -> str:
    return f"a tensor of {leaf.fact('dtype')}" if leaf.kind == "tensor" else leaf.text


def _said(leaf: Leaf) -> str:
    return f" to {_short(leaf.text, leaf.text)}" if leaf.kind != "tensor" else ""


def _short(text: str, other: str) -> str:
    """Without the type, where both have the same."""
    kind, space, value = text.partition(" ")
    plain = kind in ("int", "float", "bool", "str", "bytes", "complex") and other.partition(" ")[0] == kind
    shown = value if space and plain else text
    return shown if len(shown) <= 200 else shown[:200] + "..."


def elements(old: torch.Tensor, new: torch.Tensor, where: torch.Tensor) -> str:
    """ "3 of 32 elements differ, largest 1.2 at [3, 4]", or the first NaN that was none."""
    count = int(where.sum())
    if old.numel() == 1:
        return f" is {_at(new, [0] * new.dim())}, was {_at(old, [0] * old.dim())}"
    said = f": {count} of {old.numel()} elements differ"
    odd = where if old.dtype == torch.bool else where & (old.isfinite() != new.isfinite())
    if bool(odd.any()):
        place = odd.nonzero()[0].tolist()
        return f"{said}, {_at(new, place)}{_where(place)} where it was {_at(old, place)}"
    gap = torch.where(where, (new.to(_wide(new)) - old.to(_wide(old))).abs(), 0.0)
    gap = torch.where(gap.isnan(), torch.inf, gap)
    place = [int(part) for part in torch.unravel_index(gap.argmax(), gap.shape)] if gap.dim() else []
    return f"{said}, largest {float(gap.max()):.3g}{_where(place)}"


def _wide(tensor: torch.Tensor) -> torch.dtype:
    return torch.complex128 if tensor.is_complex() else torch.float64


def _at(tensor: torch.Tensor, place: list[int]) -> str:
    value = tensor[tuple(place)].item()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _where(place: list[int]) -> str:
    return f" at {place}" if place else ""


def _same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    if not one.dtype.is_floating_point:
        return True
    return bool(((one.signbit() == other.signbit()) | one.isnan()).all())

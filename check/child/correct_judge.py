"""Did the compiled call do what eager did? The first difference in words, with its worst element.

What counts, and what does not although the two differ (each a documented property of torch.compile):

- Of outputs: values, type, dtype, shape, device, layout, requires_grad; strides too (Inductor's keep_output_stride, on
  by default, promises eager's; where a dimension has one element its stride says nothing); which input or which other
  output an output shares memory with, and that it is that very object (AOTAutograd replays aliases).
- Of inputs and of what the module holds, after the call: the same, and whether it was written in place.
- Of gradients: values, dtype and shape. Their strides are torch's own affair. A gradient of zeros stands for none:
  AOTAutograd returns tensors where eager's graph has no path.
- Random streams: the same state afterwards, under Inductor's fallback_random. Without it Inductor draws from a stream
  of its own (torch._inductor.config.fallback_random), which is compared by statistics.
- Exceptions: what the program raises itself, with its type and words. Where an operation of torch refuses its operands,
  Dynamo and Inductor word it otherwise and raise at another time: then it is enough that both raise. Where torch alone
  raises and compiled code does not, the inputs are none that the program is made for, which is noted.
- What is printed to stdout. Warnings and logs are not compared: compiling has its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from g2.check.child.correct_rule import EXACT, ONE, judged, worst
from g2.check.model import Worst
from g2.rewrite.trial.compare_leaves import Judge, Targets, elements
from g2.rewrite.trial.compare_told import told_differences
from g2.rewrite.trial.deeds import Leaf, Outcome, Raised

# What stops a compiler on a machine, and says nothing of what is compiled: g2's own fences, no compiler, no room.
_HINDERED = re.compile(
    r"g2 does not repeat effects|InvalidCxxCompiler|No working C\+\+ compiler|TritonMissing|No space left on device|"
    r"File too large|File size limit exceeded|Disk quota exceeded|Cannot allocate memory|Killed signal terminated"
)
_NO_GRAD = " does not require grad, did"  # as compare_leaves.Judge says it


@dataclass(frozen=True, slots=True)
class Verdict:
    """outcome, detail, how and worst: as of model.Compared. path: the leaf that differs, empty for none."""

    outcome: str
    detail: str = ""
    how: str = EXACT
    worst: Worst | None = None
    path: str = ""


class _Judge(Judge):
    """Judge's walk over two outcomes, with the rule for compiled code."""

    worst: Worst | None = None
    path: str = ""
    fallback: str = ""
    slack: float = ONE

    def _tensor(self, old: Leaf, new: Leaf, targets: Targets) -> Iterator[str]:
        if old.digest == new.digest:
            return
        if old.values is None or new.values is None:
            yield f"{old.path} holds other values"
            return
        one, other = old.values, new.values
        exact, shaken = (_values(target, one) for target in (*targets, None, None)[:2])
        found = judged(one, other, exact, shaken, old.fact("device"), self.slack)
        if found.how != EXACT:
            self.fallback = found.how
        if one.dtype.itemsize == 1 and one.is_floating_point():
            one, other = one.float(), other.float()
        if found.forgiven:
            self.notes.append(f"eager overflows in {found.forgiven} elements of {old.path}, float64 does not")
        if bool(found.far.any()):
            self.worst, self.path = worst_of(old.path, one, other, found.far, exact), old.path
            yield f"{old.path}{elements(one, other, found.far)}"
        else:
            differing = (one != other) & ~(one.isnan() & other.isnan())
            if bool(differing.any()):
                self.close.append(f"{old.path}{elements(one, other, differing)}")

    def _unused(self, old: Leaf, new: Leaf) -> Iterator[str]:
        there = new if new.kind == "tensor" else old
        if there.values is not None and bool(there.values.nan_to_num().any()):
            self.path = old.path
            is_now, was = ("not zero", "None") if there is new else ("None", "not zero")
            yield f"{old.path} is {is_now}, was {was}"

    def _shared(self, old: Leaf, new: Leaf) -> Iterator[tuple[str, bool]]:
        yield from ((text, True) for text, _ in super()._shared(old, new))


def worst_of(
    path: str, eager: torch.Tensor, compiled: torch.Tensor, far: torch.Tensor, exact: torch.Tensor | None
) -> Worst:
    """The furthest of the elements `far`, with its three values; of complex numbers their magnitudes."""
    index = worst(eager, compiled, far, exact)
    shaped = exact if exact is not None and exact.shape == eager.shape else None
    return Worst(path, index, _at(eager, index), _at(compiled, index), None if shaped is None else _at(shaped, index))


def strides_differ(one: Outcome, other: Outcome) -> str | None:
    """The first output that has other strides, where values are the same in number."""
    judge = _Judge(_bare(one), _bare(other), None, None, frozenset())
    said = (words.partition(" has strides ")[0] for words in judge.outputs() if " has strides " in words)
    return next(said, None)


def verdict(
    eager: Outcome, compiled: Outcome, exact: Outcome | None = None, shaken: Outcome | None = None,
    strides: bool = True, slack: float = ONE, grad: bool = True,
) -> Verdict:  # fmt: skip
    """exact: eager in float64; shaken: the same from inputs moved by a unit in the last place. strides: of outputs
    count. slack: see correct_rule.py. grad: an output that no longer requires a gradient counts.
    """
    if eager.raised is not None or compiled.raised is not None:
        return _raised(eager, compiled)
    judge = _Judge(_bare(eager), _bare(compiled), exact, shaken, frozenset())
    judge.slack = slack
    for words in _differences(judge):
        if (not strides and " has strides " in words) or (not grad and words.endswith(_NO_GRAD)):
            continue
        path = judge.path or words.partition(" ")[0]
        return Verdict("differs", words, judge.fallback or EXACT, judge.worst, path)
    detail = "; ".join([*judge.close[:1], *dict.fromkeys(judge.notes)])
    return Verdict("close" if judge.close else "same", detail, judge.fallback or EXACT)


def _differences(judge: _Judge) -> Iterator[str]:
    yield from judge.outputs()
    yield from judge.gradients()
    yield from judge.arguments()
    yield from judge.state()
    yield from told_differences(judge.old.told, judge.new.told)
    after = {name: digest for name, _, digest in judge.new.random}
    for name, _, digest in judge.old.random:
        if after.get(name) != digest:
            yield f"the random stream of {name} is left in another state"
    settings = dict(judge.new.modes)
    for name, value in judge.old.modes:
        if settings.get(name) != value:
            yield f"{name} is left at {settings.get(name)}, was left at {value}"


def _raised(eager: Outcome, compiled: Outcome) -> Verdict:
    one, other = eager.raised, compiled.raised
    if other is not None and _HINDERED.search(other.message):
        return Verdict("unable", f"it could not be compiled here: {_said(other)}")
    if one is None:
        assert other is not None
        return Verdict("differs", f"raises {_said(other)}, eager does not")
    if other is None:
        if one.deliberate:
            return Verdict("differs", f"does not raise {_said(one)}, eager does")
        return Verdict("refused", f"only eager raises {_said(one)}")
    if one.deliberate and (one.type != other.type or one.message != other.message):
        inside = one.message and one.message in other.message  # Dynamo adds where it stood
        if not inside:
            return Verdict("differs", f"raises {_said(other)}, eager raises {_said(one)}")
    return Verdict("refused", f"raises {_said(one)}")


def _bare(outcome: Outcome) -> Outcome:
    """Without what is not compared."""
    return replace(outcome, told=tuple(told for told in outcome.told if told.kind == "stdout"))


def _values(target: Leaf | None, like: torch.Tensor) -> torch.Tensor | None:
    if target is None or target.values is None or target.values.shape != like.shape:
        return None
    return target.values


def _at(tensor: torch.Tensor, index: tuple[int, ...]) -> float:
    value = tensor[index].item()
    return float(abs(value)) if isinstance(value, complex) else float(value)


def _said(raised: Raised) -> str:
    message = raised.message.strip().splitlines()[0] if raised.message.strip() else ""
    kind = raised.type.rpartition(".")[2]
    return f"{kind} ({message if len(message) <= 160 else message[:160] + '...'})" if message else kind

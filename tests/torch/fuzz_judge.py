"""Do two texts of one script do the same? Judged by running both, by none of the code that the proof uses.

`python fuzz_judge.py`: reads a JSON object a line, {"before": text, "after": text, "name": of a class}, and answers
each with a list of [tag, inputs, difference], at most a few. Each text's class is made anew for each trial, and called
in eager with the same inputs: once, or several times on the same object.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from fuzz_deeds import OTHER_DTYPES, Deed, Inputs, Module, cases, copied, do

ENOUGH = 3  # differences of one pair
# What generated functions raise themselves, if the message is theirs.
DELIBERATE = (ValueError, AssertionError, RuntimeError, IndexError, TypeError)


def _gap(what: str, old: Any, new: Any) -> Iterator[tuple[str, str]]:
    """(tag, difference) of two values; the tag is empty where nothing may excuse it."""
    if isinstance(old, tuple) and old and old[0] == "tensor":
        if not (isinstance(new, tuple) and new and new[0] == "tensor"):
            yield "", f"{what} is {type(new).__name__}, was a tensor"
            return
        first, second = old[2], new[2]
        if first.dtype != second.dtype:
            yield "", f"{what} is {second.dtype}, was {first.dtype}"
        elif first.shape != second.shape:
            yield "", f"{what} has shape {tuple(second.shape)}, had {tuple(first.shape)}"
        elif not _close(first, second):
            yield "", f"{what} is {second.flatten()[:6].tolist()}, was {first.flatten()[:6].tolist()}"
        if old[1] != new[1]:
            tag = "more-requires-grad" if new[1] else "requires-grad"
            yield tag, f"{what} requires_grad is {new[1]}, was {old[1]}"
    elif isinstance(old, (tuple, list)):
        if type(old) is not type(new) or len(old) != len(new):
            yield "", f"{what} is {new!r:.80}, was {old!r:.80}"
            return
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _gap(f"{what}[{number}]", one, other)
    elif isinstance(old, dict):
        if not isinstance(new, dict) or set(old) != set(new):
            yield "", f"{what} has keys {list(new) if isinstance(new, dict) else new!r:.80}, had {list(old)}"
            return
        for key in old:
            yield from _gap(f"{what}.{key}", old[key], new[key])
    elif isinstance(new, tuple) and new and new[0] == "tensor":
        same = isinstance(old, (int, float)) and new[2].ndim == 0 and new[2].item() == old
        yield "a tensor" if same else "", f"{what} is a tensor, was {type(old).__name__}"
    elif type(old) is not type(new):
        yield "", f"{what} is {type(new).__name__}, was {type(old).__name__}"
    elif isinstance(old, float) and isinstance(new, float):
        alike = (
            old == new or (math.isnan(old) and math.isnan(new)) or math.isclose(old, new, rel_tol=1e-4, abs_tol=1e-6)
        )
        if not alike:
            yield "", f"{what} is {new}, was {old}"
    elif old != new:
        yield "", f"{what} is {new!r:.60}, was {old!r:.60}"


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    if not one.is_floating_point():
        return torch.equal(one, other)
    rough = {torch.float16: 2e-2, torch.bfloat16: 5e-2, torch.float64: 1e-8}.get(one.dtype, 1e-4)
    # One unit of rounding in a large intermediate stays visible in a small result.
    finite = one[one.isfinite()]
    scale = float(finite.abs().max()) if finite.numel() else 1.0
    return bool(torch.allclose(one, other, rtol=rough, atol=rough * min(scale, 1e6) * 0.1 + 1e-7, equal_nan=True))


def _deliberate(error: BaseException) -> bool:
    return isinstance(error, DELIBERATE) and (isinstance(error, AssertionError) or "bad" in str(error))


def differences(before: Module, after: Module, calls: list[Inputs], mode: str) -> Iterator[tuple[str, str]]:
    """(tag, what) of each difference between two classes on these calls."""
    old, new = do(before, calls, mode), do(after, calls, mode)
    if old.error is not None and not _deliberate(old.error):
        return  # not an input that the function is made for
    if old.error is not None:
        if new.error is None:
            yield "", f"does not raise {old.error!r}"
        elif type(old.error) is not type(new.error) or str(old.error) != str(new.error):
            yield "exception-type", f"raises {new.error!r:.120}, raised {old.error!r}"
        else:
            for tag, what in (*_gap("self", old.state, new.state), *_texts(old, new)):
                yield tag or "exception-time", f"before {old.error!r}: {what}"
        return
    if new.error is not None:
        yield "", f"raises {new.error!r:.160}"
        return
    for number, (one, other) in enumerate(zip(old.outs, new.outs, strict=True)):
        yield from _gap(f"output of call {number + 1}", one, other)
    yield from _gap("self", old.state, new.state)
    yield from _gap("inputs", copied(old.inputs), copied(new.inputs))
    yield from _texts(old, new)
    for (name, one), (_, other) in zip(old.grads, new.grads, strict=True):
        if (one is None) != (other is None):
            some = other if one is None else one
            assert some is not None
            zero = bool((some == 0).all())
            if zero and name.startswith("input"):
                continue  # both mean that it has no part in the result, and no optimizer sees it
            yield ("zero-gradient" if zero else ""), f"gradient of {name} is {other}, was {one}"
        elif one is not None and other is not None and not _close(one, other):
            yield "", f"gradient of {name} is {other.flatten()[:6].tolist()}, was {one.flatten()[:6].tolist()}"
    if old.shared != new.shared:
        yield "aliasing", f"memory shared: {new.shared}, was {old.shared}"


def _texts(old: Deed, new: Deed) -> Iterator[tuple[str, str]]:
    if old.told != new.told:
        yield "", f"printed {new.told!r:.80}, was {old.told!r:.80}"
    if old.logged != new.logged:
        yield "", f"logged {new.logged!r:.80}, was {old.logged!r:.80}"
    if old.streams != new.streams:
        yield "random", "the random streams end elsewhere"
    if old.warned != new.warned:
        yield "warning-text" if len(old.warned) == len(new.warned) else "", f"warned {new.warned}, was {old.warned}"


def judge(before: str, after: str, name: str) -> list[tuple[str, str, str]]:
    """(tag, inputs, difference); one of each tag and a few without."""
    one, other = Module(before, name), Module(after, name)
    found: list[tuple[str, str, str]] = []
    for inputs, calls, mode in cases():
        for tag, what in differences(one, other, calls, mode):
            if inputs in OTHER_DTYPES and not tag:
                tag = "other-dtype"  # rules trust the dtypes of the run: `.float()` on one side is a change elsewhere
            if sum(tag == had for had, _, _ in found) < (1 if tag else ENOUGH):
                found.append((tag, inputs, what))
    return found


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(1)
    respond: Callable[..., None] = lambda said: print(json.dumps(said), file=answers, flush=True)  # noqa: E731
    for line in sys.stdin:
        pid = os.fork()  # what a text registers or sets is gone with it
        if pid == 0:
            asked = json.loads(line)
            try:
                respond(judge(asked["before"], asked["after"], asked["name"]))
            except Exception as error:
                respond([("", "the text itself", f"{type(error).__name__}: {error}")])
            os._exit(0)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()

"""Do two texts of one script do the same? Judged by running both, by none of the code that the proof uses.

`python fuzz_judge.py`: reads a JSON object a line, {"before": text, "after": text}, and answers each with a list of
[tag, inputs, difference], at most a few. Each text's class Net is made anew for each trial, and called in eager with
the same inputs: once, or several times on the same object.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

ENOUGH = 3  # differences of one pair
DELIBERATE = (ValueError, AssertionError)  # what generated functions raise themselves, if the message is theirs
OTHER_DTYPES = ("double", "half", "x in double, y not")
Inputs = tuple[torch.Tensor, torch.Tensor]


def _noise(seed: int, rows: int = 3, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 4, generator=generator, dtype=torch.float64).to(dtype)


def _with(tensor: torch.Tensor, value: float) -> torch.Tensor:
    tensor = tensor.clone()
    tensor[1 % tensor.size(0), 2] = value
    return tensor


def cases() -> Iterator[tuple[str, list[Inputs], str]]:
    """(name, the inputs of each call on one object, "train" or "eval", with "grad" where gradients are taken)."""
    noise = _noise
    for seed in range(4):
        yield f"noise {seed}", [(noise(seed), noise(seed + 50))], "train grad"
    yield "positive", [(noise(1).abs() + 0.1, noise(2).abs() + 0.1)], "train grad"
    yield "negative", [(-noise(1).abs() - 0.1, noise(2))], "train grad"
    yield "y negative", [(noise(1), -noise(2).abs())], "train grad"
    yield "as recorded", [(noise(5).abs(), noise(6) / 2)], "train"
    yield "evaluated", [(noise(7), noise(8))], "eval"
    yield "large", [(noise(1) * 1e4, noise(2) * 1e3)], "train grad"
    yield "small", [(noise(1) * 1e-3, noise(2) * 1e-3)], "train grad"
    yield "zeros", [(torch.zeros(3, 4), noise(2))], "train grad"
    yield "y zeros", [(noise(1), torch.zeros(3, 4))], "train grad"
    yield "ones", [(torch.ones(3, 4), torch.ones(3, 4))], "train grad"
    for word, value in (("NaN", math.nan), ("inf", math.inf), ("-inf", -math.inf)):
        yield f"one {word}", [(_with(noise(1), value), noise(2))], "train"
        yield f"one {word} in y", [(noise(1), _with(noise(2), value))], "train"
    yield "all NaN", [(torch.full((3, 4), math.nan), noise(2))], "train"
    for rows in (1, 2, 7):
        yield f"{rows} rows", [(noise(1, rows), noise(2, rows))], "train grad"
    yield OTHER_DTYPES[0], [(noise(1, 3, torch.float64), noise(2, 3, torch.float64))], "train"
    yield OTHER_DTYPES[1], [(noise(1, 3, torch.float16), noise(2, 3, torch.float16))], "train"
    yield OTHER_DTYPES[2], [(noise(1, 3, torch.float64), noise(2))], "train"
    same = noise(3)
    yield "the same tensor twice", [(same, same)], "train"
    yield "a sequence", [(noise(1), noise(2)), (-noise(1), noise(3)), (noise(1), noise(2))], "train"
    yield (
        "long, short, long",
        [(noise(1, 5), noise(2, 5)), (noise(3, 2), noise(4, 2)), (noise(1, 5), noise(2, 5))],
        "train",
    )
    yield "NaN between", [(noise(1), noise(2)), (_with(noise(1), math.nan), noise(2)), (noise(4), noise(2))], "train"
    kept = noise(9)
    yield "the same objects again", [(kept, kept.clone())] * 3, "eval"


class _Deed:
    """What calls on one object did."""

    def __init__(self) -> None:
        self.outs: list[Any] = []
        self.error: BaseException | None = None
        self.told = ""
        self.warned: list[str] = []
        self.inputs: list[torch.Tensor] = []
        self.grads: list[tuple[str, Any]] = []
        self.state: dict[str, Any] = {}
        self.shared: list[tuple[str, str]] = []


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        kept = value.detach().clone()
        return ("tensor", value.requires_grad, kept)
    if isinstance(value, (tuple, list)):
        return type(value)(_copied(one) for one in value)
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return value


def _leaves(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _leaves(one)
    elif isinstance(value, dict):
        yield from _leaves(list(value.values()))


def _net(text: str) -> Any:
    space: dict[str, Any] = {"__name__": "fuzzed"}
    exec(compile(text, "fuzzed.py", "exec"), space)
    return space["Net"]


def _do(kind: Any, calls: list[Inputs], mode: str) -> _Deed:
    torch.manual_seed(0)
    net, deed = kind(), _Deed()
    net.train("train" in mode)
    said, leaves, total = io.StringIO(), [], None
    copies: dict[int, torch.Tensor] = {}
    outs: list[Any] = []
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(said):
        warnings.simplefilter("always")
        try:
            for pair in calls:
                args = []
                for one in pair:
                    if id(one) not in copies:
                        leaf = one.clone()
                        if "grad" in mode:
                            leaf.requires_grad_()
                            leaves.append(leaf)
                        copies[id(one)] = leaf * 1 if "grad" in mode else leaf
                    args.append(copies[id(one)])
                deed.inputs += args
                outs.append(net(*args))
                deed.outs.append(_copied(outs[-1]))
            if "grad" in mode:
                for number, out in enumerate(_leaves(outs)):
                    if out.requires_grad and out.is_floating_point():
                        generator = torch.Generator().manual_seed(number)
                        weight = torch.randn(out.shape, generator=generator).to(out.dtype)
                        part = (out * weight).sum()
                        total = part if total is None else total + part
                if total is not None:
                    total.backward()
        except Exception as error:
            deed.error = error
    deed.told = said.getvalue()
    deed.warned = [str(one.message) for one in caught if str(one.message) == "odd"]  # torch has warnings of its own
    deed.grads = [(f"input {n}", leaf.grad) for n, leaf in enumerate(leaves)]
    deed.grads += [(name, one.grad) for name, one in net.named_parameters()]
    own = {name: value for name, value in vars(net).items() if not name.startswith("_")}
    deed.state = _copied({**own, **dict(net.named_buffers()), **dict(net.named_parameters())})
    named: list[tuple[str, Any]] = [(f"input {n}", one) for n, one in enumerate(copies.values())]
    named += [("self.last", net.last), ("self.state", net.state), ("self.w", net.w)]
    for number, out in enumerate(_leaves(outs)):
        for name, other in named:
            if (
                isinstance(other, torch.Tensor)
                and out.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
            ):
                deed.shared.append((f"output {number}", name))
    return deed


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
            yield "requires-grad", f"{what} requires_grad is {new[1]}, was {old[1]}"
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


def differences(before: Any, after: Any, calls: list[Inputs], mode: str) -> Iterator[tuple[str, str]]:
    """(tag, what) of each difference between two classes on these calls."""
    old, new = _do(before, calls, mode), _do(after, calls, mode)
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
    yield from _gap("inputs", _copied(old.inputs), _copied(new.inputs))
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


def _texts(old: _Deed, new: _Deed) -> Iterator[tuple[str, str]]:
    if old.told != new.told:
        yield "", f"printed {new.told!r:.80}, was {old.told!r:.80}"
    if old.warned != new.warned:
        yield "warning-text" if len(old.warned) == len(new.warned) else "", f"warned {new.warned}, was {old.warned}"


def judge(before: str, after: str) -> list[tuple[str, str, str]]:
    """(tag, inputs, difference); one of each tag and a few without."""
    one, other = _net(before), _net(after)
    found: list[tuple[str, str, str]] = []
    for name, calls, mode in cases():
        for tag, what in differences(one, other, calls, mode):
            if name in OTHER_DTYPES and not tag:
                tag = "other-dtype"  # rules trust the dtypes of the run: `.float()` on one side is a change elsewhere
            if sum(tag == had for had, _, _ in found) < (1 if tag else ENOUGH):
                found.append((tag, name, what))
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
                respond(judge(asked["before"], asked["after"]))
            except Exception as error:
                respond([("", "the text itself", f"{type(error).__name__}: {error}")])
            os._exit(0)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()

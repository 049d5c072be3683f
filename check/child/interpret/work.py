"""The graph's call, kernel after kernel, each compared when it has run. In a process of its own: a kernel may crash
it.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from g2.check.child.interpret import launching, private, randoms, reference, wrapper
from g2.check.child.interpret.launches import Launches, mutated, names, signature
from g2.check.child.interpret.memory import OutOfBounds
from g2.check.child.reference import alone
from g2.check.child.said import deepest, said

Tell = Callable[[dict[str, Any]], None]


class Run:
    """One run of the module's call. skipped: kernels that crashed before. forced: where a kernel's result is wrong,
    later kernels get the right one.
    """

    def __init__(self, folder: Path, target: str, seconds: float, skipped: frozenset[str], tell: Tell) -> None:
        self.folder, self.target, self.skipped, self.tell = folder, target, skipped, tell
        self.deadline = time.monotonic() + seconds
        self.interpreter = private.interpreter()
        self.path = folder / target / "module.py"
        self.text = self.path.read_text("utf-8")
        self.launches = Launches.read(self.text)
        self.left = max(1, self.launches.count)
        self.kernels: dict[str, Any] = {}
        self.reference = reference.read(folder, target)
        reference.in_double(self.reference, folder, target)
        self.unknown: dict[int, str] = {}  # storages whose values are not known -> the kernel that left them so
        self.forced = True
        self.last: dict[int, str] = {}  # storage -> the kernel that wrote it last
        self.results: dict[str, dict[str, Any]] = {}
        self.sampled = False
        self.sample: int | None = None

    def go(self, forced: bool = True) -> list[dict[str, Any]]:
        """Run it; what became of each output. Raises whatever the wrapper raises."""
        self.forced, self.sampled = forced, False
        self.unknown, self.last, self.results = {}, {}, {}
        scope = wrapper.load(self.text, str(self.path), self._kernel, self.reference.constants)
        randoms.follow(self.reference.notes)
        torch.manual_seed(self.reference.seed)  # kernels draw from seeds that a library call draws from this stream
        inputs = [_copy(one) for one in self.reference.inputs]
        given = list(inputs)
        outputs = scope["call"](given)
        return [*self._outputs(outputs), *self._written(inputs)]

    def _kernel(self, name: str, code: str) -> Any:
        cache: Any = importlib.import_module("torch._inductor.codecache").PyCodeCache
        try:
            made = getattr(cache.load(code), name)
        except Exception as error:
            return _Runner(self, name, None, f"it cannot be loaded: {said(deepest(error))}")
        self.kernels[name] = made
        return _Runner(self, name, made, "")

    def launch(self, name: str, kernel: Any, why: str, frame: Any, args: tuple[Any, ...]) -> None:
        """What `.run` of a kernel does here."""
        named = self._named(name, frame, args)
        line = frame.f_lineno
        self.left = max(1, self.left - 1)
        self.tell({"e": "begin", "kernel": name})
        for place, by in self._unknown_among(args, kernel):
            self._fail(name, f"it reads {place}, which {by} could not give", named, kernel)
            return
        if name in self.skipped:
            why = "the process ended while it was interpreted"
        if time.monotonic() > self.deadline:
            why = "there was no time left for it"
        if why:
            self._fail(name, why, named, kernel)
            return
        try:
            remaining = self.deadline - time.monotonic()
            allowed = max(0.5, min(remaining / 2, 3 * remaining / self.left))
            done = launching.launch(self.interpreter, kernel, args, allowed, self.sample)
        except launching.Uninterpretable as error:
            self._fail(name, str(error), named, kernel)
            return
        except OutOfBounds as error:
            self._wrong(name, str(error), named, kernel)
            return
        except Exception as error:
            if (bounds := _cause(error, OutOfBounds)) is not None:
                self._wrong(name, str(bounds), named, kernel)
            else:
                self._fail(name, said(deepest(error)), named, kernel)
            return
        self._compare(name, done, named, line)

    def _compare(self, name: str, done: launching.Launched, named: dict[str, torch.Tensor], line: int) -> None:
        result = {"outcome": "", "error": None, "why": "", "sampled": done.sampled, "seconds": round(done.seconds, 4),
                  "grid": list(done.grid), "ran": done.ran}  # fmt: skip
        verdicts: list[tuple[str, reference.Verdict]] = []
        for buffer, tensor in named.items():
            region = done.regions.at(tensor)
            if region is None or region.written is None:
                continue
            where = _elements(region.written, tensor)
            if not bool(where.any()):
                continue
            self.last[tensor.untyped_storage().data_ptr()] = name
            node = self.reference.node(buffer, line)
            verdict = None
            if node is not None and self.launches.written_again(buffer, line, self.kernels):
                node = None
            if node is not None and not (done.sampled and region.atomic):
                verdict = self.reference.judge(node, tensor, where)
            if verdict is not None:
                verdicts.append((buffer, verdict))
            differs = verdict is not None and verdict.outcome == "differs"
            if done.sampled or (differs and self.forced):
                self._force(name, buffer, tensor)
        worst = max(verdicts, key=lambda one: (_ORDER[one[1].outcome], one[1].error), default=None)
        if worst is not None:
            result.update(outcome=worst[1].outcome, error=worst[1].error, why=worst[1].detail)
        else:
            result["why"] = "what it writes has no counterpart in the graph; it is checked by what follows it"
        self.sampled |= done.sampled
        self._keep(name, result)

    def _wrong(self, name: str, why: str, named: dict[str, torch.Tensor], kernel: Any) -> None:
        self._keep(name, {"outcome": "differs", "error": None, "why": why})
        self._give_up_outputs(name, named, kernel)

    def _fail(self, name: str, why: str, named: dict[str, torch.Tensor], kernel: Any) -> None:
        self._keep(name, {"outcome": "", "error": None, "why": why})
        self._give_up_outputs(name, named, kernel)

    def _give_up_outputs(self, name: str, named: dict[str, torch.Tensor], kernel: Any) -> None:
        writes = _writes(kernel)
        for at, (buffer, tensor) in enumerate(named.items()):
            if writes is None or at in writes:
                self._force(name, buffer, tensor)

    def _force(self, name: str, buffer: str, tensor: torch.Tensor) -> None:
        """The reference's value in the place of what a kernel wrote or should have written."""
        node = self.reference.node(buffer)
        value = None if node is None else reference.shaped(self.reference.values[node], tensor)
        place = tensor.untyped_storage().data_ptr()
        if value is None or value.dtype != tensor.dtype:
            self.unknown[place] = name
        else:
            tensor.copy_(value)
            self.unknown.pop(place, None)

    def _keep(self, name: str, result: dict[str, Any]) -> None:
        """Of several launches of a kernel, the worst."""
        before = self.results.get(name)
        if before is None or _ORDER[result["outcome"]] >= _ORDER[before["outcome"]]:
            if before is not None and before["error"] is not None and result["error"] is not None:
                result["error"] = max(before["error"], result["error"])
            self.results[name] = result
        self.tell({"e": "kernel", "kernel": name, **self.results[name]})

    def _unknown_among(self, args: tuple[Any, ...], kernel: Any) -> list[tuple[str, str]]:
        writes = _writes(kernel)
        found = []
        for at, one in enumerate(args):
            if isinstance(one, torch.Tensor) and (writes is None or at not in writes or _in_place(kernel, at)):
                by = self.unknown.get(one.untyped_storage().data_ptr())
                if by is not None:
                    found.append((f"its argument {at}", by))
            elif isinstance(one, torch.Tensor):
                self.unknown.pop(one.untyped_storage().data_ptr(), None)
        return found[:1]

    def _named(self, name: str, frame: Any, args: tuple[Any, ...]) -> dict[str, torch.Tensor]:
        """The tensors of a launch by the names that the wrapper has for them, in the order of the arguments."""
        texts = self.launches.of.get(frame.f_lineno, {}).get(name, [])
        named: dict[str, torch.Tensor] = {}
        for at, one in enumerate(args):
            if not isinstance(one, torch.Tensor):
                named[f"#{at}"] = torch.empty(0)
                continue
            text = texts[at] if at < len(texts) else f"argument {at}"
            label = text if text.isidentifier() else next(
                (word for word in names(text) if isinstance(frame.f_locals.get(word), torch.Tensor)), text
            )  # fmt: skip
            held = frame.f_locals.get(label)
            named[label if label not in named else f"{label} again at {at}"] = (
                held if isinstance(held, torch.Tensor) else one
            )
        return named

    def _outputs(self, outputs: Any) -> list[dict[str, Any]]:
        told = []
        for at, got in enumerate(outputs):
            if at >= len(self.reference.outputs):
                break
            by = self.unknown.get(got.untyped_storage().data_ptr()) if isinstance(got, torch.Tensor) else None
            if by is not None:
                told.append({"name": f"output {at}", "outcome": "", "why": f"{by} could not give it"})
                continue
            told.append(self._told(f"output {at}", got, self.reference.judge_output(at, got)))
        return told

    def _written(self, inputs: list[Any]) -> list[dict[str, Any]]:
        told = []
        for at in self.reference.written:
            got = inputs[at]
            if not isinstance(got, torch.Tensor) or self.unknown.get(got.untyped_storage().data_ptr()):
                continue
            told.append(self._told(f"input {at} after the call", got, self.reference.judge_written(at, got)))
        return told

    def _told(self, name: str, got: Any, verdict: reference.Verdict | None) -> dict[str, Any]:
        if verdict is None:
            return {"name": name, "outcome": "", "why": "it cannot be compared"}
        told: dict[str, Any] = {"name": name, "outcome": verdict.outcome, "error": verdict.error, "why": verdict.detail}
        if verdict.outcome == "differs" and isinstance(got, torch.Tensor):
            told["kernel"] = self.last.get(got.untyped_storage().data_ptr(), "")
        return told


class _Runner:
    """What stands in the wrapper for a kernel."""

    def __init__(self, owner: Run, name: str, kernel: Any, why: str) -> None:
        self.owner, self.name, self.kernel, self.why = owner, name, kernel, why

    def run(self, *args: Any, stream: Any = None, **_: Any) -> None:
        self.owner.launch(self.name, self.kernel, self.why, sys._getframe(1), args)


_ORDER = {"same": 0, "close": 1, "": 2, "differs": 3}


def _writes(kernel: Any) -> set[int] | None:
    """The places of a kernel's arguments that it writes, by Inductor's names for them; None where these say nothing."""
    if kernel is None:
        return None
    given = signature(kernel)
    into = mutated(kernel)
    if not any(name.startswith(("in_ptr", "out_ptr", "in_out_ptr")) for name in given):
        return None
    return {at for at, name in enumerate(given) if "out_ptr" in name or name in into or name.startswith("ws_")}


def _in_place(kernel: Any, at: int) -> bool:
    name = signature(kernel)[at]
    return name.startswith("in_") or name in mutated(kernel)


def _elements(written: Any, tensor: torch.Tensor) -> torch.Tensor:
    """Which elements of a tensor begin at a byte that was written."""
    marks = torch.from_numpy(written[:: tensor.element_size()].copy())  # as_strided would not heed a step
    return torch.as_strided(marks, tensor.shape, tensor.stride(), tensor.storage_offset())


def _copy(value: Any) -> Any:
    return alone(value) if isinstance(value, torch.Tensor) else value


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None

"""Every guard of a cache entry that does not hold for a call, with old and new value.

Torch itself stops at the first. Private torch used here (2.11 to 2.15): the tree of guard managers
(root.get_leaf_guards,
get_child_managers, get_source, get_key_value_managers, get_epilogue_lambda_guards), leaf guards called with a value,
verbose_code_parts, check_verbose of the root. The relational leaf guards keep state between calls and are
never called here.
"""

from __future__ import annotations

import itertools
import re
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from g2.capture.probe.guard_leaf import Failure, bare, describe, state
from g2.capture.probe.guard_names import readable
from g2.capture.probe.guard_relations import aliasing, relations
from g2.capture.probe.guard_show import keys, show
from g2.capture.probe.guard_values import Missing, Reader, Unknown

_RELATIONAL = {"NO_TENSOR_ALIASING", "OBJECT_ALIASING", "STORAGE_OVERLAPPING"}
_STOPS = {"type", "identity", "rank"}  # what hangs below a value of another kind says nothing
_WEIGHT = {
    "type": 4,
    "identity": 4,
    "keys": 3,
    "length": 3,
    "attribute": 3,
    "rank": 3,
    "other": 3,
    "dtype": 2,
    "device": 2,
}
_MOST = 40  # failures reported of one entry
_clock = time.perf_counter


@dataclass(slots=True)
class Found:
    """What one cache entry says of a call."""

    failures: list[Failure] = field(default_factory=list)
    partial: bool = False  # the time allowed was over before all guards were evaluated
    evaluated: int = 0

    @property
    def distance(self) -> int:
        """How far the call is from what the entry was compiled for."""
        return sum(_WEIGHT.get(f.kind, 1) for f in self.failures)


def failures(wrapper: Any, f_locals: Mapping[str, Any], resumed_at: int | None, seconds: float) -> Found:
    """Walk the guards of `wrapper` (a GuardManagerWrapper) for a call with `f_locals`, for at most `seconds`.

    `resumed_at` is the line where a resume function goes on. Sources come back as a person writes them.
    """
    reason = getattr(wrapper, "invalidation_reason", None)
    if reason is not None:
        gone = Failure(
            "an object that the compiled code was made for",
            "identity",
            "alive",
            "gone",
            None,
            str(reason)[:200],
            said=True,
        )
        return Found([gone])
    scope = {**wrapper.global_scope, **(wrapper.closure_vars or {}), "L": f_locals}
    walk = _Walk(Reader(scope), wrapper, f_locals, resumed_at, _clock() + seconds)
    try:
        walk.run()
    finally:
        found = Found(walk.named(), walk.late, walk.evaluated)
    if not found.failures:
        found.failures = _first(wrapper, f_locals, resumed_at)
    return found


def _first(wrapper: Any, f_locals: Mapping[str, Any], resumed_at: int | None) -> list[Failure]:
    """What torch itself says, when nothing that can be read here has failed."""
    info = wrapper.check_verbose(f_locals)
    if info.result:
        return []
    parts = [bare(p) for p in info.verbose_code_parts[:1]]
    return [Failure(readable(p, resumed_at), "other", "true", "false", None, p[:200]) for p in parts]


class _Walk:
    def __init__(self, reader: Reader, wrapper: Any, f_locals: Mapping[str, Any], at: int | None, until: float) -> None:
        self.reader = reader
        self.wrapper = wrapper
        self.f_locals = f_locals
        self.at = at
        self.until = until
        self.late = False
        self.evaluated = 0
        self.found: list[Failure] = []
        self.doubtful: list[Failure] = []  # told only when nothing else has failed
        self.related: dict[str, None] = {}

    def run(self) -> None:
        root = self.wrapper.root
        for leaf in root.get_leaf_guards():
            self._state(leaf)
        with (
            torch._C.DisableTorchFunctionSubclass()
        ):  # tensor subclasses: sizes are read without their __torch_function__
            self._tree(root)
            for leaf in root.get_epilogue_lambda_guards():
                self._epilogue(leaf)
        self.found = self.found or self.doubtful

    def _tree(self, root: Any) -> None:
        todo: list[tuple[Any, str, Any]] = [
            (child, "L", self.f_locals) for child in reversed(root.get_child_managers())
        ]
        while todo and not self.late:
            manager, above, held = todo.pop()
            source = manager.get_source()
            try:
                value = self._value(source, above, held)
            except Missing:
                self._missing(source)
                continue
            except Unknown:
                continue
            if self._leaves(manager, source, value):
                continue
            children = manager.get_child_managers()
            if hasattr(manager, "get_key_value_managers"):
                children = [*children, *self._dictionary(manager, source, value)]
            todo.extend((child, source, value) for child in reversed(children))
            self.late = len(self.found) >= _MOST or (self.evaluated % 64 == 0 and _clock() > self.until)
        for code in self.related:
            self.found += aliasing(code, self.reader, self.at)

    def _value(self, source: str, above: str, held: Any) -> Any:
        if source.startswith(above) and (above != "L" or source.startswith("L[")):
            return self.reader.value("_" + source[len(above) :], held)
        if len(above) > 3 and above in source:
            return self.reader.value(source.replace(above, "_"), held)
        return self.reader.value(source)

    def _leaves(self, manager: Any, source: str, value: Any) -> bool:
        """Evaluate the checks on one value; true when what hangs below it says nothing more."""
        stop = False
        for leaf in manager.get_leaf_guards():
            self.evaluated += 1
            name = type(leaf).__name__
            if name in _RELATIONAL:
                self.related.update((bare(p), None) for p in leaf.verbose_code_parts())
                continue
            if _holds(leaf, value):
                continue
            code = bare(leaf.verbose_code_parts()[0])
            told = describe(name, source, code, value, self._alive)
            self.found += told
            stop = stop or any(f.kind in _STOPS for f in told)
        return stop

    def _dictionary(self, manager: Any, source: str, value: Any) -> Iterator[Any]:
        """A dictionary that was iterated over: its size and keys are part of the guard but of no leaf."""
        pairs = manager.get_key_value_managers()
        if not isinstance(value, dict):
            self.found.append(Failure(source, "type", "dict", show(value)))
            return
        present = list(dict.keys(value))
        old = {
            i: self._key(bare(g.verbose_code_parts()[0]), present)
            for i, (k, _) in pairs.items()
            if k
            for g in k.get_leaf_guards()
        }
        count = max(pairs, default=-1) + 1
        whole = len(pairs) == count
        changed = any(
            k and i < len(present) and not all(_holds(g, present[i]) for g in k.get_leaf_guards())
            for i, (k, _) in pairs.items()
        )
        if changed or (whole and count != len(present)) or count > len(present):
            was = "{" + ", ".join(old.get(i, "...") for i in range(count)) + "}"
            failure = Failure(source, "keys", was, keys(value))
            # A search for an object guards only the keys it met, and the size at compile time is not to be had.
            searched = any(g for k, _ in pairs.values() if k for g in k.get_leaf_guards() if _is_identity(g))
            if changed or count > len(present) or not searched:
                self.found.append(failure)
                return
            self.doubtful.append(failure)
        yield from (manager for _, manager in pairs.values() if manager)

    def _key(self, code: str, present: list[Any]) -> str:
        """The key that a guard on a key expects: a literal, or an object known by its id."""
        identity = re.search(r"___check_obj_id\(.*, (\d+)\)", code)
        if identity is None:
            return re.sub(r"^<class '(?:.*\.)?(\w+)'>$", r"class \1", code.rpartition(" == ")[2])
        number = int(identity[1])
        held = next((key for key in present if id(key) == number), None)
        held = self._alive(number) if held is None else held
        return "..." if held is None else show(held)

    def _missing(self, source: str) -> None:
        if not any(
            f.kind in ("keys", "length", "type", "attribute") and source.startswith(f.source) for f in self.found
        ):
            self.found.append(Failure(source, "attribute", "present", "absent", None, source))

    def _state(self, leaf: Any) -> None:
        name = type(leaf).__name__
        if name in _RELATIONAL or _holds(leaf, self.f_locals):
            return
        code = bare(leaf.verbose_code_parts()[0])
        told = state(name, code, self.wrapper.closure_vars or {})
        self.found += told or [Failure(code[:120], "other", "as when compiled", "changed", None, code[:200], said=True)]

    def _epilogue(self, leaf: Any) -> None:
        if type(leaf).__name__ not in _RELATIONAL and _holds(leaf, self.f_locals):
            return
        parts = [bare(p) for p in leaf.verbose_code_parts()]
        self.found += relations(parts, self.reader, self.at)

    def _alive(self, identity: int) -> Any:
        """The object with this id, looked for among the globals and the functions that the running code holds."""
        scope = self.wrapper.global_scope.get("G") or {}
        for value in itertools.chain(scope.values(), _constants(scope)):
            if id(value) == identity:
                return value
        return None

    def named(self) -> list[Failure]:
        """The failures with readable sources, one for each thing that changed."""
        out: dict[tuple[str, str, int | None], Failure] = {}
        # Autocast and inference mode also change the dispatch keys that the guards of all tensors look at.
        state_changed = any(f.kind in ("global-state", "grad-mode") for f in self.found)
        for failure in self.found:
            if state_changed and failure.kind == "other" and failure.old.startswith("dispatch keys"):
                continue
            source = failure.source if failure.said else self._readable(failure.source)
            out.setdefault((source, failure.kind, failure.dim), replace(failure, source=source))
        return list(out.values())

    def _readable(self, source: str) -> str:
        text = readable(source, self.at)
        cell = re.search(r"^(.*)\.__closure__\[(\d+)\]\.cell_contents", source)
        if cell is not None:
            try:
                function = self.reader.value(cell[1])
                name = function.__code__.co_freevars[int(cell[2])]
            except (Unknown, Missing, AttributeError, IndexError):
                return text
            return text.replace(f"closure variable {cell[2]} of", f"closure variable {name} of")
        return text


def _is_identity(leaf: Any) -> bool:
    return type(leaf).__name__ in ("ID_MATCH", "TYPE_MATCH")


def _holds(leaf: Callable[[Any], bool], value: Any) -> bool:
    try:
        return leaf(value)
    except Exception:  # a guard that cannot be evaluated on what is there now says nothing
        return True


def _constants(scope: Mapping[str, Any], most: int = 20000) -> Iterator[types.CodeType]:
    """Code objects reachable from the running frames and from a module's functions: lambdas and "
    "inner functions are constants there."""
    todo: list[types.CodeType] = []
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        todo.append(frame.f_code)
        frame = frame.f_back
    todo += [v.__code__ for v in scope.values() if isinstance(v, types.FunctionType)]
    seen: set[int] = set()
    while todo and len(seen) < most:
        code = todo.pop()
        if id(code) in seen:
            continue
        seen.add(id(code))
        yield code
        todo += [c for c in code.co_consts if isinstance(c, types.CodeType)]

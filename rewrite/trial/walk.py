"""Any value as a flat list of leaves, in order: containers, modules and objects by what they hold. Bounded."""

from __future__ import annotations

import dataclasses
import enum
import random
import sys
import types
from collections import deque
from collections.abc import Iterator, Mapping, Set
from typing import Any, cast

import torch

from g2.capture.containers import elements, entries
from g2.rewrite.trial.deeds import Leaf
from g2.rewrite.trial.tensors import Budget, Memory, hashed, leaf, plain, qualified

DEPTH = 10
LEAVES = 20_000
TEXT = 2_000  # characters of a text that are kept; the rest is hashed

_CODE = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, type)
_WALKED = (types.SimpleNamespace,)  # of the standard library's objects
# A compiler's own objects, and g2's in them, are another way to run the same: Lightning keeps torch.compile's context.
_COMPILERS = ("torch._dynamo.", "torch._functorch.", "torch._inductor.", "g2.")
_OF_MODULES = frozenset(vars(torch.nn.Module())) - {"training"}
_NOT_STATE = _OF_MODULES | {"_compiled_call_impl"}
_HOOKS = tuple(sorted(name for name in _OF_MODULES if name.endswith("_hooks")))


class Walk:
    """Collects leaves. known: digests by path; a tensor that still has its digest is written down without values."""

    def __init__(self, memory: Memory, budget: Budget, known: Mapping[str, str] | None = None) -> None:
        self.leaves: list[Leaf] = []
        self._memory = memory
        self._budget = budget
        self._known = known or {}
        self._seen: dict[int, tuple[str, Any]] = {}  # holds the object, so that its id stays its own

    def add(self, path: str, value: Any, depth: int = 0) -> None:
        """Everything below `value`."""
        if len(self.leaves) >= LEAVES:
            return
        if isinstance(value, torch.Tensor):
            self._tensor(path, value)
        elif isinstance(value, float):
            self.leaves.append(Leaf(path, "number", f"{qualified(type(value))} {value!r}", number=float(value)))
        elif (text := _plain(value)) is not None:
            self._text(path, text)
        elif id(value) in self._seen:
            self._text(path, f"the same object as {self._seen[id(value)][0]}")
        elif depth >= DEPTH:
            self._text(path, qualified(type(value)))
        else:
            self._seen[id(value)] = (path, value)
            self._below(path, value, depth + 1)

    def _below(self, path: str, value: Any, depth: int) -> None:
        kind = qualified(type(value))
        if isinstance(value, torch.nn.Module):
            self._module(path, value, depth)
        elif kind.startswith(_COMPILERS):
            self._text(path, kind)
        elif isinstance(value, Mapping) and (found := _entries(value)) is not None:
            self._text(path, f"{kind} with the keys {_listed([key for key, _ in found])}")
            for key, item in found:
                self.add(_item(path, key), item, depth)
        elif isinstance(value, (list, tuple, deque)):
            names = getattr(cast(Any, value), "_fields", None)
            items = elements(cast(Any, value))
            self._text(path, f"{kind} of {len(items)}")
            for place, item in enumerate(items):
                named = isinstance(names, tuple) and place < len(cast(Any, names))
                self.add(f"{path}.{cast(Any, names)[place]}" if named else _item(path, place), item, depth)
        elif isinstance(value, Set):
            self._text(path, f"{kind} of {_members(value)}")
        elif kind == "numpy.ndarray":
            self._array(path, value)
        elif (held := _attributes(value)) is not None:
            self._text(path, kind)
            for name, item in held:
                self.add(f"{path}.{name}", item, depth)
        else:
            self._text(path, f"{kind} {_represented(value)}")

    def _module(self, path: str, module: torch.nn.Module, depth: int) -> None:
        self._text(path, qualified(type(module)))
        for held in (module._parameters, module._buffers):
            for name, value in held.items():
                self.add(f"{path}.{name}", value, depth)
        for name, value in list(vars(module).items()):
            if name not in _NOT_STATE:
                self.add(f"{path}.{name}", value, depth)
        hooks = sum(len(vars(module).get(name) or ()) for name in _HOOKS)
        self._text(f"the number of hooks of {path}", str(hooks))
        for name, child in module._modules.items():
            self.add(f"{path}.{name}", child, depth - 1)  # as deep as modules are nested

    def _tensor(self, path: str, tensor: torch.Tensor) -> None:
        self.leaves.append(leaf(path, tensor, self._memory, self._budget, self._known.get(path)))
        if tensor.is_leaf and tensor.requires_grad and tensor.grad is not None:
            self.add(f"{path}.grad", tensor.grad)

    def _array(self, path: str, array: Any) -> None:
        try:
            self._tensor(path, torch.from_numpy(array))
            self._text(f"the type of {path}", f"numpy.ndarray of {array.dtype}")  # each path stands for one leaf
        except (TypeError, ValueError):
            self._text(path, f"numpy.ndarray {array.dtype} {array.shape} {hashed(array.tobytes())}")

    def _text(self, path: str, text: str) -> None:
        if len(text) > TEXT:
            text = f"{text[:TEXT]}... {hashed(text.encode('utf-8', 'replace'))}"
        self.leaves.append(Leaf(path, "text", text))


def _item(path: str, key: Any) -> str:
    """The words for an item: "output 0", then "output 0['k']"."""
    text = _represented(key)
    return plain(f"output {text}" if path == "the output" else f"{path}[{text}]")


def _listed(keys: list[Any]) -> str:
    return ", ".join(map(_represented, keys)) or "none"


def _plain(value: Any) -> str | None:
    """The text of a value that holds no others; None for one that does."""
    if value is None or isinstance(value, enum.Enum):
        return repr(value)
    if isinstance(value, (bool, int, str, bytes, complex)):
        return f"{qualified(type(value))} {value!r}"
    if isinstance(value, torch.Size):
        return f"torch.Size {list(value)}"
    if isinstance(value, (torch.dtype, torch.device, torch.layout, torch.memory_format, range, slice)):
        return repr(value)
    if isinstance(value, torch.Generator):
        return f"torch.Generator {hashed(bytes(value.get_state().tolist()))}"
    if isinstance(value, random.Random):
        return f"random.Random {hashed(repr(value.getstate()).encode())}"
    if isinstance(value, _CODE):
        module = getattr(value, "__module__", None)
        return f"{module or ''} {getattr(value, '__qualname__', getattr(value, '__name__', ''))}".strip()
    return None


def _entries(value: Mapping[Any, Any]) -> list[tuple[Any, Any]] | None:
    """None where a mapping that is no dictionary cannot say what it holds."""
    if isinstance(value, dict):
        return entries(value)
    try:
        return [(key, value[key]) for key in value]
    except Exception:  # the object's own code
        return None


def _members(value: Set[Any]) -> list[str]:
    try:
        found = elements(value) if isinstance(value, (set, frozenset)) else list(value)
    except Exception:  # the object's own code
        return []
    return sorted(_represented(item) for item in found)


def _attributes(value: Any) -> Iterator[tuple[str, Any]] | None:
    """What an object holds, without calling any code of its own; None for one that is told by its text."""
    kind = type(value)
    room = kind.__module__.partition(".")[0]
    if room in sys.stdlib_module_names and room != "__main__" and not isinstance(value, _WALKED):
        return None
    held: dict[str, Any] = dict(getattr(value, "__dict__", {}))
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if (
                name not in held
                and not name.startswith("__")
                and isinstance(base.__dict__.get(name), types.MemberDescriptorType)
            ):
                try:
                    held[name] = object.__getattribute__(value, name)
                except AttributeError:
                    continue
    if not held and not dataclasses.is_dataclass(value):
        return None
    return ((name, item) for name, item in held.items() if not name.startswith("__"))


def _represented(value: Any) -> str:
    try:
        return plain(repr(value))
    except Exception as error:  # the object's own code
        return f"whose repr raises {type(error).__name__}"

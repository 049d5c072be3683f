"""One failed leaf guard in words: what it looked at, what it expected, what is there.

The names of the leaf guards are those of torch/csrc/dynamo/guards.cpp (2.11 to 2.15); one that is not known
here is reported
as kind "other" with Dynamo's own text.
"""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from g2.capture.probe import guard_globals, guard_tensors
from g2.capture.probe.guard_show import keys, show
from g2.capture.probe.guard_values import Unknown, length


@dataclass(frozen=True, slots=True)
class Failure:
    """A guard that does not hold: `source` is Dynamo's expression, or already a phrase when `said` is true."""

    source: str
    kind: str
    old: str
    new: str
    dim: int | None = None
    code: str = ""
    said: bool = False


def bare(part: str) -> str:
    """The guard's code without Dynamo's comment behind it; a string in the guard may itself hold two blanks and a #."""
    cut = part.find("  #")
    while cut >= 0:
        head = part[:cut].strip()
        try:
            ast.parse(head.partition("), type=")[0] + (")" if "), type=" in head else ""), mode="eval")
            return head
        except (SyntaxError, ValueError):
            cut = part.find("  #", cut + 3)
    return part.partition("  #")[0].strip()  # not an expression: the texts of guards on global state


Lookup = Callable[[int], Any]  # the object with this id, or None


def describe(name: str, source: str, code: str, value: Any, lookup: Lookup) -> list[Failure]:
    """What the failed leaf guard `name` on `source` says. `lookup` finds objects that are still alive by their id."""
    if name == "TENSOR_MATCH":
        found = guard_tensors.changes(code, value)
        if found is not None:
            return [Failure(source, c.kind, c.old, c.new, c.dim, code) for c in found]
    handler = _HANDLERS.get(name)
    if handler is not None:
        try:
            found_failures = list(handler(source, code, value, lookup))
        except Unknown:
            found_failures = []
        if found_failures:
            return found_failures
    return [Failure(source, "other", "the guard held", show(value), None, code)]


def _equals(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    head = f"{source} == "
    if not code.startswith(head):
        return
    old = code[len(head) :]
    try:
        literal = ast.literal_eval(old)
        other = type(literal) is not type(value) and not (_number(literal) and _number(value))
    except (ValueError, SyntaxError):
        other = value is None
    yield Failure(source, "type" if other else "value", old, show(value), None, code)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _identity(source: str, code: str, value: Any, lookup: Lookup) -> Iterator[Failure]:
    number = re.search(r"___check_obj_id\(.*, (\d+)\)", code)
    kind = re.search(r"type=<(?:class|enum) '([^']*)'>", code)
    was = lookup(int(number[1])) if number else None
    if isinstance(value, Enum) and was is None and number:
        was = next((m for m in type(value) if id(m) == int(number[1])), None)
    what = "value" if isinstance(value, Enum | bool) or value is None else "identity"
    if was is not None:
        old = show(was)
    else:
        name = kind[1].rpartition(".")[2] if kind else "object"
        old = "another function" if name in ("code", "function") else f"another {name}"
    if value is None and was is not None:
        what = "type"
    yield Failure(source, what, old, show(value), None, code)


def _type(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    kind = re.search(r"type=<\w+ '([^']*)'>", code)
    old = kind[1].rpartition(".")[2] if kind else "another type"
    plain = isinstance(value, int | float | str | bool) or value is None
    new = show(value) if value is None else type(value).__name__
    if plain and value is not None:
        new = f"{new} ({show(value)})"
    elif new == old:  # two classes of one name: a class made anew
        new = f"another class {new}"
    yield Failure(source, "type", old, new, None, code)


def _none(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    yield Failure(source, "type", "None", show(value), None, code)


def _not_none(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    yield Failure(source, "type", "not None", show(value), None, code)


def _flag(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    old = "False" if code.endswith("False") else "True"
    yield Failure(source, "value" if isinstance(value, bool) else "type", old, show(value), None, code)


def _length(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    number = re.search(r"== (\d+)$", code)
    old = number[1] if number else "0" if code.startswith("not ") else "another length"
    new = str(value.__length_hint__()) if type(value).__name__ == "tuple_iterator" else str(length(value))
    yield Failure(source, "length", old, new, None, code)


def _no_attribute(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    name = re.search(r", '([^']*)'\)$", code)
    yield Failure(f"{source}.{name[1]}" if name else source, "attribute", "absent", "present", None, code)


def _contains(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    found = re.match(r"(not )?___dict_contains\((.+?), .*\)$", code)
    key = found[2] if found else ""
    if source.endswith(".__dict__") and key.startswith("'"):
        name = f"{source.removesuffix('.__dict__')}.{key.strip(chr(39))}"
    else:
        name = f"{source}[{key}]" if key else source
    old, new = ("absent", "present") if found and found[1] else ("present", "absent")
    yield Failure(name, "attribute" if ".__dict__" in source else "keys", old, new, None, code)


def _set_contains(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    found = re.search(r"__contains__\(.*, (.+)\)$", code)
    had = not code.startswith("not ")
    member = found[1] if found else "an element"
    old = f"{'with' if had else 'without'} {member}"
    yield Failure(source, "keys", old, show(value), None, code)


def _mapping_keys(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    found = re.search(r"== (.*)$", code)
    new = keys(value) if isinstance(value, dict | types.MappingProxyType) else show(value)
    yield Failure(source, "keys", found[1] if found else "other keys", new, None, code)


def _marks(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    names = (
        "_dynamo_dynamic_indices",
        "_dynamo_weak_dynamic_indices",
        "_dynamo_unbacked_indices",
        "_dynamo_strict_unbacked_indices",
    )
    held = getattr(value, "__dict__", {})
    now = {n.removeprefix("_dynamo_").removesuffix("_indices"): sorted(held[n]) for n in names if held.get(n)}
    said = ", ".join(f"{k} {v}" for k, v in now.items()) or "none"
    yield Failure(source, "other", "other dynamic dimensions marked", f"dynamic dimensions marked: {said}", None, code)


def _nan(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    yield Failure(source, "value", "nan", show(value), None, code)


def _range(source: str, code: str, value: Any, _lookup: Lookup) -> Iterator[Failure]:
    yield Failure(source, "value", code.rpartition("== ")[2] or "another range", repr(value)[:80], None, code)


_HANDLERS: dict[str, Callable[[str, str, Any, Lookup], Iterable[Failure]]] = {
    "EQUALS_MATCH": _equals, "ID_MATCH": _identity, "TYPE_MATCH": _type, "NONE_MATCH": _none, "NOT_NONE": _not_none,
    "TRUE_MATCH": _flag, "FALSE_MATCH": _flag, "LENGTH_CHECK": _length, "DICT_LENGTH": _length,
    "TUPLE_ITERATOR_LEN": _length, "NO_HASATTR": _no_attribute, "DICT_CONTAINS": _contains,
    "SET_CONTAINS": _set_contains, "MAPPING_KEYS_MATCH": _mapping_keys, "DIMENSION_DYNAMIC_MARKING_GUARD": _marks,
    "DYNAMIC_INDICES": _marks, "FLOAT_IS_NAN": _nan, "COMPLEX_IS_NAN": _nan, "RANGE_ITERATOR_MATCH": _range,
}  # fmt: skip


def state(name: str, code: str, closures: Any) -> list[Failure]:
    """What a failed guard on torch's global state (a leaf of the root) says."""
    if name == "GLOBAL_STATE":
        return [
            Failure(what, c.kind, c.old, c.new, None, code[:200], said=True) for what, c in guard_globals.changes(code)
        ]
    if name == "TORCH_FUNCTION_MODE_STACK":
        c = guard_globals.modes(closures.get("___check_torch_function_mode_stack"))
        return [Failure("the torch function modes", c.kind, c.old, c.new, None, code, said=True)] if c else []
    old = code.rpartition("== ")[2]
    if name == "DEFAULT_DEVICE":
        new = guard_globals.default_device()
        return [Failure("torch.get_default_device()", "global-state", old, new, None, code, said=True)]
    if "saved_tensors_hooks" in code:
        old = "none" if old == "None" else "set"
        new = guard_globals.saved_tensor_hooks()
        return [
            Failure(
                "the saved-tensor hooks",
                "global-state",
                old,
                new if new != old else f"other hooks, {new}",
                None,
                code,
                said=True,
            )
        ]
    if name == "DUAL_LEVEL_MATCH":
        from torch.autograd import forward_ad

        return [
            Failure(
                "the forward-mode AD level", "global-state", old, str(forward_ad._current_level), None, code, said=True
            )
        ]
    if "functorch" in code:
        return [
            Failure(
                "the stack of torch.func transforms",
                "global-state",
                "as when compiled",
                "another",
                None,
                code,
                said=True,
            )
        ]
    return []

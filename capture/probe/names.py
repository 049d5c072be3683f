"""Child side: what the names of a function held when Dynamo stopped in it.

Private torch used here (2.11 to 2.15): the `symbolic_locals`, `lineno` and `instructions` of an InstructionTranslator,
the variable trackers' `as_proxy().node.meta["example_value"]`, `value` and `is_python_constant`.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import torch

_MOST = 64  # names told of one function
_NOWHERE = 1_000_000  # lines away from everything
_TEXT = 60  # characters kept of a constant


def values(tx: Any) -> list[dict[str, Any]]:
    """The names that the code of a translator reads, and attributes of `self` with them. Never raises."""
    told: list[dict[str, Any]] = []
    try:
        near = _near(tx)
        for name, variable in list(tx.symbolic_locals.items()):
            if name in near:
                told.append({"name": name, **_tracked(variable)})
        own = _real(tx.symbolic_locals.get("self"))
        if own is not None:
            told += [{"name": name, **_described(value)} for name, value in _attributes(tx.instructions, own)]
    except Exception:  # what cannot be described is left out; a break is told all the same
        return told
    return told


def _near(tx: Any) -> frozenset[str]:
    """The names that are told: of many those that the code uses next to the line at which Dynamo stopped."""
    names = [name for name in tx.symbolic_locals if name.isidentifier() and not name.startswith("__")]
    if len(names) <= _MOST:
        return frozenset(names)
    far: dict[str, int] = {}
    for one in tx.instructions:
        line = one.positions.lineno if one.positions is not None else None
        used = one.argval if isinstance(one.argval, tuple) else (one.argval,)  # two in one from Python 3.13 on
        for name in used if line is not None else ():
            far[name] = min(far.get(name, abs(line - tx.lineno)), abs(line - tx.lineno))
    names.sort(key=lambda name: far.get(name, _NOWHERE))
    return frozenset(names[:_MOST])


def _tracked(variable: Any) -> dict[str, Any]:
    try:
        if variable.is_python_constant():
            return _described(variable.as_python_constant())
    except Exception:  # some trackers say so and then cannot
        return {"kind": "unknown"}
    kind = type(variable).__name__
    try:
        example = variable.as_proxy().node.meta.get("example_value")
    except Exception:
        example = None
    if kind == "UnspecializedPythonVariable" and isinstance(example, torch.Tensor):
        return _number(example.dtype)
    if "Numpy" in kind:
        return {**_described(example), "kind": "array"}
    if isinstance(example, (torch.Tensor, torch.SymInt, torch.SymFloat, torch.SymBool)):
        return _described(example)
    real = _real(variable)
    if isinstance(real, torch.nn.Module):
        return {"kind": "module", "text": type(real).__name__}
    try:
        return {"kind": variable.python_type().__name__}
    except Exception:
        return {"kind": kind.removesuffix("Variable").lower()}


def _number(dtype: torch.dtype) -> dict[str, Any]:
    """A number of Python (one that was drawn, say) which the graph holds as a tensor without dimensions."""
    if dtype is torch.bool:
        return {"kind": "bool", "text": ""}
    return {"kind": "number", "text": "", "dtype": "float" if dtype.is_floating_point else "int"}


def _size(size: object) -> int:
    return size if isinstance(size, int) else -1  # a torch.SymInt is none


def _described(value: Any) -> dict[str, Any]:
    if isinstance(value, torch.Tensor):
        return {
            "kind": "tensor",
            "dtype": str(value.dtype).removeprefix("torch."),
            "shape": [_size(size) for size in value.shape],
            "requires_grad": bool(value.requires_grad),
        }
    if value is None:
        return {"kind": "none"}
    if isinstance(value, (bool, torch.SymBool)):
        return {"kind": "bool", "text": repr(value) if isinstance(value, bool) else ""}
    if isinstance(value, (int, float, torch.SymInt, torch.SymFloat)):
        return {"kind": "number", "text": repr(value)[:_TEXT] if type(value) in (int, float) else "",
                "dtype": "int" if isinstance(value, (int, torch.SymInt)) else "float"}  # fmt: skip
    if isinstance(value, str):
        return {"kind": "str", "text": repr(value)[:_TEXT]}
    if isinstance(value, torch.nn.Module):
        return {"kind": "module", "text": type(value).__name__}
    return {"kind": type(value).__name__}


def _real(variable: Any) -> Any:
    """The object behind a tracker, when there is one and it is a module or a plain object."""
    value = getattr(variable, "value", None)
    if value is None and type(variable).__name__ == "NNModuleVariable":
        value = variable.module
    return value


def _attributes(instructions: Any, own: Any) -> Iterator[tuple[str, Any]]:
    """`self.a.b` chains that the code loads or gives values to, as far as they are plain stored values."""
    seen: set[str] = set()
    chain, value = "", None
    for instruction in instructions:
        if instruction.opname.startswith("LOAD_FAST") and instruction.argval == "self":
            chain, value = "self", own
            continue
        if chain and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR"):
            name = str(instruction.argval)
            found, value = _stored(value, name)
            chain = f"{chain}.{name}" if found else ""
            if found and chain not in seen and not isinstance(value, types.MethodType) and len(seen) < _MOST:
                seen.add(chain)
                yield chain, value
            if instruction.opname == "STORE_ATTR":
                chain = ""
        elif instruction.opname not in ("CACHE", "EXTENDED_ARG"):
            chain = ""


def _stored(owner: Any, name: str) -> tuple[bool, Any]:
    """Whether `owner` stores an attribute of this name, and it. Properties of the script are not run."""
    held = getattr(owner, "__dict__", None)
    if not isinstance(held, dict):
        return False, None
    if name in held:
        return True, held[name]
    for store in ("_parameters", "_buffers", "_modules"):
        inside = held.get(store)
        if isinstance(inside, dict) and name in inside:
            return True, inside[name]
    return False, None

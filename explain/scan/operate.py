"""What attributes, methods, elements and calls give, for kinds that need nothing but torch's and Python's own rules."""

from __future__ import annotations

from typing import Any

from g2.explain.scan import library, tables
from g2.explain.scan.values import (
    ARRAY,
    DOUBT,
    MAYBE,
    NONE,
    NOTHING,
    NUMBER,
    OTHER,
    TENSOR,
    TENSOR_LIST,
    TENSORS,
    TEXT,
    UNKNOWN,
    Kind,
    instance,
    join,
    narrow,
    outside,
    several,
)

_STRINGS = frozenset({"split", "rsplit", "splitlines", "partition", "rpartition"})
_TRUTHS = frozenset({"startswith", "endswith", "find", "count", "index", "isdigit", "isalpha", "isupper", "islower"})


def union(*kinds: Kind) -> Kind:
    """All alternatives of these."""
    out: frozenset[Any] = NOTHING
    for kind in kinds:
        out |= kind
    return narrow(out)


def _each(kind: Kind) -> tuple[list[Any], Kind]:
    """The alternatives without None (which has nothing, so the others were meant), and the doubts."""
    return [atom for atom in kind if atom != "N" and atom not in DOUBT], kind & DOUBT


def attribute(kind: Kind, name: str) -> Kind:
    """What the attribute of a value of this kind is. Instances and functions of what is scanned are unknown here."""
    atoms, doubt = _each(kind)
    out: frozenset[Any] = doubt
    for atom in atoms:
        if atom == "t" or atom == "tb":
            out |= tables.ATTRIBUTES.get(name, UNKNOWN)
        elif atom == "A":
            out |= frozenset({("L", NUMBER)}) if name == "shape" else NUMBER if name in {"ndim", "size"} else ARRAY
        elif isinstance(atom, str):
            out |= OTHER if atom == "o" else NUMBER
        elif atom[0] == "X":
            out |= outside(f"{atom[1]}.{name}")
        elif atom[0] == "I":
            out |= _instance_attribute(atom[1], name)
        elif atom[0] == "T" and name in {"values", "indices"}:
            out |= atom[1][0 if name == "values" else -1]
        else:
            out |= UNKNOWN
    return narrow(out) if out else UNKNOWN


def _instance_attribute(owner: str, name: str) -> Kind:
    if owner == "torch.nn.utils.rnn.PackedSequence" and name in {"data", "batch_sizes"}:
        return TENSOR
    if owner.startswith("torch.nn."):
        if name in {"weight", "running_mean", "running_var", "in_proj_weight"}:
            return TENSOR
        if name == "bias":
            return MAYBE
        if name in {"training", "p", "eps"} or name.endswith(("_size", "_features", "_channels", "_dim")):
            return NUMBER
    return UNKNOWN


def method(kind: Kind, name: str, args: list[Kind]) -> Kind:
    """What a method of a value of this kind gives."""
    atoms, doubt = _each(kind)
    out: frozenset[Any] = doubt
    for atom in atoms:
        if atom == "t" or atom == "tb":
            result = library.method(name, len(args))
            out |= frozenset({"tb"}) if atom == "tb" and name in _KEEPS and result is TENSOR else result
        elif atom == "A":
            out |= NUMBER if name == "item" else several(NUMBER) if name == "tolist" else ARRAY
        elif atom == "s":
            out |= several(TEXT) if name in _STRINGS else NUMBER if name in _TRUTHS else TEXT
        elif atom == "n":
            out |= NUMBER
        elif atom == "o":
            out |= OTHER if name != "copy" else UNKNOWN
        elif atom[0] == "D":
            out |= _dict(atom[1], name, args)
        elif atom[0] == "L":
            out |= _list(atom[1], name)
        elif atom[0] == "I":
            out |= _instance(atom[1], name)
        elif atom[0] == "S" and name in {"children", "modules"}:
            out |= several(atom[1])
        else:
            out |= UNKNOWN
    return narrow(out) if out else UNKNOWN


# Methods that leave the dtype as it is.
_KEEPS = frozenset(
    """
    view reshape permute transpose unsqueeze squeeze expand expand_as flatten contiguous clone detach cpu cuda
    t flip roll repeat index_select gather narrow select logical_not to view_as masked_fill
    """.split()  # noqa: SIM905  read as words
)


def _dict(value: Kind, name: str, args: list[Kind]) -> Kind:
    if name in {"get", "pop", "setdefault"}:
        return union(value, args[1] if len(args) > 1 else NONE)
    if name == "items":
        return several(frozenset({("T", (TEXT, value))}))
    if name == "values":
        return several(value)
    if name == "keys":
        return several(UNKNOWN)
    return frozenset({("D", value)}) if name == "copy" else UNKNOWN


def _list(value: Kind, name: str) -> Kind:
    if name == "pop":
        return value
    if name in {"index", "count"}:
        return NUMBER
    if name in {"numel", "dim"}:
        return NUMBER
    return frozenset({("L", value)}) if name == "copy" else NONE


def _instance(owner: str, name: str) -> Kind:
    if owner.startswith("torch.nn."):
        if name == "forward":
            return library.called(owner)
        if name in {"parameters", "buffers"}:
            return TENSOR_LIST
        return UNKNOWN
    if owner.startswith("torch.distributions.") and name in {"sample", "rsample", "log_prob", "entropy", "cdf", "icdf"}:
        return TENSOR
    if owner == "logging.Logger":
        return NONE
    if owner == "torch.Generator":
        return instance(owner) if name == "manual_seed" else NUMBER
    return UNKNOWN


def element(kind: Kind) -> Kind:
    """What iterating over a value of this kind gives, or an index that is not known."""
    out: frozenset[Any] = NOTHING
    for atom in kind:
        if atom in DOUBT:
            out |= frozenset({atom})
        elif atom == "N":
            continue
        elif isinstance(atom, str):
            out |= frozenset({atom})
        elif atom[0] == "T":
            out |= union(*atom[1]) if atom[1] else UNKNOWN
        elif atom[0] in "LDS":
            out |= atom[1]
        else:
            out |= UNKNOWN
    return narrow(out)


def item(kind: Kind, number: int) -> Kind:
    """The element with this number, as in unpacking."""
    out: frozenset[Any] = NOTHING
    for atom in kind:
        if isinstance(atom, tuple) and atom[0] == "T":
            parts = atom[1]
            if -len(parts) <= number < len(parts):
                out |= parts[number]
        else:
            out |= element(frozenset({atom}))
    return narrow(out)


def elements(kind: Kind) -> Kind:
    """The kind of a list with the elements of a value of this kind."""
    return several(element(kind)) if kind else several(NOTHING)


def called(kind: Kind) -> Kind:
    """What calling a value of this kind gives, as far as it is outside of what is scanned."""
    out: frozenset[Any] = kind & DOUBT
    for atom in kind:
        if isinstance(atom, tuple):
            if atom[0] == "I":
                out |= library.called(atom[1])
            elif atom[0] == "S":
                out |= called(atom[1])
            elif atom[0] == "X" and atom[1].startswith("torch."):
                out |= library.function(atom[1][6:]) or UNKNOWN
            else:
                out |= UNKNOWN
        elif atom not in DOUBT and atom != "N":
            out |= UNKNOWN
    return narrow(out)


def has_tensor(kind: Kind) -> bool:
    """Whether a tensor is among the alternatives, or in a container of them."""
    for atom in kind:
        if atom in TENSORS:
            return True
        if isinstance(atom, tuple) and atom[0] in "LDTS":
            inner = atom[1] if atom[0] == "T" else (atom[1],)
            if any(has_tensor(part) for part in inner):
                return True
    return False


def joined(*kinds: Kind) -> Kind:
    """`join` for kinds alone."""
    out = join(*kinds)
    assert isinstance(out, frozenset)
    return out

"""Abstract values: what the scan knows of an expression's value.

A Kind is a set of alternatives, a frozenset of atoms:

    "t" a tensor           "tb" a tensor of booleans    "n" a number or bool     "s" a str or bytes
    "N" None               "A" NumPy's array or scalar  "o" something else that is no tensor
    "~" it is a guess      "?" it may be anything
    ("L", kind)            a list, set or iterator of these
    ("T", (kind, ..))      a tuple
    ("D", kind)            a dict with these values
    ("S", kind)            an nn.Sequential of these
    ("X", "torch.relu")    something outside of what is scanned, by its dotted name
    ("I", "torch.nn.LSTM") an instance of such a class
    ("G", number)          a function of what is scanned, ("K", number) a class, ("C", number) an instance of one
    ("B", number, kind)    a bound method: the function and its first argument

What depends on another function is a term, a tuple that reach.py evaluates for each context:

    ("p", i)               parameter i of the function
    ("c", k)               what call k of the function gives
    ("g", "..pkg.name")    a global, by its dotted name; a leading dot is the module itself, as in an import
    (".", v, "name")       an attribute
    ("e", v) ("u", v, i)   an element, the element number i
    ("|", v, ..)           the result of an operator: a tensor when one of them is
    ("<", v, ..)           the result of a comparison
    ("j", v, ..)           one of these
    ("!", v)               v where it is known not to be None
    ("-", v)               v where it is known to be no tensor
    ("f", i)               function number i of the file
    ("k", i)               class number i of the file
    ("T", (v, ..)) ("L", v) ("D", v) ("S", v)    as above, of terms
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeAlias

Kind: TypeAlias = "frozenset[Any]"
Term: TypeAlias = "tuple[Any, ...]"
Value: TypeAlias = "Kind | Term"

TENSOR: Kind = frozenset({"t"})
MASK: Kind = frozenset({"tb"})
NUMBER: Kind = frozenset({"n"})
TEXT: Kind = frozenset({"s"})
NONE: Kind = frozenset({"N"})
ARRAY: Kind = frozenset({"A"})
OTHER: Kind = frozenset({"o"})
UNKNOWN: Kind = frozenset({"?"})
GUESSED: Kind = frozenset({"t", "~"})
NOTHING: Kind = frozenset()
TENSORS: frozenset[str] = frozenset({"t", "tb"})
DOUBT: frozenset[str] = frozenset({"~", "?"})
SIZES: Kind = frozenset({("L", NUMBER)})
MAYBE: Kind = frozenset({"t", "N"})

_WIDEST = 40  # alternatives of one value; with more it may be anything
_DEEPEST = 4  # of containers in containers
_CONTAINERS = frozenset("LTDSB")


def several(kind: Kind) -> Kind:
    """A list of these."""
    return frozenset({("L", kind)})


@lru_cache(maxsize=50_000)
def instance(name: str) -> Kind:
    """An instance of a class outside of what is scanned."""
    return frozenset({("I", name)})


@lru_cache(maxsize=50_000)
def outside(name: str) -> Kind:
    """Something outside of what is scanned."""
    return frozenset({("X", name)})


TENSOR_LIST = several(TENSOR)


def join(*values: Value) -> Value:
    """Either of these values."""
    first = values[0]
    for value in values:
        if value is not first and value != first:
            break
    else:
        return first
    known: set[Any] = set()
    terms: list[Term] = []
    for value in values:
        if isinstance(value, frozenset):
            known |= value
        elif value[0] == "j":
            for part in value[1:]:
                if isinstance(part, frozenset):
                    known |= part
                elif part not in terms:
                    terms.append(part)
        elif value not in terms:
            terms.append(value)
    if not terms:
        return narrow(frozenset(known))
    if len(terms) > _WIDEST:
        return UNKNOWN
    if not known and len(terms) == 1:
        return terms[0]
    return ("j", *([frozenset(known)] if known else []), *terms)


def narrow(kind: Kind) -> Kind:
    """The same with no more alternatives than can be kept, and containers no deeper."""
    if len(kind) > _WIDEST:
        return frozenset(atom for atom in kind if isinstance(atom, str)) | UNKNOWN
    for atom in kind:
        if atom.__class__ is tuple and atom[0] in _CONTAINERS and _depth(atom) > _DEEPEST:
            return frozenset([each for each in kind if isinstance(each, str) or _depth(each) <= _DEEPEST]) | UNKNOWN
    return kind


def covered(kind: Kind) -> Kind:
    """The same without instances of a class of which subclasses may stand there, too."""
    both = [("C", atom[1]) for atom in kind if atom.__class__ is tuple and atom[0] == "V"]
    return kind.difference(both) if both else kind


def ordered(kind: Kind) -> Iterable[Any]:
    """The alternatives in an order that is the same in every process."""
    return kind if len(kind) < 2 else _ordered(kind)


@lru_cache(maxsize=50_000)
def _ordered(kind: Kind) -> tuple[Any, ...]:
    return tuple(sorted(kind, key=_rank))


def _rank(atom: Any) -> tuple[Any, ...]:
    """Something to sort by: texts before tuples, and of these by tag, number or name, and what is inside."""
    if isinstance(atom, str):
        return ("", atom)
    return tuple(_part(part) for part in atom)


def _part(part: Any) -> Any:
    if isinstance(part, frozenset):
        return tuple(map(_rank, _ordered(part)))
    if isinstance(part, tuple):
        return tuple(map(_part, part))
    return part


@lru_cache(maxsize=50_000)
def _depth(atom: Any) -> int:
    if not isinstance(atom, tuple):
        return 0
    match atom[0]:
        case "L" | "D" | "S":
            inner: Iterable[Kind] = (atom[1],)
        case "T":
            inner = atom[1]
        case "B":
            inner = (atom[2],)
        case _:
            return 1
    return 1 + max((_depth(part) for kind in inner for part in kind), default=0)


def combined(values: Iterable[Value]) -> Value:
    """The result of an operator on these: a tensor when one of them is."""
    terms: list[Value] = []
    for value in values:
        if isinstance(value, frozenset) and value and value <= TENSORS:
            return TENSOR
        terms.append(value)
    kinds = [term for term in terms if isinstance(term, frozenset)]
    if len(kinds) == len(terms):
        return operated(kinds)
    rest = [term for term in terms if not (isinstance(term, frozenset) and term <= {"n", "s", "o", "N"})]
    only = rest[0] if len(rest) == 1 else None
    if isinstance(only, tuple) and only[0] == "|":
        return only
    return ("|", *rest)


_PLAIN = frozenset({TENSOR, NUMBER})


def operated(kinds: list[Kind]) -> Kind:
    """What arithmetic on these kinds gives."""
    if len(kinds) == 2 and kinds[0] is kinds[1] and kinds[0] in _PLAIN:
        return kinds[0]
    out: set[Any] = set()
    sure = False
    for kind in kinds:
        if kind & TENSORS and not kind - TENSORS - {"N"}:
            sure = True
        out |= kind
    if sure:
        return TENSOR
    out.discard("N")
    result: set[Any] = set()
    for atom in out:
        if atom == "tb":
            result.add("t")
        elif isinstance(atom, str) or atom[0] in "LTD":
            result.add(atom)
        else:
            result.add("?")
    if len(kinds) > 1 and "A" in result:
        result -= {"n", "s"}
    if len(kinds) > 1 and result & TENSORS and not result & DOUBT and len(result) > 1:
        # `x * (scale or None)`: a tensor and a number make a tensor; alternatives of one operand stay alternatives.
        if any(kind & TENSORS and kind - TENSORS for kind in kinds):
            return frozenset(result)
        result -= {"n", "s"}
    return narrow(frozenset(result))


def compared(kinds: list[Kind]) -> Kind:
    """What a comparison of these kinds gives."""
    result = operated(kinds)
    if len(result) == 1 and "t" in result:
        return MASK
    return frozenset("tb" if atom == "t" else "n" if isinstance(atom, tuple) else atom for atom in result)


def comparison(values: Iterable[Value]) -> Value:
    """The same of values."""
    result = combined(values)
    if isinstance(result, frozenset):
        return compared([result])
    return ("<", *result[1:]) if result[0] == "|" else ("<", result)


def is_tensor(value: Value) -> bool:
    """Whether the value is surely a tensor."""
    return isinstance(value, frozenset) and bool(value) and value <= TENSORS


def no_tensor(value: Value) -> bool:
    """Whether the value is surely neither a tensor nor made of any."""
    return isinstance(value, frozenset) and value <= {"n", "s", "N", "o"}


def wrapped(tag: str, value: Value) -> Value:
    """A container ("L", "D" or "S") of this value."""
    return frozenset({(tag, value)}) if isinstance(value, frozenset) else (tag, value)


def tupled(values: tuple[Value, ...]) -> Value:
    """A tuple of these values."""
    if all(isinstance(value, frozenset) for value in values):
        return frozenset({("T", values)})
    return ("T", values)


def called_name(value: Value) -> str:
    """The dotted name of what is called, where it has one."""
    if isinstance(value, frozenset):
        if len(value) == 1:
            for atom in value:
                if isinstance(atom, tuple) and atom[0] == "X":
                    return str(atom[1])
        return ""
    return str(value[1]) if value[0] == "g" else ""

"""Elements of values: what an index, a slice or an iteration gives."""

from __future__ import annotations

from typing import Any

from g2.explain.scan import operate
from g2.explain.scan.values import NOTHING, UNKNOWN, Value


def sliced(value: Value) -> Value:
    """What a slice of a value is."""
    if isinstance(value, frozenset):
        out: frozenset[Any] = NOTHING
        for atom in value:
            if isinstance(atom, tuple) and atom[0] in "TS":
                out |= frozenset({("L" if atom[0] == "T" else "S", operate.element(frozenset({atom})))})
            elif atom != "N":
                out |= frozenset({atom})
        return out or UNKNOWN
    return value


def element_of(value: Value) -> Value:
    """What an element of a value is."""
    if isinstance(value, frozenset):
        return operate.element(value)
    if value[0] == "|":
        return value
    if value[0] in "LDS" and len(value) == 2:
        return _term(value[1])
    return ("e", value)


def item_of(value: Value, number: int) -> Value:
    """What the element with this number is."""
    if isinstance(value, frozenset):
        return operate.item(value, number)
    if value[0] == "|":
        return value
    if value[0] == "T" and -len(value[1]) <= number < len(value[1]):
        return _term(value[1][number])
    if value[0] in "LDS" and len(value) == 2:
        return _term(value[1])
    return ("u", value, number)


def _term(part: Any) -> Value:
    """A part of a term, which is a value again."""
    assert isinstance(part, (frozenset, tuple))
    return part

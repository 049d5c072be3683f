"""Which parameters and which results of calls a call's arguments are made of: what may change when one of them does."""

from __future__ import annotations

from typing import Any

from g2.explain.scan.facts import Function

Reads = tuple[int, int]  # bits: parameters by number, calls by number


def reads(function: Function) -> list[Reads]:
    """What each call reads, and after them what the function's end does: its results and what it stores."""
    known: dict[int, Reads] = {}
    out: list[Reads] = []
    for call in function.calls:
        callee = call[0]
        params, results = _all(call[:3], known)
        if isinstance(callee, tuple) and callee[0] == "super":
            params |= 1  # whose method it is
        out.append((params, results))
    out.append(_all((function.returns, function.stores), known))
    return out


def _all(values: tuple[Any, ...], known: dict[int, Reads]) -> Reads:
    """The parameters and the calls that are in these values, as bits."""
    params = calls = 0
    for value in values:
        if value.__class__ is not tuple or not value:
            continue
        found = known.get(id(value))  # values share their parts
        if found is None:
            tag = value[0]
            if tag == "p" and isinstance(value[1], int):
                found = (1 << value[1], 0)
            elif tag == "c" and isinstance(value[1], int):
                found = (0, 1 << value[1])
            elif tag == "g" and len(value) == 2:
                continue
            else:
                found = _all(value, known)
            known[id(value)] = found
        params |= found[0]
        calls |= found[1]
    return params, calls

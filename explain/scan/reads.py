"""Which parameters and which results of calls a call's arguments are made of: what may change when one of them does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from g2.explain.scan.facts import Call

Reads = tuple[int, int]  # bits: parameters by number, calls by number


def reads(calls: Sequence[Call], end: tuple[Any, ...]) -> tuple[Reads, ...]:
    """What each call reads, and after them what the function's end does: its results and what it stores."""
    known: dict[int, Reads] = {}
    out: list[Reads] = []
    for call in calls:
        params, results = _all((call.callee, call.args, call.keywords), known)
        if isinstance(call.callee, tuple) and call.callee[0] == "super":
            params |= 1  # whose method it is
        out.append((params, results))
    return (*out, _all(end, known))


def _all(values: tuple[Any, ...], known: dict[int, Reads]) -> Reads:
    """The parameters and the calls that are in these values, as bits."""
    params = calls = 0
    for value in values:
        if isinstance(value, tuple):
            more = _read(value, known)
            params |= more[0]
            calls |= more[1]
    return params, calls


def _read(value: tuple[Any, ...], known: dict[int, Reads]) -> Reads:
    """The same of one, which is kept by its identity: values share their parts."""
    found = known.get(id(value))
    if found is not None:
        return found
    tag = value[0] if value else ""
    if tag == "p" and isinstance(value[1], int):
        found = (1 << value[1], 0)
    elif tag == "c" and isinstance(value[1], int):
        found = (0, 1 << value[1])
    else:
        found = _all(value, known)
    known[id(value)] = found
    return found

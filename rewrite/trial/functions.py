"""A call of a changed function as something to compare: one met in the middle of a root's call, or one that is under
way on the stack when a root is called, as a training step is that calls what is compiled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from g2.rewrite.trial.reached import reached
from g2.rewrite.trial.subject import Subject
from g2.rewrite.trial.versions import Live

_OWNERS = ("self", "ctx")
_VARARGS, _VARKEYWORDS = 0x4, 0x8  # of co_flags


def subject_of(live: Live, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Subject:
    """The call of a live function with these arguments."""
    pair, function = live.pair, live.function
    names = pair.new.co_varnames[: pair.new.co_argcount]
    call: Callable[..., Any] = function
    owner = None
    if args and names and names[0] in _OWNERS:
        owner, args, names = args[0], args[1:], names[1:]
        call = _bound(function, owner)
    around = reached(function, (pair.old, pair.new))
    return Subject(pair.name, pair.path, pair.line, call, args, kwargs, owner, names, function, None, around)


def under_way(live: Sequence[Live]) -> list[Subject]:
    """The calls on this thread's stack of functions that have changed, innermost first, each function once.

    Their arguments are what the parameters hold now; a call one of whose parameters was deleted is left out.
    """
    found: dict[tuple[str, int], Subject] = {}
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        for one in live:
            pair = one.pair
            if one.function.__code__ is not code or pair.resumes or (pair.path, pair.line) in found:
                continue
            held: Mapping[str, Any] = frame.f_locals
            given = _arguments(code, held)
            if given is not None and _closes_over(one, held):
                found[pair.path, pair.line] = subject_of(one, *given)
        frame = frame.f_back  # type: ignore[assignment]
    return list(found.values())


def _arguments(code: Any, held: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    names = code.co_varnames
    count, more = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    rest = iter(names[more:])
    varargs = next(rest) if code.co_flags & _VARARGS else None
    keywords = next(rest) if code.co_flags & _VARKEYWORDS else None
    wanted = [*names[:more], *filter(None, (varargs, keywords))]
    if any(name not in held for name in wanted):
        return None
    args = tuple(held[name] for name in names[:count])
    kwargs = {name: held[name] for name in names[count:more]}
    if varargs is not None:
        args += tuple(held[varargs])
    if keywords is not None:
        kwargs |= held[keywords]
    return args, kwargs


def _closes_over(live: Live, held: Mapping[str, Any]) -> bool:
    """Whether the frame is of this very function, and not of another made by the same `def`."""
    cells = zip(live.pair.new.co_freevars, live.function.__closure__ or (), strict=True)
    try:
        return all(name not in held or held[name] is cell.cell_contents for name, cell in cells)
    except ValueError:  # an empty cell
        return False


def _bound(function: Callable[..., Any], owner: Any) -> Callable[..., Any]:
    def bound(*args: Any, **kwargs: Any) -> Any:
        return function(owner, *args, **kwargs)

    return bound

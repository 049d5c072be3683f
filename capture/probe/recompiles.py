"""Recompiles: every guard that changed, who called with the new value, and the calls that run eager after the limit.

Private torch used here (2.11 to 2.15): convert_frame.get_and_maybe_log_recompilation_reasons (2.11 passes the
newest cache entry, linked by
`next`; 2.13 a list, newest first), convert_frame.exceeds_recompile_limit, CatchErrorsWrapper.__call__,
FrameExecStrategy.

After the limit torch marks the code RUN_ONLY: cached code is still used where its guards hold, nothing is
compiled, for it and for what it calls.
To count those calls, only the code's own part of that mark is left off: cached code is looked up as before, a miss
comes here, is counted, and is answered "run it in eager, callees run only" at once. Verified against torch without the
hook: the same graphs are compiled and run (tests/torch/test_recompiles.py).
"""

from __future__ import annotations

import importlib
import re
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch._dynamo import config
from torch._guards import CompileContext

from g2.capture.journal import Journal
from g2.capture.mine import is_mine
from g2.capture.probe import guards, places
from g2.capture.probe.guard_leaf import Failure
from g2.capture.probe.patch import replace
from g2.capture.probe.stats import Stats

_NEWEST = 0.25  # seconds allowed for the guards of the newest cache entry
_OTHERS = 0.05  # seconds allowed for those of all the older ones together
convert_frame: Any = importlib.import_module("torch._dynamo.convert_frame")  # its functions are replaced here
_RESUME = re.compile(r"torch_dynamo_resume_in_.*_at_(\d+)$")
_clock = time.perf_counter


class _Pending(threading.local):
    def __init__(self) -> None:
        self.event: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Limited:
    """Code at its recompile limit. Dynamo makes a new frame_state when the code is reset."""

    frame_state: object
    answer: Any
    place: tuple[str, int, str]


def install(journal: Journal, stats: Stats, lose: Callable[[str], None]) -> None:
    """Listen to recompiles and to the recompile limit."""
    pending = _Pending()
    judged = replace(convert_frame, "exceeds_recompile_limit", lambda real: _judges(real, journal, pending), lose,
                     "whether a recompile hit the recompile limit is not seen")  # fmt: skip

    def listens(real: Callable[..., Any]) -> Callable[..., Any]:
        return _listens(real, journal, stats, lose, pending, judged)

    replace(convert_frame, "get_and_maybe_log_recompilation_reasons", listens, lose, "recompiles are not seen")
    uncounted = "calls that run eager after the recompile limit are not counted"
    try:
        # Both come from C++; torch._dynamo.types is where 2.11 to 2.15 all have them.
        types_ = importlib.import_module("torch._dynamo.types")
        run_only = types_.FrameAction.RUN_ONLY
        callees_only = types_.FrameExecStrategy(types_.FrameAction.DEFAULT, run_only)
    except (ImportError, AttributeError, TypeError) as error:
        lose(f"{uncounted} (FrameExecStrategy: {error})")
        return
    replace(convert_frame, "CatchErrorsWrapper.__call__",
            lambda real: _counts(real, stats, callees_only, run_only), lose, uncounted)  # fmt: skip


def _flush(journal: Journal, pending: _Pending, limit: str | None) -> None:
    event, pending.event = pending.event, None
    if event is not None:
        event["limit"] = limit is not None
        event["limit_name"] = limit
        event["limit_value"] = getattr(config, limit, None) if limit else None
        journal.write(event)


def _listens(
    reasons: Callable[..., Any], journal: Journal, stats: Stats, lose: Callable[[str], None], pending: _Pending,
    judged: bool,
) -> Callable[..., Any]:  # fmt: skip
    def listens(cache: Any, frame: Any, *args: Any, **kwargs: Any) -> Any:
        if not kwargs.get("skip_logging", len(args) > 1 and args[1]):
            try:
                pending.event = _event(cache, frame, args[0] if args else None, stats)
            except Exception as error:  # whatever torch has changed, the script must go on
                where = places.function_name(frame.f_code)
                lose(f"the guards behind a recompile of {where} could not be read ({type(error).__name__}: {error})")
                pending.event = None
            if not judged:
                _flush(journal, pending, None)
        return reasons(cache, frame, *args, **kwargs)

    return listens


def _judges(exceeds: Callable[..., Any], journal: Journal, pending: _Pending) -> Callable[..., Any]:
    def judges(*args: Any, **kwargs: Any) -> Any:
        result = exceeds(*args, **kwargs)
        _flush(journal, pending, str(result[1]) if result[0] else None)
        return result

    return judges


def _counts(convert: Callable[..., Any], stats: Stats, strategy: Any, run_only: Any) -> Callable[..., Any]:
    limited: dict[types.CodeType, _Limited] = {}

    def converts(self: Any, frame: Any, cache_entry: Any, frame_state: Any) -> Any:
        code = frame.f_code
        known = limited.get(code)
        if known is not None:
            if known.frame_state is frame_state:
                stats.eager(*known.place)
                return known.answer
            del limited[code]
        result = convert(self, frame, cache_entry, frame_state)
        if (module := places.wrapped(code, frame.f_locals)) is not None:
            stats.wrapped.add(module)
        if result.guarded_code is None and result.apply_to_code:
            given = result.frame_exec_strategy
            if given.cur_action == run_only and given.recursive_action == run_only:
                result.frame_exec_strategy = strategy
                place = (code.co_filename, code.co_firstlineno, places.function_name(code))
                limited[code] = _Limited(frame_state, result, place)
                stats.eager(*place)
        return result

    return converts


def _event(cache: Any, frame: Any, backend: Any, stats: Stats) -> dict[str, Any] | None:
    begin = _clock()
    code: types.CodeType = frame.f_code
    resumed = _RESUME.search(code.co_name)
    entries = list(_entries(cache))
    found = _best(entries, frame.f_locals, int(resumed[1]) if resumed else None)
    if not found.failures and entries and backend is not None:
        found.failures = _backend(entries[0], backend)
    stack = places.above()
    active = stats.active
    module = places.wrapped(code, frame.f_locals)
    if module is not None and module not in stats.wrapped:
        return None  # the first compilation of another module: only the wrapper's code is the same
    said = f"{type(module).__qualname__}.forward" if module is not None else None
    current = CompileContext.current_compile_id()
    return {
        "e": "recompile", "path": code.co_filename, "line": code.co_firstlineno, "function": places.function_name(code),
        "resumes": resumed is not None, "module": _module(code, frame.f_locals, active.module if active else None),
        "site": _site(stack, code), "stack": stack, "id": str(current) if current else None,
        "said": said,
        "guards": [{"source": _own(f.source) if said else f.source, "kind": f.kind, "old": f.old, "new": f.new,
                    "dim": f.dim, "code": f.code[:300]} for f in found.failures],
        "partial": found.partial, "entries": len(entries), "us": round((_clock() - begin) * 1e6),
        "root": active.root if active else None, "call": active.call if active else None,
    }  # fmt: skip


def _own(source: str) -> str:
    return re.sub(r"^fn\b", "self", source)


def _entries(cache: Any) -> Iterator[Any]:
    if isinstance(cache, list | tuple):
        yield from cache
        return
    while cache is not None:
        yield cache
        cache = cache.next


def _best(entries: list[Any], f_locals: Mapping[str, Any], resumed_at: int | None) -> guards.Found:
    """The entry that the call comes nearest to; among equals the newest, what the last compilation expected."""
    best: guards.Found | None = None
    until = 0.0
    for entry in entries:
        seconds = _NEWEST if best is None else until - _clock()
        if seconds <= 0:
            break
        found = guards.failures(entry.guard_manager, f_locals, resumed_at, seconds)
        if best is None:
            best, until = found, _clock() + _OTHERS
        elif found.failures and not found.partial and (not best.failures or found.distance < best.distance):
            best = found
    return best or guards.Found()


def _backend(entry: Any, backend: Any) -> list[Failure]:
    held = getattr(getattr(entry, "guard_manager", None), "cache_entry", None)
    if held is None or getattr(held, "backend", backend) is backend:
        return []
    said = "torch.compile was called again with another backend object"
    return [
        Failure("the backend", "identity", "the backend it was compiled with", "another backend", None, said, said=True)
    ]


def _site(stack: list[places.Place], code: types.CodeType) -> list[Any] | None:
    """The innermost line of the person's own code above the function; without one, the innermost line above it."""
    name = places.function_name(code)
    above = list(stack)
    while above and (above[-1][0], above[-1][5]) == (code.co_filename, name):
        above.pop()
    mine = next((step for step in reversed(above) if is_mine(step[0])), above[-1] if above else None)
    return mine[:5] if mine else None


def _module(code: types.CodeType, f_locals: Mapping[str, Any], root: torch.nn.Module | None) -> str | None:
    """The path below `root` of the nn.Module whose method is recompiled."""
    owner = f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    if root is None or not isinstance(owner, torch.nn.Module):
        return None
    return next((name for name, module in root.named_modules() if module is owner), None)

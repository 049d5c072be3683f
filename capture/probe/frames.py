"""Frames that Dynamo compiles: how long each takes, what it was for, and frames it refuses without an event.

Private torch used here (2.11 to 2.15): ConvertFrame.__call__, CatchErrorsWrapper.__call__ and its _handle_skip (not in
every version).
"""

from __future__ import annotations

import time
import types
from collections.abc import Callable
from typing import Any

import torch
from torch._dynamo import convert_frame

from g2.capture.described import described
from g2.capture.journal import Journal
from g2.capture.probe import originals, places
from g2.capture.probe.patch import replace
from g2.capture.probe.stats import Stats

_clock = time.perf_counter
_WRAPPERS = "/_dynamo/external_utils.py"
_TOLD = ("dispatch mode", "Dynamo tracing is disabled")  # refusals that a person should hear of


def install(journal: Journal, stats: Stats, lose: Callable[[str], None]) -> None:
    """Listen to compilations and to refusals; what this torch does not let us hear is told."""
    replace(convert_frame, "ConvertFrame.__call__", lambda real: _converts(real, journal, stats), lose,
            "how long compilation takes is not seen")  # fmt: skip
    replace(convert_frame, "CatchErrorsWrapper.__call__", lambda real: _timed(real, stats), lose,
            "Dynamo's own look at skipped frames counts as time between graphs")  # fmt: skip
    replace(convert_frame, "CatchErrorsWrapper._handle_skip", lambda real: _skips(real, journal), lose,
            "frames that Dynamo skips without calling it a graph break are not seen")  # fmt: skip


def _converts(convert: Callable[..., Any], journal: Journal, stats: Stats) -> Callable[..., Any]:
    def converts(self: Any, frame: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["skip"] = kwargs.get("skip", 0) + 1
        after = stats.last_break
        begin = _clock()
        result = None
        try:
            with stats.compiling():
                result = convert(self, frame, *args, **kwargs)
            return result
        finally:
            seconds = _clock() - begin
            name, code = _function(frame)
            active = stats.active
            made = getattr(result, "guarded_code", None) is not None
            # Work on a frame that was given up in the end is owed to what gave it up, else to the break it starts
            # behind.
            cause = after if made else stats.last_break
            if result is None or made or seconds > 1e-3:
                journal.write(
                    {"e": "compile", "path": code.co_filename, "line": code.co_firstlineno,
                     "function": name, "resumes": "torch_dynamo_resume_in" in frame.f_code.co_name,
                     "s": round(seconds, 6), "ok": made,
                     "after": cause, "root": active.root if active else None, "call": active.call if active else None}
                )  # fmt: skip

    return converts


def _timed(enters: Callable[..., Any], stats: Stats) -> Callable[..., Any]:
    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        with stats.compiling():
            return enters(self, *args, **kwargs)

    return timed


def _skips(skip: Callable[..., Any], journal: Journal) -> Callable[..., Any]:
    told: set[tuple[str, int, str]] = set()

    def skips(self: Any, result: Any, frame: Any) -> Any:
        reason = getattr(result, "skip_reason", None)
        if reason and any(word in reason for word in _TOLD):
            code = frame.f_code
            key = (code.co_filename, code.co_firstlineno, reason)
            if key not in told and not places.internal(code.co_filename):
                told.add(key)
                journal.write(
                    {"e": "skip", "path": code.co_filename, "line": code.co_firstlineno,
                     "function": places.function_name(code), "reason": reason, "stack": places.above()}
                )  # fmt: skip
        return skip(self, result, frame)

    return skips


def _function(frame: Any) -> tuple[str, types.CodeType]:
    """The function that a frame belongs to. Callables without a frame of their own get one of Dynamo's
    (external_utils.wrap_inline).
    """
    code = originals.original(frame.f_code)
    if code.co_filename.replace("\\", "/").endswith(_WRAPPERS) and "fn" in frame.f_locals:
        wrapped, args = frame.f_locals["fn"], frame.f_locals.get("args")
        # Containers of torch.nn are called through their Module._call_impl.
        name, own = described(args[0] if args and wrapped is torch.nn.Module._call_impl else wrapped)
        if own is not None:
            return name, own
    return places.function_name(code), code

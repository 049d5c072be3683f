"""Frames that Dynamo compiles: how long each takes, what it was for, and frames it refuses without an event.

Private torch used here (2.11 to 2.15): ConvertFrame.__call__, CatchErrorsWrapper._handle_skip.
"""

from __future__ import annotations

import functools
import time
import types
from collections.abc import Callable
from typing import Any

import torch
from torch._dynamo import convert_frame

from g2.capture.described import described
from g2.capture.journal import Journal
from g2.capture.probe import originals, places
from g2.capture.probe.stats import Stats

_clock = time.perf_counter
_WRAPPERS = "/_dynamo/external_utils.py"
_TOLD = ("dispatch mode", "Dynamo tracing is disabled")  # refusals that a person should hear of


def install(journal: Journal, stats: Stats, lose: Callable[[str], None]) -> None:
    convert = convert_frame.ConvertFrame.__call__

    @functools.wraps(convert)
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

    convert_frame.ConvertFrame.__call__ = converts  # type: ignore[method-assign]

    wrapper = getattr(convert_frame, "CatchErrorsWrapper", None)
    if wrapper is None:
        lose("Dynamo's own look at skipped frames counts as time between graphs (CatchErrorsWrapper is gone)")
    else:
        enters = wrapper.__call__

        @functools.wraps(enters)
        def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
            with stats.compiling():
                return enters(self, *args, **kwargs)

        wrapper.__call__ = timed
    skip = getattr(wrapper, "_handle_skip", None)
    if wrapper is None or skip is None:
        lose(
            "frames that Dynamo skips without calling it a graph break are not seen: "
            "this torch version gives no reason for them (CatchErrorsWrapper._handle_skip, torch 2.13)"
        )
        return
    told: set[tuple[str, int, str]] = set()

    @functools.wraps(skip)
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

    wrapper._handle_skip = skips


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

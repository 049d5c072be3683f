"""Which frames of the repeated call are traced, and which have been traced already inside another one.

The root frame is traced to its end, then runs in eager; on the way the functions that its trace could not enter are met
and traced as roots of their own. Private torch used here (2.11 to 2.15): ConvertFrame and ConvertFrameReturn.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections import Counter
from typing import Any

import torch
from torch._C._dynamo.eval_frame import _FrameAction as FrameAction
from torch._C._dynamo.eval_frame import _FrameExecStrategy as FrameExecStrategy
from torch._dynamo import convert_frame, exc
from torch._dynamo.types import ConvertFrameReturn

from g2.capture.containers import elements, entries, length
from g2.capture.through.session import Session, WholeFrameTraced, is_users

_FIRST = 4  # traces of one function whatever its inputs
_MORE = 8  # and so many in all when they bring a new signature
_GENERATOR = inspect.CO_GENERATOR


class Zone:
    """Decides per frame. One object serves one fork."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._inside: dict[types.CodeType, set[types.CodeType]] = {}  # traced root -> what its trace contained
        self._complete: set[types.CodeType] = set()  # roots that were traced to their end
        self._traces: Counter[types.CodeType] = Counter()
        self._seen: set[tuple[object, ...]] = set()

    def wants(self, frame: Any, running: types.FrameType | None) -> bool:
        code = frame.f_code
        if self._traces and not is_users(code.co_filename):
            return False
        if not self._new(code, running):
            return False
        key = (code, signature(frame.f_locals))
        count = self._traces[code]
        if count >= _MORE or (count >= _FIRST and key in self._seen):
            return False
        self._traces[code] += 1
        self._seen.add(key)
        return True

    def _new(self, code: types.CodeType, running: types.FrameType | None) -> bool:
        """Whether Dynamo would compile this frame by itself, and no trace has been through it."""
        entered = code in self._session.entered
        inside = False
        while running is not None:
            caller = running.f_code
            contained = self._inside.get(caller)
            if contained is not None:
                if code in contained:
                    return False
                if caller in self._complete and not entered:
                    return False  # part of the graph there: an operator, or a function allowed in it
                inside = True
            entered = entered or caller in self._session.entered
            running = running.f_back
        return not (inside and code.co_flags & _GENERATOR)  # such a generator is met alone only here

    def trace(self, converter: Any, frame: Any, cache_entry: Any, hooks: Any, frame_state: Any, skip: int) -> None:
        session = self._session
        first = not session.inlined and session.counts["roots"] == 0
        session.counts["roots"] += 1
        if first and session.module is None:
            owner = frame.f_locals.get("self")
            session.module = owner if isinstance(owner, torch.nn.Module) else None
        session.inlined.append(set())
        numpy = sys.modules.get("numpy")
        state = numpy.random.get_state() if numpy is not None else None
        try:
            converter._inner_convert(frame, cache_entry, hooks, frame_state, skip=skip + 1)
            self._complete.add(frame.f_code)
        except (WholeFrameTraced, exc.SkipFrame):  # which of the two ways depends on the version
            self._complete.add(frame.f_code)
        except Exception as error:  # the trace could not go on; what it found is written
            session.stop(f"root {frame.f_code.co_name}: {type(error).__name__}: {str(error).splitlines()[:1]}"[:200])
        finally:
            session.undo.all()
            if numpy is not None:  # Dynamo restores the streams of torch and of random, not this one
                numpy.random.set_state(state)
            contained = session.inlined.pop() - session.entered - {frame.f_code}
            self._inside.setdefault(frame.f_code, set()).update(contained)


def install(session: Session) -> None:
    zone = Zone(session)
    skip_it = ConvertFrameReturn(
        frame_exec_strategy=FrameExecStrategy(FrameAction.SKIP, FrameAction.DEFAULT), apply_to_code=False
    )

    def call(self: Any, frame: Any, cache_entry: Any, hooks: Any, frame_state: Any, skip: int = 0) -> Any:
        if zone.wants(frame, sys._getframe(1)):
            zone.trace(self, frame, cache_entry, hooks, frame_state, skip)
        return skip_it

    convert_frame.ConvertFrame.__call__ = call  # type: ignore[method-assign]


def signature(values: dict[str, Any]) -> tuple[object, ...]:
    """What of a frame's inputs decides which way it takes, without the values of tensors."""
    return (tuple((name, _kind(values[name])) for name in sorted(values)), torch.is_grad_enabled())


def _kind(value: Any, depth: int = 0) -> object:
    if isinstance(value, torch.Tensor):
        return (tuple(value.shape), str(value.dtype), value.requires_grad)
    if isinstance(value, torch.nn.Module):
        return (id(value), value.training)
    if isinstance(value, (bool, str, type(None))):
        return value
    if depth == 0 and isinstance(value, (tuple, list)):
        return (length(value), tuple(_kind(item, 1) for item in elements(value, 8)))
    if depth == 0 and isinstance(value, dict):
        return tuple((str(key), _kind(item, 1)) for key, item in entries(value, 16))
    return type(value).__name__

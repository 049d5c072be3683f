"""Child side: where the person's own code compiled or called a root, and by which names it knows the module there."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from g2.capture.mine import is_mine

_OURS = str(Path(__file__).parent) + os.sep
_NAMES = 4  # names told for one module


def use(module: Any) -> dict[str, Any] | None:
    """The user's innermost running line as a place, with its function and the names that `module` has there ("model",
    "self.net", "pipe.unet"); None when no file of the user's is running.
    """
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if is_mine(path) and not path.startswith(_OURS):
            break
        frame = frame.f_back
    if frame is None:
        return None
    line, end_line, column, end_column = _position(frame)
    names = [] if module is None else [n for n, _ in zip(_names(frame, module), range(_NAMES), strict=False)]
    return {
        "path": frame.f_code.co_filename, "line": line, "column": column, "end_line": end_line,
        "end_column": end_column, "function": frame.f_code.co_qualname.replace("<locals>.", ""), "names": names,
    }  # fmt: skip


def _position(frame: types.FrameType) -> tuple[int, int, int, int]:
    for index, (line, end_line, column, end_column) in enumerate(frame.f_code.co_positions()):
        if index * 2 == frame.f_lasti and line is not None:
            found = (line, end_line, column, end_column)
            return tuple(-1 if v is None else v for v in found)  # type: ignore[return-value]
    return frame.f_lineno, -1, -1, -1


def _names(frame: types.FrameType, module: Any) -> Iterator[str]:
    scopes = [frame.f_locals] if frame.f_locals is frame.f_globals else [frame.f_locals, frame.f_globals]
    for scope in scopes:
        yield from (name for name, value in list(scope.items()) if value is module)
    for scope in scopes:
        for owner, value in list(scope.items()):
            for name, held in _held(value):
                if held is module:
                    yield f"{owner}.{name}"


def _held(value: Any) -> Iterator[tuple[str, Any]]:
    """Attributes of an object as they are stored: nothing of the user's runs."""
    if isinstance(value, (type, types.ModuleType, types.FunctionType)):
        return
    try:
        stored: Any = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return
    if isinstance(stored, Mapping):
        for held in (stored, stored.get("_modules")):
            if isinstance(held, Mapping):
                yield from ((name, one) for name, one in list(held.items()) if isinstance(name, str))

"""Runs a script in eager and writes which functions ran inside of what torch.compile would compile.

    python bench/scan_reached.py OUT.json SCRIPT [ARGS..]

Without a call of torch.compile in the script, what is compiled is every outermost nn.Module; with one, what it was
given.
Nothing is compiled here. The answer is a list of [path, first line, name] of code objects.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

os.environ["TORCHDYNAMO_DISABLE"] = "1"

seen: set[CodeType] = set()
compiled: set[int] = set()
kept_alive: list[Any] = []
depth = threading.local()
chosen = False


def within() -> bool:
    return getattr(depth, "n", 0) > 0


def leaves(frame: FrameType, event: str, _: Any) -> Any:
    if event == "return":
        depth.n -= 1
    return leaves


def enters(frame: FrameType, event: str, _: Any) -> Any:
    code = frame.f_code
    if within():
        seen.add(code)
    if code is MODULE_CALL and (not chosen or id(frame.f_locals.get("self")) in compiled) and _own(frame):
        depth.n = getattr(depth, "n", 0) + 1
        frame.f_trace_lines = False
        return leaves
    return None


def _own(frame: FrameType) -> bool:
    module = frame.f_locals.get("self")
    return chosen or not type(module).__module__.startswith("torch.nn.")


def marked(function: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        depth.n = getattr(depth, "n", 0) + 1
        try:
            return function(*args, **kwargs)
        finally:
            depth.n -= 1

    call.__wrapped__ = function
    return call


def compile(model: Any = None, **options: Any) -> Any:
    if model is None:
        return lambda given: compile(given)
    if _at_import():
        return model
    return choose(model)


def choose(model: Any) -> Any:
    global chosen
    if not chosen:
        chosen = True
        seen.clear()
    if isinstance(model, torch.nn.Module):
        compiled.add(id(model))
        kept_alive.append(model)
        return model
    return marked(model)


def _at_import() -> bool:
    """A library's own wish while it is imported does not count."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__":
            return True
        frame = frame.f_back
    return False


out, script = sys.argv[1], sys.argv[2]
import torch  # noqa: E402

MODULE_CALL = torch.nn.Module._call_impl.__code__
torch.compile = compile
torch.nn.Module.compile = lambda self, *args, **kwargs: choose(self) and None
sys.argv = sys.argv[2:]
sys.path[0] = str(Path(script).resolve().parent)
threading.settrace(enters)
sys.settrace(enters)
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit:
    pass
finally:
    sys.settrace(None)
    found = sorted({(code.co_filename, code.co_firstlineno, code.co_qualname) for code in seen})
    Path(out).write_text(json.dumps({"chosen": chosen, "functions": found}), "utf-8")

"""Where in the user's source Dynamo stopped: spans, call paths and nn.Module paths, from live translators and frames.

Private torch used here (2.11 to 2.15): InstructionTranslatorBase and its f_code, current_instruction, parent,
symbolic_locals; the names of resume functions; ContinueExecutionCache through `originals`.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch._dynamo.exc import Unsupported, UserError
from torch._dynamo.symbolic_convert import InstructionTranslatorBase

from g2.capture.probe import originals

if TYPE_CHECKING:
    from torch.nn import Module

Place = list[Any]  # [path, line, column, end_line, end_column, function]

_TORCH = torch.__file__.rsplit("__init__", 1)[0]
_OURS = __file__.rsplit("probe", 1)[0]
_RESUME = re.compile(r"torch_dynamo_resume_in_(.*)_at_\d+$")
_INTERNAL = re.compile(r"<frozen |/importlib/|/runpy\.py$|<eval_with_key>|<string>$|contextlib\.py$")


def translators(error: BaseException | None) -> list[InstructionTranslatorBase]:
    """The translators that were live when `error` was raised, outermost first.

    They are found in the tracebacks of the error and of what it was raised from; the ones above the outermost of
    these are its parents.
    """
    found: list[InstructionTranslatorBase] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        tb = error.__traceback__
        while tb is not None:
            tx = tb.tb_frame.f_locals.get("self") if tb.tb_frame.f_code.co_name == "step" else None
            if isinstance(tx, InstructionTranslatorBase) and all(tx is not other for other in found):
                found.append(tx)
            tb = tb.tb_next
        context = error.__context__ if isinstance(error.__context__, (Unsupported, UserError)) else None
        error = error.__cause__ or context  # a loop's own break is raised while the first one is handled
    if not found:
        return []
    above: list[InstructionTranslatorBase] = []
    tx = found[0]
    while (tx := getattr(tx, "parent", None)) is not None:
        above.append(tx)
    return [*reversed(above), *found]


def place(tx: InstructionTranslatorBase) -> Place:
    """The instruction a translator stands at, in the user's own source."""
    return [tx.f_code.co_filename, *originals.position(tx), function_name(tx.f_code)]


def function_name(code: types.CodeType) -> str:
    """The qualified name as the person wrote it, also for resume functions: "Block.forward"."""
    head, dot, last = code.co_qualname.rpartition(".")
    match = _RESUME.match(last)
    while match:
        last = match[1]
        match = _RESUME.match(last)
    return f"{head}{dot}{last}".replace("<locals>.", "")


def above() -> list[Place]:
    """The user's Python frames that are running above Dynamo, outermost first."""
    out: list[Place] = []
    frame: types.FrameType | None = sys._getframe(1)
    resumed = ""
    while frame is not None:
        code = frame.f_code
        if not internal(code.co_filename):
            name = function_name(code)
            # A resume function is called by the part before it: one step, and the later position counts.
            if not (resumed == f"{code.co_filename}:{name}" and out):
                out.append([*running(frame), name])
            resumed = f"{code.co_filename}:{name}" if resumes(code) else ""
        frame = frame.f_back
    return out[::-1]


def resumes(code: types.CodeType) -> bool:
    """Whether it is the code of a resume function."""
    return _RESUME.match(code.co_name) is not None


def running(frame: types.FrameType) -> Place:
    """Path and position of the instruction that a Python frame is executing."""
    code = frame.f_code
    spot: tuple[int | None, ...] = (frame.f_lineno, None, None, None)
    for index, candidate in enumerate(code.co_positions()):
        if index * 2 == frame.f_lasti:
            line, end_line, column, end_column = candidate
            if line is not None:
                spot = (line, column, end_line, end_column)
            break
    return [code.co_filename, *(-1 if v is None else v for v in spot)]


def internal(path: str) -> bool:
    """Frames nobody wants in a call path: torch's own, the import system's, ours."""
    return path.startswith((_TORCH, _OURS)) or _INTERNAL.search(path) is not None


def call_path(found: list[InstructionTranslatorBase]) -> list[Place]:
    """The whole path from the script to the place: running Python frames, then the frames that Dynamo was tracing."""
    out = above()
    for tx in found:
        step = place(tx)
        if out and resumes(tx.f_code) and (out[-1][0], out[-1][5]) == (step[0], step[5]):
            out[-1] = step
        elif not internal(step[0]):
            out.append(step)
    return out


def module_path(found: list[InstructionTranslatorBase], root: Module | None) -> str | None:
    """The path below `root` of the innermost nn.Module whose method was being traced: "encoder.layers.3.attn"."""
    for tx in reversed(found):
        module = _self(tx)
        if module is None:
            continue
        if module is root:
            return ""
        for base in _bases(root):
            for name, candidate in base.named_modules():
                if candidate is module:
                    return str(name)
        return None
    return None


def _bases(root: Module | None) -> Iterator[Module]:
    if root is not None:
        yield root


def _self(tx: InstructionTranslatorBase) -> Module | None:
    variable = tx.symbolic_locals.get("self")
    if variable is None:
        return None
    try:
        value = getattr(variable, "value", None)
        if value is None and (key := getattr(variable, "module_key", None)) is not None:
            value = tx.output.get_submodule(key)
    except Exception:  # a lazy variable that cannot be realised now has no module to name
        return None
    return value if isinstance(value, torch.nn.Module) else None


def wrapped(code: types.CodeType, f_locals: Mapping[str, Any]) -> Module | None:
    """The module for which Dynamo's own wrapper stands (external_utils.wrap_inline), when the frame is one."""
    module = f_locals.get("fn") if code.co_filename.endswith("external_utils.py") else None
    return module if isinstance(module, torch.nn.Module) else None

"""From a resume function back to the function it resumes.

Dynamo writes the line table of the code it makes with an error: `linetable_311_writer` in bytecode_transformation.py
applies a line step twice for instructions longer than eight code units, so lines behind a method call that starts on
another line are too large (torch 2.11 to 2.15). The instructions themselves are the original's, behind a prefix; so
they are matched from the end.

Private torch used here (2.11 to 2.15): ContinueExecutionCache.generated_code_metadata, ResumeFunctionMetadata.code and
.instructions.
"""

from __future__ import annotations

import types
from typing import Any

from torch._dynamo.resume_execution import ContinueExecutionCache

Position = tuple[int, int, int, int]  # line, column, end line, end column; -1 for what is not known


def original(code: types.CodeType) -> types.CodeType:
    """The function's own code, for the code of a resume function; else `code`."""
    meta = ContinueExecutionCache.generated_code_metadata.get(code)
    return code if meta is None else meta.code


def position(tx: Any) -> Position:
    """The position of the instruction a translator stands at, in the original function."""
    instruction = tx.current_instruction
    meta = ContinueExecutionCache.generated_code_metadata.get(tx.f_code)
    if meta is not None and instruction in tx.indexof:
        back = len(tx.instructions) - tx.indexof[instruction]
        if back <= len(meta.instructions):
            candidate = meta.instructions[-back]
            if candidate.opcode == instruction.opcode:
                instruction = candidate
    return _known(instruction, tx.f_code)


def _known(instruction: Any, code: types.CodeType) -> Position:
    spot = instruction.positions
    if spot is None or spot.lineno is None:
        line = instruction.starts_line
        return (line if line is not None else code.co_firstlineno, -1, -1, -1)
    end = spot.end_lineno
    return (
        spot.lineno,
        -1 if spot.col_offset is None else spot.col_offset,
        -1 if end is None else end,
        -1 if spot.end_col_offset is None else spot.end_col_offset,
    )

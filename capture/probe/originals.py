"""Positions in the user's own source for instructions of resume functions (torch 2.11 to 2.15)."""

from __future__ import annotations

import types
from typing import Any


def positions(code: types.CodeType, instruction: Any) -> tuple[int, int, int, int]:
    """(line, column, end_line, end_column); -1 for what the code object does not say."""
    spot = instruction.positions
    if spot is None or spot.lineno is None:
        line = instruction.starts_line
        return (line if line is not None else code.co_firstlineno, -1, -1, -1)
    values = (spot.lineno, spot.col_offset, spot.end_lineno, spot.end_col_offset)
    return tuple(-1 if v is None else v for v in values)  # type: ignore[return-value]

"""Inline assembly that Inductor writes, one PTX instruction at a time.

Inductor 2.12 and later writes `fma.rn.f32 $0, $1, $2, $3;` and `rcp.approx.ftz.f32 $0, $1;` (codegen/triton.py,
`_inline_asm_f32`), and what a person gives to inline_asm_elementwise. Only single instructions on float32 and integers
are known; PTX ISA, "Instruction Set", has what each does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from g2.check.child.interpret.libdevice import Unknown
from g2.check.child.interpret.numbers import Array, fused

_KINDS = {"f32": np.float32, "f64": np.float64, "s32": np.int32, "u32": np.uint32, "b32": np.uint32,
          "s64": np.int64, "u64": np.uint64, "b64": np.uint64, "f16": np.float16}  # fmt: skip
_MODES = {"rn", "rz", "approx", "ftz", "full", "lo", "sat"}
_OPERATIONS: dict[str, Callable[..., Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "fma": fused,
    "mad": lambda x, y, z: x * y + z,
    "rcp": lambda x: 1 / x,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "ex2": np.exp2,
    "lg2": np.log2,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "abs": np.abs,
    "neg": np.negative,
    "min": np.fmin,
    "max": np.fmax,
    "mov": lambda x: x,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "not": np.invert,
    "shl": np.left_shift,
    "shr": np.right_shift,
}
_INSTRUCTION = re.compile(r"\s*(?P<name>[a-z0-9.]+)\s+(?P<places>\$\d+(?:\s*,\s*\$\d+)*)\s*;?\s*")


def run(text: str, arrays: list[Array]) -> Array:
    """What one instruction gives. Raises Unknown."""
    found = _INSTRUCTION.fullmatch(text)
    places = re.findall(r"\d+", found["places"]) if found else []
    operation, *modes = found["name"].split(".") if found else [""]
    kinds = [mode for mode in modes if mode in _KINDS]
    known = operation in _OPERATIONS and len(kinds) == 1 and not {*modes} - _MODES - {*kinds}
    if not known or places[:1] != ["0"] or {"rz", "sat"} & {*modes}:
        raise Unknown(f"the inline assembly {text.strip()!r} cannot be interpreted")
    kind = _KINDS[kinds[0]]
    values: list[Any] = [arrays[int(place) - 1].view(kind) for place in places[1:]]
    if np.issubdtype(kind, np.floating) and operation != "fma":
        return np.asarray(_OPERATIONS[operation](*[one.astype(np.float64) for one in values])).astype(kind)
    return np.asarray(_OPERATIONS[operation](*values)).astype(kind)

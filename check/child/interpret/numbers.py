"""The number formats that NumPy lacks, and the operators of Triton's interpreter that are not exact on them.

Triton's interpreter keeps bfloat16 as uint16 and float8 as uint8, converts between them by cutting off or by rounding
half up (triton 3.6 to 3.9, runtime/interpreter.py, `_convert_float`), and adds and compares the bit patterns. A GPU
rounds to nearest even and, where it converts to float8, saturates (PTX ISA, cvt.rn.satfinite). torch has all the
formats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import triton.language as tl
from triton.runtime.interpreter import TensorHandle, _get_np_dtype

Array = np.ndarray[Any, Any]

_FORMATS: dict[Any, torch.dtype] = {
    tl.bfloat16: torch.bfloat16,
    tl.float8e4nv: torch.float8_e4m3fn,
    tl.float8e5: torch.float8_e5m2,
    tl.float8e4b8: torch.float8_e4m3fnuz,
    tl.float8e5b16: torch.float8_e5m2fnuz,
}
_COMPARISONS = frozenset((np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal))


def wide(data: Array, dtype: Any) -> Array:
    """What NumPy can compute with: float32 for the formats it lacks, the data itself for the others."""
    held = _FORMATS.get(dtype)
    if held is None or data.dtype.kind == "f":
        return data
    bits = torch.from_numpy(np.ascontiguousarray(data).view(f"i{data.itemsize}"))
    return bits.view(held).float().numpy()


def narrow(data: Array, dtype: Any) -> Array:
    """Back to the bits that Triton's interpreter keeps, rounded to nearest even."""
    held = _FORMATS.get(dtype)
    if held is None:
        return data.astype(_get_np_dtype(dtype), copy=False)
    values = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))
    if held.itemsize == 1:
        most = torch.finfo(held).max
        values = values.clamp(-most, most)
    made = values.to(held).view(torch.int16 if held.itemsize == 2 else torch.int8).numpy()
    return made.view(_get_np_dtype(dtype))


class Numbers:
    """What goes before Triton's own builder: arithmetic of these formats in float32, rounded once."""

    def cast_impl(self, src: Any, dst_type: Any) -> Any:
        to = dst_type.scalar
        return TensorHandle(narrow(wide(src.data, src.dtype.scalar), to), to)

    def create_fp_to_fp(self, src: Any, dst_type: Any, rounding_mode: Any) -> Any:
        return self.cast_impl(src, dst_type)

    def binary_op(self, lhs: Any, rhs: Any, op: Callable[..., Array]) -> Any:
        dtype = lhs.dtype.scalar
        first, second = wide(lhs.data, dtype), wide(rhs.data, rhs.dtype.scalar)
        if op in _COMPARISONS:
            return TensorHandle(op(first, second), tl.int1)
        if first.dtype == np.bool_ and second.dtype == np.bool_:
            # numpy's + of two bools is "or", and it has no -; an i1 of LLVM wraps around (triton issue 10919).
            made = op(first.astype(np.int8), second.astype(np.int8))
            return TensorHandle((made & 1).astype(np.bool_), dtype)
        return TensorHandle(narrow(op(first, second), dtype), dtype)

    def unary_op(self, arg: Any, op: Callable[[Array], Array]) -> Any:
        dtype = arg.dtype.scalar
        return TensorHandle(narrow(op(wide(arg.data, dtype)), dtype), dtype)

    def create_minnumf(self, lhs: Any, rhs: Any) -> Any:
        return self.binary_op(lhs, rhs, np.fmin)

    def create_maxnumf(self, lhs: Any, rhs: Any) -> Any:
        return self.binary_op(lhs, rhs, np.fmax)

    def create_exp(self, arg: Any) -> Any:
        return self.unary_op(arg, np.exp)

    def create_rsqrt(self, arg: Any) -> Any:
        return self.unary_op(arg, lambda data: 1 / np.sqrt(data))

    def create_clampf(self, arg: Any, low: Any, high: Any, propagate_nans: Any) -> Any:
        dtype = arg.dtype.scalar
        data, least, most = (wide(one.data, one.dtype.scalar) for one in (arg, low, high))
        if "ALL" in str(propagate_nans):
            made = np.minimum(np.maximum(data, least), most)
        else:
            made = np.fmin(np.fmax(data, least), most)
        return TensorHandle(narrow(made, dtype), dtype)

    def create_fma(self, x: Any, y: Any, z: Any) -> Any:
        dtype = z.dtype.scalar
        parts = [wide(one.data, one.dtype.scalar) for one in (x, y, z)]
        return TensorHandle(narrow(fused(*parts), dtype), dtype)

    def create_umulhi(self, lhs: Any, rhs: Any) -> Any:
        bits = lhs.data.itemsize * 8
        unsigned = np.dtype(f"u{lhs.data.itemsize}")
        first, second = lhs.data.view(unsigned), rhs.data.view(unsigned)
        if bits == 64:
            made = _high_of_64(first, second)
        else:
            made = (first.astype(np.uint64) * second.astype(np.uint64) >> np.uint64(bits)).astype(unsigned)
        return TensorHandle(made.view(lhs.data.dtype), lhs.dtype.scalar)

    def create_dot(self, a: Any, b: Any, d: Any, *_: Any) -> Any:
        # Products of tensor cores are summed in float32 at least; tf32 is not imitated, so this is no worse than they
        # are.
        first, second = wide(a.data, a.dtype.scalar), wide(b.data, b.dtype.scalar)
        dtype = d.dtype.scalar
        held = wide(d.data, dtype)
        if first.dtype.kind == "f":
            made = np.matmul(first.astype(np.float64), second.astype(np.float64)) + held
        else:
            made = np.matmul(first.astype(np.int64), second.astype(np.int64)) + held
        return TensorHandle(narrow(made.astype(held.dtype), dtype), dtype)


def fused(x: Array, y: Array, z: Array) -> Array:
    """x * y + z, rounded once: of float32 exact but for a double rounding, of float64 rounded twice."""
    if x.dtype == np.float64:
        return x * y + z
    made: Array = (x.astype(np.float64) * y + z).astype(x.dtype)
    return made


def _high_of_64(first: Array, second: Array) -> Array:
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    a, b, c, d = first >> half, first & low, second >> half, second & low
    middle = (b * d >> half) + (a * d & low) + (b * c & low)
    made: Array = a * c + (a * d >> half) + (b * c >> half) + (middle >> half)
    return made

"""tl.reduce and tl.associative_scan with any function, a whole axis at a time.

Triton's interpreter calls the function once for each pair of elements (runtime/interpreter.py, `generic_reduce`): a row
of 1024 takes a tenth of a second. The function works element by element, so it may as well be given halves of the axis.
Neighbours are combined, left before right, as its being associative allows and its not being commutative demands.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import triton.language as tl
from triton.runtime.interpreter import TensorHandle

from g2.check.child.interpret.numbers import Array


def reduce(self: Any, given: Any) -> list[Any]:
    """In the place of `ReduceOps.generic_reduce`."""
    original = self.axis
    tensors, axis = self.unravel(given, original)
    rank = len(given[0].handle.data.shape)
    dtypes = [one.dtype for one in tensors]
    parts = [np.moveaxis(one.handle.data, axis, 0) for one in tensors]
    while (length := len(parts[0])) > 1:
        even = length - length % 2
        made = _combined(self, [part[0:even:2] for part in parts], [part[1:even:2] for part in parts], dtypes)
        parts = [np.concatenate([new, old[even:]]) for new, old in zip(made, parts, strict=True)]
    result = []
    for part, dtype in zip(parts, dtypes, strict=True):
        data: Any = part[0]
        if self.keep_dims:
            data = np.expand_dims(data, axis) if original is not None else data.reshape((1,) * rank)
        result.append(self.to_tensor(data, dtype))
    return result


def scan(self: Any, given: Any) -> list[Any]:
    """In the place of `ScanOps.generic_scan`."""
    dtypes = [one.dtype for one in given]
    parts = [np.moveaxis(one.handle.data, self.axis, 0) for one in given]
    step = 1
    while step < len(parts[0]):
        # Whole lengths, because Triton takes no size but a power of two; the first `step` are thrown away.
        left = [np.concatenate([part[:step], part[:-step]]) for part in parts]
        made = _combined(self, left, parts, dtypes)
        parts = [np.concatenate([old[:step], new[step:]]) for new, old in zip(made, parts, strict=True)]
        step *= 2
    return [
        self.to_tensor(np.ascontiguousarray(np.moveaxis(part, 0, self.axis)), dtype)
        for part, dtype in zip(parts, dtypes, strict=True)
    ]


def in_lacking_format(given: Any) -> bool:
    """Whether NumPy's own sum, minimum and so on would work on bit patterns."""
    tensors = given if isinstance(given, (tuple, list)) else (given,)
    return any(one.dtype.is_floating() and one.handle.data.dtype.kind == "u" for one in tensors)


def _combined(self: Any, left: list[Array], right: list[Array], dtypes: list[Any]) -> list[Array]:
    shape = left[0].shape
    made = self.combine_fn.fn(*_tensors(left, dtypes), *_tensors(right, dtypes))
    results = made if isinstance(made, tuple) else (made,)
    out = []
    for one, like in zip(results, left, strict=True):
        data = one.handle.data if isinstance(one, tl.tensor) else np.asarray(getattr(one, "value", one))
        out.append(np.broadcast_to(data, shape).astype(like.dtype, copy=False))
    return out


def _tensors(parts: list[Array], dtypes: list[Any]) -> list[Any]:
    return [
        tl.tensor(TensorHandle(part, dtype.scalar), tl.block_type(dtype, list(part.shape)))
        for part, dtype in zip(parts, dtypes, strict=True)
    ]

"""Loads and stores of an interpreted kernel, looked at before they are done.

The interpreter follows whatever address a kernel computes. Here every address of an active lane must lie in memory that
the kernel was given, as compute-sanitizer's memcheck demands of a real launch; and what was written is kept, so that a
launch of which only some programs ran is compared where these wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from triton.runtime.interpreter import _get_np_dtype

Array = np.ndarray[Any, Any]


class OutOfBounds(Exception):
    """A kernel that reads or writes where it was given no memory."""


@dataclass
class Region:
    """The memory of one storage. written: the first byte of each element that was stored to; None: nothing was."""

    name: str
    start: int
    end: int
    written: Array | None = None
    atomic: bool = False


@dataclass
class Regions:
    """Those of a launch, by address."""

    held: list[Region] = field(default_factory=list)

    @classmethod
    def of(cls, tensors: dict[str, torch.Tensor]) -> Regions:
        found: dict[int, Region] = {}
        for name, tensor in tensors.items():
            storage = tensor.untyped_storage()
            start = storage.data_ptr()
            found.setdefault(start, Region(name, start, start + storage.nbytes()))
        return cls(sorted(found.values(), key=lambda region: region.start))

    def at(self, tensor: torch.Tensor) -> Region | None:
        """The region that holds a tensor."""
        start = tensor.untyped_storage().data_ptr()
        return next((region for region in self.held if region.start == start), None)

    def visit(self, ptrs: Any, mask: Any, does: str) -> None:
        """Raises OutOfBounds when an active lane is outside. does: "reads", "writes" or "updates"."""
        size = max(1, ptrs.get_element_ty().primitive_bitwidth // 8)
        active = np.broadcast_to(mask.data, ptrs.data.shape)
        addresses = ptrs.data.ravel() if active.all() else ptrs.data[active]
        if not addresses.size:
            return
        low, high = int(addresses.min()), int(addresses.max()) + size
        for region in self.held:
            if region.start <= low and high <= region.end:
                self._mark(region, addresses, does)
                return
        self._each(addresses, size, does)

    def _each(self, addresses: Array, size: int, does: str) -> None:
        inside = np.zeros(addresses.shape, dtype=bool)
        for region in self.held:
            here = (addresses >= region.start) & (addresses + size <= region.end)
            if here.any():
                self._mark(region, addresses[here], does)
            inside |= here
        if not inside.all():
            stray = int(addresses[~inside][0])
            near = min(self.held, key=lambda one: min(abs(stray - one.start), abs(stray - one.end)), default=None)
            if near is None:
                raise OutOfBounds(f"it {does} memory that it was not given")
            raise OutOfBounds(
                f"it {does} outside of what it was given: {stray - near.start} bytes from the start of {near.name}, "
                f"the nearest, which has {near.end - near.start}"
            )

    def _mark(self, region: Region, addresses: Array, does: str) -> None:
        if does == "reads":
            return
        if region.written is None:
            region.written = np.zeros(region.end - region.start, dtype=bool)
        region.written[(addresses - np.uint64(region.start)).astype(np.int64)] = True
        region.atomic |= does == "updates"


class Guarded:
    """What goes before Triton's own builder: looks at the addresses first."""

    regions: Regions | None = None

    def create_masked_load(self, ptrs: Any, mask: Any, other: Any, *rest: Any, **named: Any) -> Any:
        self._visit(ptrs, mask, "reads")
        if other is not None and other.data.dtype != (kept := _get_np_dtype(ptrs.get_element_ty())):
            other.data = other.data.astype(kept)
        return super().create_masked_load(ptrs, mask, other, *rest, **named)  # type: ignore[misc]

    def create_masked_store(self, ptrs: Any, value: Any, mask: Any, *rest: Any, **named: Any) -> Any:
        self._visit(ptrs, mask, "writes")
        return super().create_masked_store(ptrs, value, mask, *rest, **named)  # type: ignore[misc]

    def create_atomic_rmw(self, op: Any, ptr: Any, val: Any, mask: Any, *rest: Any, **named: Any) -> Any:
        self._visit(ptr, mask, "updates")
        for one in (ptr, val, mask):  # triton 3.7 walks them as if they were no views: a broadcast number is one
            one.data = np.ascontiguousarray(one.data)
        return super().create_atomic_rmw(op, ptr, val, mask, *rest, **named)  # type: ignore[misc]

    def _visit(self, ptrs: Any, mask: Any, does: str) -> None:
        if self.regions is not None:
            self.regions.visit(ptrs, mask, does)

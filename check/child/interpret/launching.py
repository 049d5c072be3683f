"""One launch of a Triton kernel, program after program, or of only some of its programs.

A kernel of Inductor's is right for any block size, since autotuning chooses it; so the interpreter, whose cost is by
operation and not by element, is given blocks as large as memory and masks allow. Inductor leaves a mask out where the
size is a multiple of the largest block it would ever choose (torch/_inductor/runtime/hints.py, TRITON_MAX_BLOCK): there
a larger block must divide the size.
"""

from __future__ import annotations

import inspect
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from g2.check.child.interpret.launches import mutated, signature
from g2.check.child.interpret.memory import Regions

TILE = 1 << 17  # elements of a block: what fits a second-level cache, and less than Triton's limit of 1 << 20
SAMPLE = 24  # programs of a launch at most, besides those that time allows
_MASKED = {"X": 4096, "Y": 1024, "Z": 1024, "R0_": 1024, "R1_": 1024}
_PLAIN_GRIDS = ("Grid1D", "Grid2D", "Grid2DWithYZOverflow", "Grid3D")
# Kernels whose programs wait for each other, or for which the block size is part of the algorithm.
_FIXED = re.compile(r"\btl\.dot\b|RSPLIT|x_grid_barrier|exclusive_scan_decoupled|\bNUM_STAGES\b|make_tensor_descriptor")
_TOGETHER = re.compile(r"\bx_grid_barrier\b")
_IN_ORDER = re.compile(r"\bexclusive_scan_decoupled")


class Uninterpretable(Exception):
    """A kernel that the interpreter cannot run, and why."""


@dataclass
class Launched:
    """programs: of the grid. ran: of these. regions: what they touched."""

    grid: tuple[int, int, int]
    ran: int
    seconds: float
    regions: Regions

    @property
    def sampled(self) -> bool:
        return self.ran < self.grid[0] * self.grid[1] * self.grid[2]


def launch(interpreter: Any, kernel: Any, args: tuple[Any, ...], seconds: float, sample: int | None = None) -> Launched:
    """Run a CachingAutotuner of Inductor's on CPU tensors. Raises whatever the kernel raises, and Uninterpretable.

    seconds: that this launch may take; when it would take longer, only some programs are run. sample: that many at
    most.
    """
    source = source_of(kernel)
    if _TOGETHER.search(source):
        raise Uninterpretable("its programs wait for each other, and the interpreter runs one after the other")
    first = kernel.configs[0]
    given = dict(zip(signature(kernel), args, strict=False))
    blocks = enlarged(first.kwargs, kernel.inductor_meta, source, given) if sample is None else dict(first.kwargs)
    if blocks == first.kwargs:
        return _run(interpreter, kernel, first, args, given, seconds, sample)
    kept = {
        name: _copied(value)
        for name in mutated(kernel)
        if isinstance(value := given.get(name), torch.Tensor)
    }
    try:
        return _run(interpreter, kernel, _with(first, blocks), args, given, seconds, sample)
    except Exception:  # the block that Inductor chooses is what counts
        for name, storage in kept.items():
            given[name].untyped_storage().copy_(storage)
        return _run(interpreter, kernel, first, args, given, seconds, sample)


def source_of(kernel: Any) -> str:
    """The text of a kernel, empty where it has none."""
    try:
        return inspect.getsource(kernel.fn.fn)
    except (OSError, TypeError):
        return ""


def enlarged(blocks: dict[str, Any], meta: dict[str, Any], source: str, given: dict[str, Any]) -> dict[str, Any]:
    """The largest blocks with which the kernel computes the same."""
    plain = meta.get("grid_type") in _PLAIN_GRIDS and not _FIXED.search(source)
    names = [name for name in blocks if name.endswith("BLOCK")]
    if not plain or not names or any(not isinstance(blocks[name], int) for name in names):
        return dict(blocks)
    made = dict(blocks)
    inner = 1  # a persistent reduction names its block in its text
    if found := re.search(r"R0_BLOCK: tl\.constexpr = (\d+)", source):
        inner = int(found[1])
    for name in sorted(names, key=lambda one: (not one.startswith("R"), one)):  # reductions first: they are loops
        size = given.get(f"{name.removesuffix('BLOCK').lower()}numel")
        if not isinstance(size, int):
            continue
        room = TILE // inner
        for other in names:
            if other != name:
                room //= made[other]
        made[name] = _block(size, max(made[name], room), made[name], _MASKED.get(name.removesuffix("BLOCK"), 1024))
    return made


def _copied(tensor: torch.Tensor) -> Any:
    storage: Any = tensor.untyped_storage()
    return storage.clone()


def _block(size: int, most: int, least: int, masked: int) -> int:
    block = least
    while block * 2 <= most and block < size and (size % masked or size % (block * 2) == 0):
        block *= 2
    return block


def _with(config: Any, blocks: dict[str, Any]) -> Any:
    return type(config)(blocks, num_warps=config.num_warps, num_stages=config.num_stages)


def _run(
    interpreter: Any,
    kernel: Any,
    config: Any,
    args: tuple[Any, ...],
    given: dict[str, Any],
    seconds: float,
    sample: int | None,
) -> Launched:
    begin = time.monotonic()
    left, grid = kernel._interpret_args_grid(args, config)
    regions = Regions.of({name: value for name, value in given.items() if isinstance(value, torch.Tensor)})
    function = kernel.fn
    run = function.rewrite()
    accepted = set(inspect.signature(function.fn).parameters)
    bound = inspect.getcallargs(
        run, *left, **{name: value for name, value in config.kwargs.items() if name in accepted}
    )
    constant = {name for name, kind in function.fn.__annotations__.items() if "constexpr" in str(kind)}
    bound = {name: value if name in constant else interpreter._implicit_cvt(value) for name, value in bound.items()}
    interpreter._patch_lang(run)
    builder = interpreter.interpreter_builder
    x, y, z = (*grid, 1, 1, 1)[:3]
    builder.set_grid_dim(x, y, z)
    builder.regions = regions
    ran = 0
    try:
        for at in _programs((x, y, z), begin, seconds, sample, bool(_IN_ORDER.search(source_of(kernel)))):
            builder.set_grid_idx(*at)
            run(**bound)
            ran += 1
    finally:
        builder.regions = None
    return Launched((x, y, z), ran, time.monotonic() - begin, regions)


def _programs(
    grid: tuple[int, int, int], begin: float, seconds: float, sample: int | None, in_order: bool
) -> Iterator[tuple[int, int, int]]:
    """All of them in order, or, as soon as it shows that all take too long, the first, the last and random ones."""
    total = grid[0] * grid[1] * grid[2]

    def place(at: int) -> tuple[int, int, int]:
        return at // (grid[1] * grid[2]), at // grid[2] % grid[1], at % grid[2]

    if not total:
        return
    yield place(0)
    each = time.monotonic() - begin
    if sample is None and each * total <= seconds:
        start = time.monotonic()
        for at in range(1, total):
            yield place(at)
            spent = time.monotonic() - start
            if at % 16 == 0 and spent / at * (total - at) > max(seconds - spent, seconds / 4) * 2:
                break  # the first program was a quick one
        else:
            return
        done = at + 1
    else:
        done = 1
    count = min(total - done, sample - 1 if sample else max(SAMPLE, int(seconds / max(each, 1e-4)) - done))
    if in_order:
        chosen: list[int] = list(range(done, done + count))
    else:
        inside = random.Random(0).sample(range(done, total - 1), max(0, min(count - 1, total - 1 - done)))
        chosen = sorted({*inside, total - 1})
    late = time.monotonic() + seconds
    for at in chosen:
        if time.monotonic() > late:
            return
        yield place(at)

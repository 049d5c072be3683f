"""The nouns of a check: what was compiled, whether it is right, how fast it is, how far from the hardware's limit.

Frozen and plain (standard library only), as capture/model.py is. Bytes are bytes, FLOPs are operations (a fused
multiply-add is two), times are seconds unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A line of the user's program, or of a library that it calls."""

    path: str
    line: int
    function: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """A median and the 95% interval of it, from `samples` values."""

    median: float
    low: float
    high: float
    samples: int

    @property
    def holds_one(self) -> bool:
        """Of a ratio: no difference was seen."""
        return self.low <= 1 <= self.high


@dataclass(frozen=True, slots=True)
class Assembled:
    """What the assembler made of a kernel.

    forms: "ttir", "ttgir", "llir", "ptx", "cubin", "amdgcn", "hsaco", those that exist. registers: per thread. spills:
    bytes of local memory per thread. shared: bytes per block. occupancy: resident warps as a share of the most that the
    processor holds. why: what stopped it, when it has no binary.
    """

    forms: tuple[str, ...] = ()
    registers: int | None = None
    spills: int | None = None
    shared: int | None = None
    occupancy: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Something that one call of a graph launches.

    kind: "triton", "cpp" (Inductor's C++ for the CPU) or "library" (cuBLAS, cuDNN, attention, anything that is called
    and not generated). lines: all of the program's that it computes, through resume functions and backward. ops: the
    ATen ops it fuses. grid: of one launch. read, written, flops: of all its launches in one call. checked: "" where it
    was not interpreted, else "same", "close", "differs" or why it could not be.
    """

    name: str
    kind: str
    lines: tuple[Line, ...] = ()
    ops: tuple[str, ...] = ()
    launches: int = 1
    grid: tuple[int, ...] = ()
    read: int = 0
    written: int = 0
    flops: int = 0
    dtype: str = ""  # of the arithmetic: "float32", "bfloat16"
    checked: str = ""
    error: float | None = None  # the largest relative difference that the interpreter found
    assembled: Assembled | None = None
    measured_s: float | None = None  # of all its launches in one call, where a device was there


@dataclass(frozen=True, slots=True)
class Lowered:
    """One graph brought to one target.

    stopped_by: the op that could not be brought there and why, empty when the whole graph was. module: the file with
    the kernels and what calls them. interpreted: "same", "close", "differs", or "" when it was not, then `why` says it.
    """

    target: str
    kernels: tuple[Kernel, ...] = ()
    stopped_by: str = ""
    module: str = ""
    seconds: float = 0.0
    interpreted: str = ""
    why: str = ""
    sampled: bool = False  # only some programs of large grids were interpreted


@dataclass(frozen=True, slots=True)
class Graph:
    """An ATen graph, as AOTAutograd hands it to a compiler.

    id: Dynamo's compile id. kind: "forward", "backward" or "inference". eager_bytes: what eager reads and writes, op by
    op. needed_bytes: inputs read once and outputs written once, below which no fusion goes.
    """

    id: str
    kind: str
    ops: int
    lines: tuple[Line, ...] = ()
    eager_bytes: int = 0
    needed_bytes: int = 0
    flops: int = 0
    lowered: tuple[Lowered, ...] = ()


@dataclass(frozen=True, slots=True)
class Worst:
    """The element that is furthest off. index: in its tensor; exact: in float64, None where there was no such run."""

    path: str
    index: tuple[int, ...]
    eager: float
    compiled: float
    exact: float | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison of compiled with eager.

    variant: "compiled" or "fixed". inputs: in words. outcome: "same", "close", "differs", "refused" (both raise the
    same) or "unable". how: the rule by which it was judged, "float64" or the named fallback.
    """

    variant: str
    inputs: str
    outcome: str
    detail: str = ""
    how: str = "float64"
    worst: Worst | None = None


@dataclass(frozen=True, slots=True)
class Wrong:
    """Where a wrong result comes from, as near as it could be brought: graph, kernel, ATen op, the user's lines."""

    graph: str = ""
    kernel: str = ""
    op: str = ""
    lines: tuple[Line, ...] = ()
    worst: Worst | None = None
    repro: str = ""  # a script that shows it without g2
    detail: str = ""


class Variant(StrEnum):
    """How the root was run."""

    EAGER = "eager"
    COMPILED = "compiled"  # as the script is
    FIXED = "fixed"  # with the proved rewrites in place


@dataclass(frozen=True, slots=True)
class Timed:
    """Calls of one variant. first_s: its first call, compilation with it; compile_s: what of that was compiling."""

    variant: str
    call_s: Interval
    first_s: float = 0.0
    compile_s: float = 0.0
    peak_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """The processor that a run was measured on, as the run measured it.

    bandwidth: bytes per second of a copy beyond the last level of cache, read and written. cache: bytes of that level,
    0 where it is not known. rates: FLOPs per second of a matrix product, by dtype. load: the load average of the last
    minute by processor.
    """

    name: str
    threads: int
    bandwidth: float
    cache: int = 0
    memory: int = 0
    rates: tuple[tuple[str, float], ...] = ()
    load: float = 0.0


@dataclass(frozen=True, slots=True)
class Speed:
    """speedups: eager's time over the variant's, by its name. pays_after: calls after which compiling has paid for
    itself.

    clock: "processor" where one thread works, so that what others take does not count, else "wall" or "device". also:
    of the same calls, their forward alone. host: on a GPU, the share of a compiled call in which no kernel runs.
    prevents: why the compiled call cannot be replayed as a CUDA graph.
    """

    device: str
    backend: str  # "Inductor's C++ backend", "Triton"
    threads: int
    what: str  # "forward", "forward and backward"
    timed: tuple[Timed, ...] = ()
    speedups: tuple[tuple[str, Interval], ...] = ()
    pays_after: tuple[tuple[str, int], ...] = ()
    noise: float = 0.0  # relative spread of eager's own times
    notes: tuple[str, ...] = ()
    clock: str = "wall"
    machine: Machine | None = None
    also: tuple[Speed, ...] = ()
    host: float | None = None
    prevents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a check that could not be done, and why."""

    name: str  # "correct", "speed", "kernels sm_90"
    why: str


@dataclass(frozen=True, slots=True)
class Call:
    """One recorded call of a root."""

    root: str
    line: Line
    number: int
    inputs: str  # "x: float32[8, 128]"
    trains: bool
    graphs: tuple[Graph, ...] = ()
    compared: tuple[Compared, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    speed: Speed | None = None
    failed: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operators:
    """How often each operator stands in the script's graphs, by level: "torch", "aten", "core aten", "prims",
    "inductor".
    """

    level: str
    counts: tuple[tuple[str, int], ...]
    undecomposed: tuple[str, ...] = ()  # those that have no decomposition at this level


@dataclass(frozen=True, slots=True)
class Check:
    """All of it."""

    g2: str
    argv: tuple[str, ...]
    cwd: str
    exit_code: int
    python: str
    torch: str | None
    triton: str | None
    device: str
    targets: tuple[str, ...]
    started: float
    seconds: float
    calls: tuple[Call, ...] = ()
    operators: tuple[Operators, ...] = ()
    emitted: str = ""  # the folder of --emit
    lost: tuple[str, ...] = ()
    script_error: str | None = None
    overhead: float | None = None  # seconds in all over those of compilations and measured calls
    notes: tuple[str, ...] = field(default=())
    captured: bool = True  # Dynamo made a graph of the script; else compiled is eager
    interrupted: bool = False  # a person ended it before all was examined

    @property
    def wrong(self) -> bool:
        """Whether anything that was compared differs."""
        graphs = [graph for call in self.calls for graph in call.graphs]
        return any(one.outcome == "differs" for call in self.calls for one in call.compared) or any(
            one.interpreted == "differs" for graph in graphs for one in graph.lowered
        )

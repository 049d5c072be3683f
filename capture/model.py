"""The nouns of g2: what a run of a script under Dynamo left behind.

Everything here is frozen and plain (standard library only), so that a record can be read, drawn and compared
without torch. Lines count from 1, columns from 0, times are seconds unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of source. Columns are -1 where the code object carries none."""

    path: str
    line: int
    column: int = -1
    end_line: int = -1
    end_column: int = -1

    def __str__(self) -> str:
        column = f":{self.column}" if self.column >= 0 else ""
        return f"{self.path}:{self.line}{column}"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose file it is: the user's (`mine`), or an installed package's, with its version."""

    mine: bool
    package: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of a call path, outermost first in every tuple of frames."""

    span: Span
    function: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """Source lines as they were when the record was made; `first` is the number of the first one."""

    first: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression held when Dynamo stopped there; `name` is as written: "x", "self.count"."""

    name: str
    kind: str  # "tensor", "number", "bool", "str", "none", "module", "array" (NumPy) or the name of its type
    dtype: str = ""  # of a tensor or array: "float32"
    shape: tuple[int, ...] | None = None  # of a tensor or array; -1 where it is dynamic
    requires_grad: bool = False
    text: str = ""  # a plain constant as Python writes it


class Effect(StrEnum):
    """What Dynamo did about a place it could not trace."""

    SPLIT = "split"  # the graph ends here and another starts behind it
    FRAME_LOST = "frame-lost"  # the whole function runs in eager
    RAISED = "raised"  # Dynamo itself raised, where eager works; the function runs in eager


@dataclass(frozen=True, slots=True)
class Cost:
    """What a break costs. An estimate; `basis` says in words what it rests on.

    per_call_ms is the median time between the end of the graph before the break and the start of the next one,
    without compilation, over `samples` such gaps; None when never measured.
    """

    graphs: int = 0  # graphs that end at this place
    compile_s: float = 0.0  # seconds spent compiling what had to be started anew behind it
    per_call_ms: float | None = None
    samples: int = 0
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Break:
    """A graph break. Its identity is (span, kind): one place gives an event per caller and per recompile."""

    span: Span
    kind: str | None  # Dynamo's id, "GB0124"; None where Dynamo has none
    title: str  # Dynamo's own short name of the situation
    context: str  # Dynamo's developer debug context, first line
    function: str  # qualified where known, "Block.forward"
    module: str | None  # path of the nn.Module below its root, "layers.1.attn"
    stack: tuple[Frame, ...]  # user frames, outermost first, the break's own frame last
    count: int  # events
    calls: int  # calls of a root that met it
    owner: Owner
    effect: Effect
    hidden: bool = False  # found only after what stands before it was neutralised
    after_effect_of: Span | None = None  # goes away when the break at that place does
    because_of: Span | None = None  # where the value that stopped Dynamo came from, when that is another place
    opcode: str = ""  # the bytecode instruction that stopped Dynamo
    snippet: Snippet | None = None
    cost: Cost = field(default_factory=Cost)
    values: tuple[Value, ...] = ()  # names of the function, and attributes of `self` that the place reads


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard that failed: what was expected and what came."""

    source: str  # as a person writes it: "self.step", "x.size(0)", "torch.is_grad_enabled()"
    kind: str  # "value" | "size" | "stride" | "dtype" | "device" | "requires_grad" | "rank" | "type" | "identity"
    #            | "length" | "keys" | "attribute" | "grad-mode" | "global-state" | "aliasing" | "shape-relation"
    #            | "other"
    old: str
    new: str
    dim: int | None = None  # for sizes and strides
    values: tuple[str, ...] = ()  # all values seen at this guard, in order, oldest first, without repetition
    code: str = ""  # the guard as Dynamo writes it


@dataclass(frozen=True, slots=True)
class Recompile:
    """One cause of recompiling one function: every guard that changed together."""

    span: Span  # the function (its def line)
    function: str
    module: str | None
    count: int
    guards: tuple[Guard, ...]
    call_site: Span | None  # the user's line that brought the new value
    owner: Owner
    stack: tuple[Frame, ...] = ()
    limit_hit: bool = False
    limit: int | None = None
    eager_calls: int = 0  # calls that ran in eager because of the limit
    compile_s: float = 0.0
    snippet: Snippet | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """An FX graph that Dynamo handed to the backend."""

    id: str  # Dynamo's compile id, "0/0"
    span: Span
    function: str
    ops: int
    calls: int
    compile_s: float
    ended_by: Span | None = None  # the break that cut it
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """Where the person's own code asked for a root to be compiled, or called it first when nobody had asked."""

    span: Span
    function: str  # the function that the place is in, "<module>" outside of one
    names: tuple[str, ...] = ()  # of the module at that place: "model", "self.net", "pipe.unet"


@dataclass(frozen=True, slots=True)
class Root:
    """Something that was compiled: by the script itself, or by g2 because the script compiles nothing."""

    name: str
    span: Span
    calls: int
    by: str  # "script" | "library" | "auto" | "option"
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the run. `rank` is the one of torch.distributed, when the process had one."""

    pid: int
    rank: int | None
    breaks: int
    recompiles: int
    graphs: int


class Did(StrEnum):
    """What a moment of the run was."""

    CALL = "call"  # a call of a root, from outside
    GRAPH = "graph"  # a graph ran
    COMPILE = "compile"  # Dynamo traced a function; the backend's part is within it
    BACKEND = "backend"  # the backend made a graph ready to run
    BREAK = "break"
    RECOMPILE = "recompile"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened at a known time. Of calls and graphs only the first ones of a process are kept."""

    did: Did
    name: str  # the root, the graph's id, the function, or Dynamo's title of the break
    start: float  # seconds since the session started
    seconds: float  # 0 for what has no length
    pid: int
    thread: int = 0  # 0 for the first thread that ran something
    span: Span | None = None  # of a break, recompile or compiled function


@dataclass(frozen=True, slots=True)
class Session:
    """Everything one run left behind."""

    g2: str
    argv: tuple[str, ...]  # the script (or "-m", "module") and its arguments
    cwd: str
    exit_code: int  # negative for a signal, as subprocess gives it
    python: str
    torch: str | None
    device: str
    started: float  # seconds since the epoch
    seconds: float
    roots: tuple[Root, ...] = ()
    breaks: tuple[Break, ...] = ()
    recompiles: tuple[Recompile, ...] = ()
    graphs: tuple[Graph, ...] = ()
    processes: tuple[Process, ...] = ()
    lost: tuple[str, ...] = ()  # what could not be observed, a sentence each
    script_error: str | None = None  # "ValueError: ..." when the script raised
    hidden_looked_for: bool = False
    moments: tuple[Moment, ...] = ()  # in the order of their starts

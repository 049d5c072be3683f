"""Listening to Inductor as it compiles: each graph before and after its passes, its lowering and its wrapper.

Private torch used here, the same in 2.11 to 2.15: torch._inductor.compile_fx (compile_fx and its `inner_compile`,
compile_fx_inner, and the names pre_grad_passes, joint_graph_passes, post_grad_passes that it calls),
torch._inductor.graph.GraphLowering.compile_to_module, torch._inductor.output_code.CompiledFxGraph.current_callable.
What is missing is named in `Record.missing`.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from g2.check.child.reference import alone

_RUNS = 4  # of one graph that are recorded
_ROOM = 1 << 30  # bytes of inputs and outputs that are recorded
PASSES = {"pre-grad": "pre_grad_passes", "joint": "joint_graph_passes", "post-grad": "post_grad_passes"}


@dataclass
class Passed:
    """A graph before and after one of Inductor's stages of passes."""

    stage: str
    before: torch.fx.GraphModule
    after: torch.fx.GraphModule


@dataclass
class Run:
    """One run of a compiled graph. after: the inputs after it; stream: torch's random state before it."""

    inputs: list[Any]
    outputs: list[Any]
    after: list[Any]
    stream: torch.Tensor
    raised: str = ""


@dataclass
class Inner:
    """An ATen graph as Inductor was handed it. wrapper: the module of generated code; lowering: what made it; backward:
    whether it is a backward graph.
    """

    graph: torch.fx.GraphModule
    backward: bool
    inference: bool
    post: Passed | None = None
    lowering: Any = None
    wrapper: Any = None
    runs: list[Run] = field(default_factory=list[Run])
    failed: BaseException | None = None
    blamed: Any = None  # the node at which compiling fails


@dataclass
class Dynamo:
    """A graph as Dynamo made it, with all that became of it."""

    id: str
    graph: torch.fx.GraphModule
    passed: list[Passed] = field(default_factory=list[Passed])
    inners: list[Inner] = field(default_factory=list[Inner])
    runs: list[Run] = field(default_factory=list[Run])


class Record:
    """What was heard. Its `backend` compiles as "inductor" does."""

    def __init__(
        self,
        failing: Callable[[Inner, Sequence[Any], dict[str, Any]], Any] | None = None,
        survives: Callable[[Callable[[], Any]], str] | None = None,
    ) -> None:
        """failing: called in place when compiling a graph raises, with what it was to be compiled from; it returns the
        node to blame, or None. survives: makes a call in a fork first and says how that ended, empty for well: for code
        that ends the process.
        """
        self.graphs: list[Dynamo] = []
        self.missing: list[str] = []
        self._current: list[Inner] = []
        self._failing = failing
        self._survives = survives
        self._room = _ROOM
        self._module: Any = importlib.import_module("torch._inductor.compile_fx")

    def backend(self, graph: torch.fx.GraphModule, inputs: Sequence[Any], **options: Any) -> Callable[..., Any]:
        """A Dynamo backend."""
        guards: Any = importlib.import_module("torch._guards")
        made = Dynamo(str(guards.CompileContext.current_compile_id() or "?"), copied(graph))
        self.graphs.append(made)

        def inner(module: torch.fx.GraphModule, given: Sequence[Any], **kwargs: Any) -> Any:
            return self._inner(made, module, given, kwargs)

        run = self._module.compile_fx(graph, inputs, inner_compile=inner)

        def recorded(*args: Any) -> Any:
            return self._ran(made.runs, list(args), lambda given: run(*given))

        return recorded

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Install the hooks."""
        lowering: Any = importlib.import_module("torch._inductor.graph").GraphLowering
        before: list[tuple[Any, str, Any]] = []
        for stage, name in PASSES.items():
            if not callable(getattr(self._module, name, None)):
                self.missing.append(f"{self._module.__name__}.{name}")
                continue
            before.append((self._module, name, getattr(self._module, name)))
            setattr(self._module, name, self._passes(stage, getattr(self._module, name)))
        if callable(getattr(lowering, "compile_to_module", None)):
            before.append((lowering, "compile_to_module", lowering.compile_to_module))
            lowering.compile_to_module = self._lowered(lowering.compile_to_module)
        else:
            self.missing.append("GraphLowering.compile_to_module")
        try:
            yield
        finally:
            for place, name, real in before:
                setattr(place, name, real)

    def _passes(self, stage: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def run(graph: torch.fx.GraphModule, *args: Any, **kwargs: Any) -> Any:
            before = copied(graph)
            found = real(graph, *args, **kwargs)
            passed = Passed(stage, before, copied(found if isinstance(found, torch.fx.GraphModule) else graph))
            if stage == "post-grad":
                if self._current and self._current[-1].post is None:
                    self._current[-1].post = passed
            elif self.graphs:
                self.graphs[-1].passed.append(passed)
            return found

        return run

    def _lowered(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def run(lowering: Any, *args: Any, **kwargs: Any) -> Any:
            found = real(lowering, *args, **kwargs)
            if self._current:
                self._current[-1].lowering, self._current[-1].wrapper = lowering, found
            return found

        return run

    def _inner(self, made: Dynamo, module: torch.fx.GraphModule, given: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        backward = bool(kwargs.get("is_backward"))
        one = Inner(copied(module), backward, bool(kwargs.get("is_inference")))
        made.inners.append(one)
        self._current.append(one)
        try:
            run = self._module.compile_fx_inner(module, given, **kwargs)
        except Exception as error:
            one.failed = error
            self._current.pop()
            if self._failing is not None:
                one.blamed = self._failing(one, given, kwargs)
            raise
        self._current.pop()

        real = run.current_callable  # of output_code.CompiledFxGraph; it is called with a list that it may empty
        run.current_callable = lambda args: self._ran(one.runs, args, real)
        return run

    def _ran(self, runs: list[Run], args: list[Any], run: Callable[..., Any]) -> Any:
        size = sum(arg.numel() * arg.element_size() for arg in args if isinstance(arg, torch.Tensor))
        if len(runs) >= _RUNS or 2 * size > self._room:
            return run(args)
        self._room -= 2 * size
        one = Run([cloned(arg) for arg in args], [], [], torch.get_rng_state())
        runs.append(one)
        held = list(args)
        try:
            if self._survives is not None and (why := self._survives(lambda: run([cloned(arg) for arg in held]))):
                raise RuntimeError(why)
            found = run(args)
        except BaseException as error:
            one.raised = f"{type(error).__name__}: {error}"
            raise
        one.outputs = [cloned(item) for item in (found if isinstance(found, (list, tuple)) else [found])]
        one.after = [cloned(arg) for arg in held]
        return found


def cloned(value: Any) -> Any:
    """A tensor's copy, laid out as it is; anything else itself."""
    if not isinstance(value, torch.Tensor):
        return value
    with torch.no_grad():
        found = value.detach()
        return alone(found, found.device) if found.layout is torch.strided else found.clone()


def copied(graph: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """A graph that later passes do not touch: the same attributes, nodes of the same names with the same facts."""
    made = torch.fx.Graph()
    output: Any = made.graph_copy(graph.graph, {}, return_output_node=True)
    value, old = output
    new = made.output(value)
    new.meta.update(old.meta)
    return torch.fx.GraphModule(graph, made)

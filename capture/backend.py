"""Child side: the backend that every torch.compile of the script is given.

"capture" runs each FX graph as Dynamo hands it over; any other name hands it on to that backend of Dynamo. Either way
the graph is recorded and its runs are counted and timed. One object serves the whole process, since Dynamo compares
backends when it looks for compiled code.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._guards import CompileContext

from g2.capture.journal import Journal
from g2.capture.probe.stats import Stats

_clock = time.perf_counter
_CALLS = frozenset({"call_function", "call_method", "call_module"})


class Backend:
    """A Dynamo backend: called with an FX graph and example inputs, returns what runs it."""

    def __init__(self, name: str, journal: Journal, stats: Stats) -> None:
        self.__name__ = f"g2-{name}"
        self._name = name
        self._other: Callable[..., Any] | None = None
        self._journal = journal
        self._stats = stats
        self._seen: dict[str, int] = {}
        self._devices = {"cpu"}  # it need not be told

    def __call__(self, graph: torch.fx.GraphModule, inputs: Sequence[Any], **_options: Any) -> Callable[..., Any]:
        if self._other is not None:  # neither recorded nor counted: a fork of ours times it, and it is not the script's
            made: Callable[..., Any] = self._other(graph, list(inputs))
            return made
        identity = self._identity()
        reason = getattr(graph, "compile_subgraph_reason", None)
        ended_by = self._stats.last_break if getattr(reason, "graph_break", False) else None
        begin = _clock()
        if self._name == "capture":
            graph.code  # noqa: B018  # lazily generated: without it forward() is a wrapper that explains its errors on stderr
            run = graph.forward
        elif self._name == "aot_eager":
            run = self._aot(identity, graph, inputs)
        else:
            from torch._dynamo.backends.registry import lookup_backend

            run = lookup_backend(self._name)(graph, list(inputs))
        self._record(identity, graph, False, ended_by, _clock() - begin)
        self._tell_device(inputs)
        return self._counted(identity, run, ended_by)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        # A script that saves a compiled module saves its backend: what is loaded elsewhere must not need g2.
        return torch._dynamo.lookup_backend, ("eager",)

    def become(self, backend: str | Callable[..., Any]) -> None:
        """Hand graphs to another backend from now on. For a fork of ours, which asks the same wrappers anew."""
        self._name, self._other = (backend, None) if isinstance(backend, str) else ("other", backend)

    def forget(self) -> None:
        """Dynamo was reset and counts its compilations anew."""
        self._seen.clear()
        self._devices = {"cpu"}

    def _identity(self) -> str:
        """Dynamo's compile id; a second graph of the same compilation (DDPOptimizer splits) gets a suffix."""
        name = str(CompileContext.current_compile_id() or "?")
        count = self._seen[name] = self._seen.get(name, -1) + 1
        return f"{name}#{count}" if count else name

    def _counted(self, identity: str, run: Callable[..., Any], ended_by: str | None) -> Callable[..., Any]:
        ran = self._stats.graph_ran

        def counted(*args: Any) -> Any:
            begin = _clock()
            try:
                return run(*args)
            finally:
                ran(identity, begin, _clock(), ended_by)

        return counted

    def _aot(self, identity: str, graph: torch.fx.GraphModule, inputs: Sequence[Any]) -> Callable[..., Any]:
        from torch._dynamo.backends.common import aot_autograd

        make_boxed_func: Any = importlib.import_module("functorch.compile").make_boxed_func

        def backward(module: torch.fx.GraphModule, _inputs: Sequence[Any]) -> Any:
            name = f"{identity}/backward"
            self._record(name, module, True, None, 0.0)
            return make_boxed_func(self._counted(name, module.forward, None))

        def forward(module: torch.fx.GraphModule, _inputs: Sequence[Any]) -> Any:
            return make_boxed_func(module.forward)

        run: Callable[..., Any] = aot_autograd(fw_compiler=forward, bw_compiler=backward)(graph, list(inputs))
        return run

    def _tell_device(self, inputs: Sequence[Any]) -> None:
        """Graphs take parameters as inputs too, so these say where the model is."""
        for device in {value.device for value in inputs if isinstance(value, torch.Tensor)}:
            if device.type not in self._devices:
                self._devices.add(device.type)
                cuda: Any = torch.cuda
                real = device.type == "cuda" and cuda.is_initialized()  # a script may trace fake tensors
                name = f" ({cuda.get_device_name(device)})" if real else ""
                self._journal.write({"e": "device", "device": f"{device.type}{name}"})

    def _record(
        self, identity: str, graph: torch.fx.GraphModule, backward: bool, ended_by: str | None, seconds: float
    ) -> None:
        event: dict[str, object] = {
            "e": "graph",
            "id": identity,
            "ops": sum(node.op in _CALLS for node in graph.graph.nodes),
            "ended_by": ended_by,
            "backend_s": round(seconds, 6),
        }
        if backward:
            event["backward"] = True
        self._journal.write(event)

"""Child side: the hooks of a recording within a process that goes on without them (inside.py).

Nothing that the process compiles itself is changed: its own options hold, fullgraph=True raises as ever. Its graphs are
handed to the capture-only backend all the same, so no kernels are generated while a recording lasts.

Private torch used here (2.11 to 2.15): OutputGraph.call_user_compiler and its compiler_fn, CatchErrorsWrapper.__call__,
_TorchDynamoContext.__call__ and its `callback`, `_torchdynamo_orig_backend` of what converts frames,
`_torchdynamo_orig_callable` of compiled functions, trace_rules.add.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch._dynamo import convert_frame, eval_frame, output_graph, trace_rules

from g2.capture import probe
from g2.capture.adopt import asked_by_script, of_torch
from g2.capture.backend import Backend
from g2.capture.hush import LOGGERS, hush
from g2.capture.job import Job
from g2.capture.journal import Journal
from g2.capture.outermost import Outermost
from g2.capture.probe.patch import put_back, replace
from g2.capture.probe.stats import Stats
from g2.capture.roots import Asked, Roots

VERSION = torch.__version__
_BACKEND = "the backend"  # what a recompile says that was only caused by ours

trace_rules.add("g2.capture")  # for good: our frames are never to be traced


class Installed:
    """begin() installs, end() takes everything away again."""

    def __init__(self, job: Job, folder: Path, journal: Journal, modules: bool) -> None:
        self._journal = _Without(journal)
        self._stats = Stats(self._journal)
        self._backend = Backend("capture", self._journal, self._stats)
        self._roots = Roots(job, folder, self._journal, self._stats, self._backend)
        self._modules = Outermost(self._roots, self._backend, self._journal, self._stats)
        self._adopts = modules
        self._levels: list[int] = []

    def begin(self) -> None:
        """Dynamo forgets what it compiled so far, so that what was compiled earlier is compiled again, and seen."""
        torch._dynamo.reset()
        self._levels = [logging.getLogger(name).level for name in LOGGERS]
        hush()
        # Dynamo looks at it itself; where warnings are errors, as in many test suites, it then gives the frame up.
        warnings.filterwarnings("ignore", message=r"The \.grad attribute of a Tensor that is not a leaf")
        probe.install(self._journal, self._stats)
        replace(output_graph, "OutputGraph.call_user_compiler", self._redirects, self._lose,
                "graphs of what was compiled earlier are not counted")  # fmt: skip
        counted = "modules count although the code compiles something by itself"
        replace(convert_frame, "CatchErrorsWrapper.__call__", self._notices, self._lose, counted)
        replace(eval_frame, "_TorchDynamoContext.__call__", self._stands_aside, self._lose, counted)
        if self._adopts:
            self._modules.start()

    def end(self) -> None:
        """What was replaced is put back, and Dynamo forgets what it compiled meanwhile."""
        self._modules.drop()
        put_back()
        for name, level in zip(LOGGERS, self._levels, strict=True):
            logging.getLogger(name).setLevel(level)
        self._stats.flush(force=True)
        torch._dynamo.reset()

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call `function` as one compiled region of the backend; what is compiled already as it is."""
        self._modules.drop()
        if isinstance(function, eval_frame.OptimizedModule) or hasattr(function, "_torchdynamo_orig_callable"):
            return function(*args, **kwargs)
        if isinstance(function, torch.nn.Module):
            if function._compiled_call_impl is not None:
                return function(*args, **kwargs)
            return self._modules.compiled(function, args, kwargs)
        compiled = torch._dynamo.optimize(self._backend)(function)
        return self._roots.counted(compiled, function, Asked("option", False))(*args, **kwargs)

    def _lose(self, what: str) -> None:
        self._journal.write({"e": "lost", "what": what})

    def _redirects(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def redirects(graph: Any, *args: Any, **kwargs: Any) -> Any:
            if graph.compiler_fn is not None and not of_torch(graph.root_tx.f_code.co_filename):
                graph.compiler_fn = self._backend
            return real(graph, *args, **kwargs)

        return redirects

    def _stands_aside(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def stands_aside(context: Any, function: Any) -> Any:
            """Where torch.compile takes hold of a module's call, ours must not be in its place."""
            if not self._modules.on or self._ours(context.callback):
                return real(context, function)
            if asked_by_script(sys._getframe(1), function) is not None:
                self._modules.stop()
            with self._modules.away():
                return real(context, function)

        return stands_aside

    def _notices(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def notices(wrapper: Any, frame: Any, *args: Any, **kwargs: Any) -> Any:
            if self._modules.on and not self._ours(wrapper) and not of_torch(frame.f_code.co_filename):
                # Dynamo must not be reset while it looks at a frame; code that was compiled for adopted modules stays.
                self._modules.drop()
                self._journal.write({"e": "adopt_end"})
                self._stats.forget()
                self._roots.forget()
                self._journal.adopted = True
            return real(wrapper, frame, *args, **kwargs)

        return notices

    def _ours(self, wrapper: Any) -> bool:
        while wrapper is not None:
            if wrapper is self._backend:
                return True
            wrapper = getattr(wrapper, "_torchdynamo_orig_backend", None)
        return False


class _Without(Journal):
    """A journal's front that leaves out recompiles which only our own backend brought: code compiled for an adopted
    module was asked for again by code that was compiled by others.
    """

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal.path)
        self._real = journal
        self.adopted = False

    def write(self, event: Mapping[str, object]) -> None:
        if self.adopted and event["e"] == "recompile":
            guards: Any = event["guards"]
            if guards and all(guard["source"] == _BACKEND for guard in guards):
                return
        self._real.write(event)

"""Child side: what is compiled, and with which backend.

The script's own torch.compile calls keep their choices; only the backend is ours and fullgraph is dropped, so that
all breaks are seen.
Until the script compiles something itself, every outermost nn.Module call is compiled, as Module.compile() would do it.

Private torch used here (2.11 to 2.15): _TorchDynamoContext.__call__ (what torch.compile applies to a function),
trace_rules.add.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import types
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch

from g2.capture import named
from g2.capture.backend import Backend
from g2.capture.hush import hush
from g2.capture.job import Job
from g2.capture.journal import Journal
from g2.capture.mine import is_mine
from g2.capture.probe.patch import replace
from g2.capture.probe.stats import Stats
from g2.capture.roots import Asked, Roots
from g2.capture.worth import worth_compiling

_MODULE: Any = torch.nn.Module  # its __call__ is replaced here
_NO_DYNAMO = "nothing was compiled, because torch._dynamo could not be imported"
_IN_THREADS = (
    "modules were called in several threads: a call that began while another thread's was running was not captured "
    "(torch.compile in the script captures all of them)"
)


class Adoption:
    """Made once, right after `import torch` has run."""

    def __init__(self, job: Job, folder: Path, journal: Journal, stats: Stats) -> None:
        self._backend = Backend(job.backend, journal, stats)
        self._roots = Roots(job, folder, journal, stats, self._backend)
        self._journal = journal
        self._modules = Outermost(self._roots, self._backend, journal, stats)
        self._asked = Asked("script", False)  # for contexts that are applied again later (Lightning does)
        self._contexts: weakref.WeakKeyDictionary[Any, Asked] = weakref.WeakKeyDictionary()
        self._replace_compile()
        if not job.compile:
            self._modules.start()

    def dynamo_imported(self) -> None:
        """Once torch._dynamo is there: whatever it compiles from now on is counted as a root."""
        from torch._dynamo import eval_frame, trace_rules

        hush()
        trace_rules.add("g2.capture")  # our frames are not the script's: Dynamo is to leave them alone

        def counts(real: Callable[..., Any]) -> Callable[..., Any]:
            def counted(context: Any, fn: Any) -> Any:
                made = real(context, fn)
                if not isinstance(context, eval_frame.OptimizeContext) or not isinstance(made, types.FunctionType):
                    return made
                if asked_by_torch(sys._getframe(1)):
                    return made
                return self._roots.counted(made, fn, self._contexts.setdefault(context, self._asked))

            return counted

        replace(eval_frame, "_TorchDynamoContext.__call__", counts, self._lose, "compiled functions are not counted")
        self._replace_optimize()

    def _lose(self, what: str) -> None:
        self._journal.write({"e": "lost", "what": what})

    def _replace_optimize(self) -> None:
        """torch._dynamo.optimize, which torch.compile calls too, but then with our backend already."""
        real = torch._dynamo.optimize

        @functools.wraps(real)
        def optimize(*args: Any, **kwargs: Any) -> Any:
            backend = args[0] if args else kwargs.get("backend")
            ours = backend is self._backend or getattr(backend, "compiler_fn", None) is self._backend
            if ours or kwargs.get("disable"):
                return real(*args, **kwargs)
            caller = self._chosen(sys._getframe(1), None)
            if caller is None:
                return real(*args, **kwargs)
            context = real(**{**kwargs, "backend": self._backend, "nopython": False})
            self._contexts[context] = Asked("script", bool(kwargs.get("nopython")))
            return context

        torch._dynamo.optimize = optimize

    def _chosen(self, frame: types.FrameType | None, model: Any) -> types.FrameType | None:
        """The script's own frame behind a wish to compile; then nothing is adopted any more."""
        caller = asked_by_script(frame, model)
        if caller is not None:
            self._modules.stop()
            self._journal.write({"e": "compiled", "path": caller.f_code.co_filename, "line": caller.f_lineno})
        return caller

    def _replace_compile(self) -> None:
        real = torch.compile

        @functools.wraps(real)
        def compile(*args: Any, **kwargs: Any) -> Any:
            model = args[0] if args else kwargs.get("model")
            if kwargs.get("disable") or asked_by_torch(sys._getframe(1)):
                return real(*args, **kwargs)
            caller = self._chosen(sys._getframe(1), model)
            if model is None:
                return functools.partial(_decorate, compile, kwargs)
            kept = {k: v for k, v in kwargs.items() if k not in ("mode", "options", "model")}
            filters = {k: v for k, v in (kwargs.get("options") or {}).items() if k == "guard_filter_fn"}
            before = self._asked
            by = "script" if caller is not None else "library"
            by = "option" if _is_ours(sys._getframe(1)) else by
            self._asked = Asked(by, bool(kwargs.get("fullgraph")))
            try:
                ours: dict[str, Any] = {"options": filters or None, "backend": self._backend, "fullgraph": False}
                return real(model, **{**kept, **ours})
            finally:
                self._asked = before

        torch.compile = compile


def _decorate(compile: Callable[..., Any], kwargs: dict[str, Any], model: Any) -> Any:
    """What torch.compile(**options) returns when it is used as a decorator."""
    return compile(model, **kwargs)


def _is_ours(frame: types.FrameType) -> bool:
    """Whether `--compile` asked (named.py)."""
    return frame.f_code.co_filename == named.__file__


def asked_by_torch(frame: types.FrameType | None) -> bool:
    """Whether torch compiles a helper of its own, as torch.cond and flex_attention do when called in eager."""
    while frame is not None and _passes_on(frame.f_code.co_filename):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(_torch_folder())


def asked_by_script(frame: types.FrameType | None, model: Any) -> types.FrameType | None:
    """The frame that asked for a compilation, when it was the script's own wish.

    It was when the call stands in the user's files, or when a library compiles an nn.Module at run time (a
    trainer's option). A library that decorates its own helpers, while it is imported or built, compiles a region of
    its own: then the script has not chosen anything yet.
    """
    module = isinstance(model, torch.nn.Module) or isinstance(getattr(model, "__self__", None), torch.nn.Module)
    direct = True
    while frame is not None:
        path = frame.f_code.co_filename
        if _passes_on(path):
            frame = frame.f_back
            continue
        if is_mine(path):
            return frame if direct or module else None
        if frame.f_code.co_name == "<module>":
            return None
        direct = False
        frame = frame.f_back
    return None


def _passes_on(path: str) -> bool:
    """Whether a frame of this file only hands a wish to compile on: ours, and the doors of torch."""
    return path in (__file__, named.__file__) or path.startswith(_doors())


@functools.cache
def _torch_folder() -> str:
    return f"{Path(torch.__file__).parent}{os.sep}"


@functools.cache
def _doors() -> tuple[str, ...]:
    """Files of torch through which a wish to compile passes; other parts of torch compile helpers of their own."""
    folder = Path(torch.__file__).parent
    parts = ("__init__.py", "_compile.py", "_dynamo", "compiler", "nn/modules/module.py")
    return tuple(str(folder / part) for part in parts)


class Outermost:
    """Compiles each outermost nn.Module call of the process while it is switched on."""

    def __init__(self, roots: Roots, backend: Backend, journal: Journal, stats: Stats) -> None:
        self._roots = roots
        self._backend = backend
        self._journal = journal
        self._stats = stats
        self._real = torch.nn.Module.__call__
        self._compiled: Callable[..., Any] | None = None
        self._wrapped: weakref.WeakKeyDictionary[torch.nn.Module, Callable[..., Any]] = weakref.WeakKeyDictionary()
        self._on = False
        self._threads: set[int] = set()

    def start(self) -> None:
        self._on = True
        _MODULE.__call__ = self._hook()

    def stop(self) -> None:
        """The script compiles by itself: what was adopted so far is forgotten, by Dynamo too."""
        if not self._on:
            return
        self._on = False
        _MODULE.__call__ = self._real
        if self._compiled is not None or self._wrapped:
            torch._dynamo.reset()
            self._backend.forget()
            self._stats.forget()
            self._roots.forget()
            self._journal.write({"e": "adopt_end"})

    def _hook(self) -> Callable[..., Any]:
        real = self._real

        def outermost(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
            if not self._on:
                return real(module, *args, **kwargs)
            self._tell_threads()
            # The real method is put back meanwhile: inner modules are not roots, and Dynamo never sees this wrapper.
            _MODULE.__call__ = real
            try:
                if not worth_compiling(module) or (compiled := self._compiled_or_not(module)) is None:
                    return real(module, *args, **kwargs)
                return self._roots.call(module, compiled, (module, *args), kwargs, "auto")
            finally:
                if self._on:
                    _MODULE.__call__ = outermost

        return outermost

    def _tell_threads(self) -> None:
        self._threads.add(threading.get_ident())
        if len(self._threads) == 2:
            self._threads.add(0)  # said once
            self._journal.write({"e": "lost", "what": _IN_THREADS})

    def _compiled_or_not(self, module: torch.nn.Module) -> Callable[..., Any] | None:
        try:
            return self._compiled_call(module)
        except Exception as error:  # Dynamo is imported by its first use, which a script can make impossible
            self._on = False
            self._journal.write({"e": "lost", "what": f"{_NO_DYNAMO}: {type(error).__name__}: {error}"})
            return None

    def _compiled_call(self, module: torch.nn.Module) -> Callable[..., Any]:
        # One compiled function serves all modules: Dynamo keeps compiled code with the code object, and the module is
        # an argument.
        call = torch.nn.Module._call_impl
        if not _passed_over(cast(Any, type(module))):
            if self._compiled is None:
                self._compiled = self._optimized(call)
            return self._compiled
        # torch.compile puts a wrapper around such a module. The wrapper's code is the same for all, so each gets a
        # copy of its own: two containers are not two versions of one function.
        if module not in self._wrapped:
            wrapper = torch._dynamo.external_utils.wrap_inline(call)
            copy = types.FunctionType(
                wrapper.__code__.replace(), wrapper.__globals__, wrapper.__name__, None, wrapper.__closure__
            )
            self._wrapped[module] = self._optimized(copy)
        return self._wrapped[module]

    def _optimized(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = self._roots.uncounted(lambda: torch._dynamo.optimize(self._backend)(function))
        return compiled


@functools.cache
def _passed_over(kind: Any) -> bool:
    """Whether Dynamo leaves the forward of this class alone as a frame of its own (nn.Sequential and the like)."""
    from torch._dynamo import trace_rules

    return bool(trace_rules.check(kind.forward))

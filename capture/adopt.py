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
import types
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from g2.capture import named
from g2.capture.backend import Backend
from g2.capture.hush import hush
from g2.capture.job import Job
from g2.capture.journal import Journal
from g2.capture.mine import is_mine
from g2.capture.outermost import Outermost
from g2.capture.probe.patch import replace
from g2.capture.probe.stats import Stats
from g2.capture.roots import Asked, Roots


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


def of_torch(path: str) -> bool:
    """Whether torch compiles a function of this file for itself; a module's own call may be anybody's."""
    return path.startswith(_torch_folder()) and not path.startswith(_doors())


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

"""Child side: every outermost nn.Module call is compiled, as Module.compile() would do it.

Private torch used here (2.11 to 2.15): nn.Module._call_impl, external_utils.wrap_inline, trace_rules.check.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch

from g2.capture.backend import Backend
from g2.capture.journal import Journal
from g2.capture.probe.stats import Stats
from g2.capture.roots import Roots
from g2.capture.worth import worth_compiling

_MODULE: Any = torch.nn.Module  # its __call__ is replaced here
_NO_DYNAMO = "nothing was compiled, because torch._dynamo could not be imported"
_IN_THREADS = (
    "modules were called in several threads: a call that began while another thread's was running was not captured "
    "(torch.compile in the script captures all of them)"
)


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

    @property
    def on(self) -> bool:
        """Whether calls are compiled."""
        return self._on

    def drop(self) -> None:
        """Compile no more calls."""
        if self._on:
            self._on = False
            _MODULE.__call__ = self._real

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """While this lasts, modules have their own method again."""
        was, _MODULE.__call__ = _MODULE.__call__, self._real
        try:
            yield
        finally:
            _MODULE.__call__ = was

    def compiled(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One call of a module, compiled whether switched on or not."""
        return self._roots.call(module, self._compiled_call(module), (module, *args), kwargs, "option")

    def stop(self) -> None:
        """The script compiles by itself: what was adopted so far is forgotten, by Dynamo too."""
        if not self._on:
            return
        self.drop()
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

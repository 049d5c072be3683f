"""Child side: the calls of what was compiled. Counts them, bounds them (--calls), and has hidden breaks looked for
at the first ones.
"""

from __future__ import annotations

import functools
import importlib
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from g2.capture.backend import Backend
from g2.capture.behind import Behind
from g2.capture.described import described
from g2.capture.job import Job
from g2.capture.journal import Journal
from g2.capture.ourselves import as_ourselves
from g2.capture.probe.stats import Active, Stats
from g2.capture.uses import use

_WHOLE = ("_call_impl", "_wrapped_call_impl", "__call__", "_lazy_forward", "forward")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for a compilation ("script", "library", "auto", "option"), and whether with fullgraph=True."""

    by: str
    fullgraph: bool


class Witness(Protocol):
    """Is shown each call of a root before it is run; changes nothing, and raises nothing."""

    def look(
        self, active: Active, run: Callable[..., Any], eager: Callable[..., Any],
        args: tuple[Any, ...], kwargs: dict[str, Any],
    ) -> None: ...  # fmt: skip


class Roots:
    """All roots of one process."""

    def __init__(self, job: Job, folder: Path, journal: Journal, stats: Stats, backend: Backend) -> None:
        self._job = job
        self._journal = journal
        self._stats = stats
        self._behind = Behind(folder, journal) if job.hidden else None
        self._witness: Witness | None = None
        if job.witness:
            with as_ourselves():
                self._witness = importlib.import_module(job.witness).watch(folder, journal, backend)
        self._known: set[tuple[Path, str]] = set()
        self._used: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()  # adopted modules whose use was told
        self._quiet = False

    def counted(self, compiled: Any, model: Any, asked: Asked) -> Any:
        """`compiled` (what Dynamo made of `model`), with its calls seen by us.

        Attributes that Dynamo put on its wrapper are kept, so that a compiled function called in another compiled
        region is still inlined.
        """
        if self._quiet:
            return compiled
        owner = getattr(model, "__self__", None)
        module = owner if isinstance(owner, torch.nn.Module) else None
        whole = module if module is not None and model.__name__ in _WHOLE else model
        if asked.by == "script":
            # It may never be called, and that is worth saying.
            self._tell_use(self._introduce(whole, asked.by), module)
        run = compiled
        if asked.fullgraph:
            # fullgraph=True also captures scalars and data-dependent shapes (one_graph in torch._dynamo.output_graph,
            # 2.11 to 2.15).
            run = torch._dynamo.config.patch(
                capture_scalar_outputs=True, capture_dynamic_output_shape_ops=True
            )(compiled)

        @functools.wraps(compiled)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling():
                return compiled(*args, **kwargs)
            return self._run(whole, module, run, compiled, args, kwargs, asked.by)

        counted._torchdynamo_wrapper_id = id(counted)  # type: ignore[attr-defined]
        return counted

    def uncounted(self, make: Callable[[], Any]) -> Any:
        """What `make` compiles is called through call(), not counted by itself."""
        self._quiet = True
        try:
            return make()
        finally:
            self._quiet = False

    def forget(self) -> None:
        """What was called so far was not the script's choice; the same may be called again as its choice."""
        self._known.clear()
        self._used.clear()
        if self._behind is not None:
            self._behind.forget()

    def call(
        self, module: torch.nn.Module, compiled: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
        by: str,
    ) -> Any:  # fmt: skip
        """One call of a module that g2 compiled. `args` begins with the module itself."""
        if module not in self._used:
            self._used.add(module)
            self._tell_use(self._introduce(module, by), module)
        return self._run(module, module, compiled, compiled, args, kwargs, by)

    def _run(
        self, what: Any, module: torch.nn.Module | None, run: Callable[..., Any], compiled: Callable[..., Any],
        args: tuple[Any, ...], kwargs: dict[str, Any], by: str,
    ) -> Any:  # fmt: skip
        root = self._introduce(what, by)
        limit = self._job.calls
        if limit is not None and self._stats.calls.get(root, 0) >= limit:
            return self._beyond(compiled, args, kwargs)
        with self._stats.begin(root, module) as active:
            fork = None
            if self._witness is not None:
                eager: Any = vars(compiled)["_torchdynamo_orig_callable"]
                self._witness.look(active, run, eager, args, kwargs)
            if self._behind is not None:
                fork = self._behind.look(active, run, args, kwargs, self._stats.breaks)
            try:
                return run(*args, **kwargs)
            finally:
                if fork is not None:
                    # Nothing can stand behind a break where there is none: most forks of a clean script end here.
                    fork.release() if self._stats.breaks else fork.drop()

    def _beyond(self, compiled: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._job.then_stop:
            raise SystemExit(0)
        return compiled._torchdynamo_orig_callable(*args, **kwargs)

    def _tell_use(self, root: str, module: torch.nn.Module | None) -> None:
        if (where := use(module)) is not None:
            self._journal.write({"e": "use", "root": root, **where})

    def _introduce(self, what: Any, by: str) -> str:
        name, code = described(what)
        root = f"{name}@{code.co_filename}:{code.co_firstlineno}" if code else name
        if (self._journal.path, root) not in self._known:  # a forked process has a journal of its own
            self._known.add((self._journal.path, root))
            self._journal.write(
                {"e": "root", "id": root, "name": name, "by": by,
                 "path": code.co_filename if code else "", "line": code.co_firstlineno if code else 0}
            )  # fmt: skip
        return root

"""Child side: the calls of what was compiled. Counts them, bounds them (--calls), and has hidden breaks looked for at the first ones."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from g2.capture.behind import Behind
from g2.capture.job import Job
from g2.capture.journal import Journal
from g2.capture.probe.stats import Stats


class Roots:
    """All roots of one process."""

    def __init__(self, job: Job, folder: Path, journal: Journal, stats: Stats) -> None:
        self._job = job
        self._journal = journal
        self._stats = stats
        self._behind = Behind(folder, journal) if job.hidden else None
        self._known: set[str] = set()

    def counted(self, made: Any, model: Any, by: str, whole: bool) -> Any:
        """What torch.compile made of `model`, with its calls seen by us; `whole` when it was asked for with fullgraph=True.

        Attributes that Dynamo put on its wrapper are kept, so that a compiled function called in another compiled region is still inlined.
        """
        if isinstance(made, torch.nn.Module):
            inner = made.__dict__.get("forward")
            if callable(inner):
                made.__dict__["forward"] = self._wrap(inner, model, by, whole)
            return made
        return self._wrap(made, model, by, whole) if isinstance(made, types.FunctionType) else made

    def _wrap(self, compiled: Any, model: Any, by: str, whole: bool) -> Callable[..., Any]:
        owner = model if isinstance(model, torch.nn.Module) else getattr(model, "__self__", None)
        module = owner if isinstance(owner, torch.nn.Module) else None

        if whole:
            # fullgraph=True also captures scalars and data-dependent shapes (one_graph in torch._dynamo.output_graph, 2.11 to 2.15).
            inner, patch = compiled, torch._dynamo.config.patch
            compiled = functools.wraps(inner)(
                patch(capture_scalar_outputs=True, capture_dynamic_output_shape_ops=True)(inner)
            )

        @functools.wraps(compiled)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling():
                return compiled(*args, **kwargs)
            return self._run(module or model, module, compiled, args, kwargs, by)

        if hasattr(compiled, "_torchdynamo_wrapper_id"):  # 2.12 and later check that it is the wrapper's own
            counted._torchdynamo_wrapper_id = id(counted)  # type: ignore[attr-defined]
        return counted

    def call(
        self, module: torch.nn.Module, compiled: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], by: str
    ) -> Any:
        """One call of a module that g2 compiled. `args` begins with the module itself."""
        return self._run(module, module, compiled, args, kwargs, by)

    def _run(
        self, what: Any, module: torch.nn.Module | None, compiled: Callable[..., Any],
        args: tuple[Any, ...], kwargs: dict[str, Any], by: str,
    ) -> Any:  # fmt: skip
        root = self._introduce(what, by)
        limit = self._job.calls
        if limit is not None and self._stats.calls.get(root, 0) >= limit:
            return self._beyond(compiled, args, kwargs)
        with self._stats.begin(root, module) as active:
            if self._behind is not None:
                self._behind.look(root, active.call, compiled, args, kwargs)
            return compiled(*args, **kwargs)

    def _beyond(self, compiled: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._job.then_stop:
            raise SystemExit(0)
        return compiled._torchdynamo_orig_callable(*args, **kwargs)

    def _introduce(self, what: Any, by: str) -> str:
        name, code = described(what)
        root = f"{name}@{code.co_firstlineno if code else 0}"
        if root not in self._known:
            self._known.add(root)
            self._journal.write(
                {"e": "root", "id": root, "name": name, "by": by,
                 "path": code.co_filename if code else "", "line": code.co_firstlineno if code else 0}
            )  # fmt: skip
        return root


def described(what: Any) -> tuple[str, types.CodeType | None]:
    """A root's name as a person says it ("Net.forward", "train_step"), and its code."""
    if isinstance(what, torch.nn.Module):
        forward = type(what).forward
        return f"{type(what).__qualname__}.forward", getattr(inspect.unwrap(forward), "__code__", None)
    function = inspect.unwrap(what) if callable(what) else what
    function = getattr(function, "__func__", function)
    name = getattr(function, "__qualname__", type(what).__name__).replace("<locals>.", "")
    return name, getattr(function, "__code__", None)

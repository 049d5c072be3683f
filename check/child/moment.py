"""What a part of the examination is given: a call of a root that is about to be made, and what the person asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import torch
from torch._dynamo.exc import RestartAnalysis
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
    UnsupportedMutationAliasingException,
    UnsupportedOperatorException,
)

from g2.capture.backend import Backend
from g2.check.asked import Asked
from g2.rewrite.trial.reached import reached

__all__ = ["Asked", "Moment", "Tell"]

Tell = Callable[[dict[str, Any]], None]
Compiler = Callable[..., Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Moment:
    """A call of a root, with the very objects that it was given, in a process that may do with them what it likes.

    number: how often this root's calls were examined before. module: the root's, where it is one. trains: the script
    ran a backward pass. Where `args` begins with the module itself, it is what the call was made with. threads: that
    torch uses in the script.
    """

    root: str
    number: int
    module: torch.nn.Module | None
    run: Callable[..., Any]
    eager: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    trains: bool
    backend: Backend
    threads: int = field(default_factory=torch.get_num_threads)

    @property
    def around(self) -> dict[str, Any]:
        """By name in words, what the call reaches through globals and closures: a function finds its model so."""
        function = getattr(self.eager, "__func__", self.eager)
        return reached(function, [function.__code__]) if isinstance(function, FunctionType) else {}

    @property
    def held(self) -> list[Any]:
        """All that the call may change."""
        owner = getattr(self.eager, "__self__", None)
        return [owner, self.module, *self.args, *self.kwargs.values(), *self.around.values()]

    def compiled(self, compiler: str | Compiler) -> Callable[..., Any]:
        """What calls the root as Dynamo compiles it from now on, its graphs handed to `compiler`: a Dynamo backend, or
        the name of one.
        """
        torch.compiler.reset()
        self.backend.become(loud(compiler))
        return self.run


# What a compiler tells Dynamo: to trace once more in another way, and where it breaks the graph and compiles what is
# before and after (torch._dynamo.exc, exceptions_allowed_to_be_fallback, 2.11 to 2.15).
FOR_DYNAMO = (
    RestartAnalysis,
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
    UnsupportedMutationAliasingException,
    UnsupportedOperatorException,
)


class CompilerFailed(BaseException):
    """A compiler could not compile a graph. No Exception: the probes of capture/ turn those into graph breaks, so that
    a script goes on, and what was then compared would be eager with eager.
    """


def loud(compiler: str | Compiler) -> Compiler:
    """A compiler whose failures end the call (CompilerFailed), but for what it tells Dynamo."""
    call: Compiler = torch._dynamo.lookup_backend(compiler) if isinstance(compiler, str) else compiler

    def compile_(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        try:
            return call(graph, inputs)
        except FOR_DYNAMO:
            raise
        except Exception as error:
            raise CompilerFailed(f"{type(error).__name__}: {error}") from error

    return compile_

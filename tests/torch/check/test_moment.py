"""What a compiler tells Dynamo comes through; what else it raises is no graph break but a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._dynamo.exc import TensorifyScalarRestartAnalysis
from torch._subclasses.fake_tensor import DynamicOutputShapeException, UnsupportedFakeTensorException

from g2.check.child.moment import CompilerFailed, loud

pytestmark = pytest.mark.torch


class Raises:
    """A compiler that raises this the first time."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked = 0

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        self.asked += 1
        if self.asked == 1:
            raise self.error
        return graph.forward


def scaled(x: torch.Tensor) -> torch.Tensor:
    return x.sin() * 2


@pytest.mark.parametrize(
    "error",
    [
        TensorifyScalarRestartAnalysis("again"),
        DynamicOutputShapeException(torch.ops.aten.nonzero.default),
        UnsupportedFakeTensorException("of another kind"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_dynamo_is_told(error: Exception) -> None:
    torch.compiler.reset()
    compiler, x = Raises(error), torch.randn(3)
    assert torch.equal(torch.compile(scaled, backend=loud(compiler))(x), scaled(x))
    assert compiler.asked > 0


def test_what_a_compiler_fails_with() -> None:
    torch.compiler.reset()
    with pytest.raises(CompilerFailed, match="ValueError: no such thing"):
        torch.compile(scaled, backend=loud(Raises(ValueError("no such thing"))))(torch.randn(3))

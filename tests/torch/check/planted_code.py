"""Miscompiles by decompositions, lowerings, generated code and Inductor's own injections, each with its line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch._inductor.codegen.cpp as cpp
import torch._inductor.config as config
import torch._inductor.decomposition as decomposition
import torch._inductor.lowering as lowering
import wrong_programs as programs
from planting import Pass, Plant, Planting, floats, patched
from torch import Tensor
from torch._inductor.codecache import PyCodeCache

aten: Any = torch.ops.aten
prims: Any = torch.ops.prims
_P = programs


def lowered(op: Any, make: Callable[[Any], Any]) -> Planting:
    return lambda: patched(lowering.lowerings, op, make)


def decomposed(op: Any, new: Callable[..., Any]) -> Planting:
    """Inductor's decomposition of an op is another."""

    @contextlib.contextmanager
    def plant() -> Iterator[None]:
        decomposition.fast_random_decomps.cache_clear()
        with patched(decomposition.decompositions, op, lambda real: new):
            yield
        decomposition.fast_random_decomps.cache_clear()

    return plant


def vectorized(name: str, make: Callable[[Any], Any]) -> Planting:
    """The C++ backend's text for an op, vectorized and scalar."""

    @contextlib.contextmanager
    def plant() -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for overrides in (cpp.CppVecOverrides, cpp.CppOverrides):
                stack.enter_context(patched(overrides, name, lambda real: staticmethod(make(real.__func__))))
            yield

    return plant


def rewritten(new: Callable[[str], str]) -> Planting:
    """The text of the wrapper is changed before it is written."""

    def make(real: Any) -> Any:
        def write(cls: Any, source: str, *args: Any, **kwargs: Any) -> Any:
            return real.__func__(cls, new(source), *args, **kwargs)

        return classmethod(write)

    return lambda: patched(PyCodeCache, "write", make)


def early_reuse(source: str) -> str:
    """A cosine is put where the product is that it is of, which is still needed."""
    return source.replace("buf2 = buf0; del buf0  # reuse", "buf2 = buf1  # reuse")


def unturned(source: str) -> str:
    """What is returned is contiguous."""
    head, _, tail = source.rpartition("return (")
    name, _, rest = tail.partition(",")
    return f"{head}return (({name}).contiguous(),{rest}"


def config_of(**options: Any) -> Planting:
    return lambda: config.patch({name.replace("__", "."): value for name, value in options.items()})


def _gelu(x: Tensor, approximate: str = "none") -> Tensor:
    return x * torch.sigmoid(1.702 * x)


def _silu(x: Tensor) -> Tensor:
    return x * torch.tanh(x)


def _silu_backward(grad: Tensor, x: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return grad * s


def _gelu_backward(grad: Tensor, x: Tensor, approximate: str = "none") -> Tensor:
    return grad * 0.5 * (1 + torch.erf(x * 0.7071067811865476))


def _pre_grad() -> AbstractContextManager[Any]:
    def run(graph: torch.fx.Graph) -> None:
        for node in graph.nodes:
            if node.op == "call_function" and node.target is torch.tanh:
                node.target = torch.sigmoid

    return config.patch({"pre_grad_custom_pass": Pass(run)})


def _binary(name: str) -> Callable[[Any], Any]:
    return lambda real: lowering.lowerings[getattr(aten, name).default]


def _wrong_where(real: Any) -> Any:
    return lambda condition, one, other: real(condition, other, one)


def _wrong_max(real: Any) -> Any:
    return lambda kind, dtype: 0 if kind == "max" else real(kind, dtype)


def _wrong_max_vectorized(real: Any) -> Any:
    return lambda self, kind, dtype: "at::vec::Vectorized<float>(0)" if kind == "max" else real(self, kind, dtype)


def _early_max() -> AbstractContextManager[Any]:
    stack = contextlib.ExitStack()
    stack.enter_context(patched(cpp, "reduction_init", _wrong_max))
    stack.enter_context(patched(cpp.CppVecKernel, "reduction_init_vec", _wrong_max_vectorized))
    return stack


def _seeded_random(real: Any) -> Any:
    """Draws that are never below one half."""

    def random(size: Any, seed: Any, mode: str, **kwargs: Any) -> Any:
        drawn = real(size, seed, mode, **kwargs)
        return lowering.lowerings[aten.mul.Tensor](drawn, 0.5)

    return random


PLANTS: tuple[Plant, ...] = (
    Plant("a buffer is used again too early", _P.chained, rewritten(early_reuse), "b = a @ w"),
    Plant("strides are lost", _P.turned, rewritten(unturned), "y.transpose"),
    Plant(
        "a dropout of Inductor's own draws",
        _P.dropped,
        lowered(prims.inductor_random.default, _seeded_random),
        "F.dropout",
    ),
    # Decompositions, and passes before AOTAutograd.
    Plant("decomposition: gelu", _P.activated, decomposed(aten.gelu.default, _gelu), "F.gelu"),
    Plant("decomposition: silu", _P.activated, decomposed(aten.silu.default, _silu), "F.silu"),
    Plant(
        "decomposition: silu's derivative",
        _P.activated,
        decomposed(aten.silu_backward.default, _silu_backward),
        "F.silu",
        True,
    ),
    Plant(
        "decomposition: gelu's derivative",
        _P.activated,
        decomposed(aten.gelu_backward.default, _gelu_backward),
        "F.gelu",
        True,
    ),
    Plant("pre-grad: tanh is sigmoid", _P.mlp, _pre_grad, "torch.tanh"),
    # Lowerings and generated code.
    Plant("lowering: cos is sin", _P.powers, lowered(aten.cos.default, _binary("sin")), "b = torch.cos"),
    Plant("lowering: sigmoid is relu", _P.normed, lowered(aten.sigmoid.default, _binary("relu")), "torch.sigmoid"),
    Plant("lowering: where is swapped", _P.attended, lowered(aten.where.self, _wrong_where), "s.masked_fill"),
    Plant(
        "lowering: where is swapped, for an expanded mask",
        _P.attended,
        lowered(aten.where.self, _wrong_where),
        "s.masked_fill",
        inputs=lambda: (floats(16, 16), (floats(16, seed=1) > 0.5).expand(16, 16)),
    ),
    Plant("code: tanh is exp", _P.mlp, vectorized("tanh", lambda real: lambda x: f"{x}.exp()"), "torch.tanh"),
    Plant(
        "code: a maximum begins at zero",
        _P.reduced,
        _early_max,
        "largest =",
        inputs=lambda: (-floats(16, 16).abs() - 1,),
    ),
    Plant("code: erf is its argument", _P.activated, vectorized("erf", lambda real: lambda x: f"{x}"), "F.gelu"),
    Plant(
        "Inductor's own: relu adds one",
        _P.powers,
        config_of(cpp__inject_relu_bug_TESTING_ONLY="accuracy"),
        "torch.relu",
    ),
    Plant(
        "Inductor's own: log1p adds one",
        _P.powers,
        config_of(cpp__inject_log1p_bug_TESTING_ONLY="accuracy"),
        "torch.log1p",
    ),
    Plant(
        "Inductor's own: relu throws",
        _P.powers,
        config_of(cpp__inject_relu_bug_TESTING_ONLY="runtime_error"),
        "torch.relu",
    ),
    Plant(
        "Inductor's own: relu does not compile",
        _P.powers,
        config_of(cpp__inject_relu_bug_TESTING_ONLY="compile_error"),
        "torch.relu",
    ),
)

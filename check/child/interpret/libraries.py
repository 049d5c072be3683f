"""What the GPU's libraries compute, by ATen on the CPU: matrix products, convolutions, attention kernels.

Inductor's wrapper calls them as extern_kernels.NAME, torch.ops.aten.NAME.OVERLOAD and aten.NAME.OVERLOAD. Kernels of
attention that exist on GPUs only are replaced by the arithmetic that defines them.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import torch

Attention = tuple[Any, ...]


def scores(query: torch.Tensor, key: torch.Tensor, bias: Any, causal: bool, scale: float | None) -> torch.Tensor:
    """The logits of attention, with what is masked at minus infinity."""
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    made = (query.float() @ key.float().transpose(-2, -1)) * factor
    if bias is not None:
        made = made + bias
    if causal:
        made = made.masked_fill(~torch.ones(made.shape[-2:], dtype=torch.bool).tril(), float("-inf"))
    return made


def _forward(query: Any, key: Any, value: Any, bias: Any, causal: bool, scale: Any) -> tuple[torch.Tensor, torch.Tensor]:
    logits = scores(query, key, bias, causal, scale)
    total = torch.logsumexp(logits, -1)
    made = (torch.softmax(logits, -1) @ value.float()).to(query.dtype)
    # The layout of these kernels' result: [batch, length, heads, width] in memory.
    return made.transpose(1, 2).contiguous().transpose(1, 2), total


def flash(query: Any, key: Any, value: Any, dropout: float = 0.0, causal: bool = False,
          mask: bool = False, *, scale: Any = None) -> Attention:  # fmt: skip
    _no_dropout(dropout)
    made, total = _forward(query, key, value, None, causal, scale)
    empty = torch.empty(0, dtype=torch.int32)
    seed = torch.zeros(2, dtype=torch.uint64)
    return (made, total, empty, empty, query.shape[2], key.shape[2], seed, torch.zeros((), dtype=torch.uint64), empty)


def efficient(query: Any, key: Any, value: Any, bias: Any, logsumexp: bool, dropout: float = 0.0,
              causal: bool = False, *, scale: Any = None) -> Attention:  # fmt: skip
    _no_dropout(dropout)
    made, total = _forward(query, key, value, bias, causal, scale)
    padded = math.ceil(query.shape[2] / 32) * 32 if logsumexp else 0
    held = torch.full((*total.shape[:2], padded), float("inf"))
    if logsumexp:
        held[..., : total.shape[2]] = total
    return made, held, torch.zeros((), dtype=torch.int64), torch.zeros((), dtype=torch.int64)


def cudnn(query: Any, key: Any, value: Any, bias: Any, logsumexp: bool, dropout: float = 0.0, causal: bool = False,
          mask: bool = False, *, scale: Any = None) -> Attention:  # fmt: skip
    _no_dropout(dropout)
    made, total = _forward(query, key, value, bias, causal, scale)
    zero = torch.zeros((), dtype=torch.int64)
    empty = torch.empty(0, dtype=torch.int32)
    return made, total.unsqueeze(-1), empty, empty, query.shape[2], key.shape[2], zero, zero, empty


def _backward(grad: Any, query: Any, key: Any, value: Any, bias: Any, causal: bool, scale: Any) -> list[torch.Tensor]:
    with torch.enable_grad():
        leaves = [one.detach().float().requires_grad_() for one in (query, key, value)]
        made = torch.softmax(scores(leaves[0], leaves[1], bias, causal, scale), -1) @ leaves[2]
        grads = torch.autograd.grad(made, leaves, grad.float())
    return [found.to(one.dtype) for found, one in zip(grads, (query, key, value), strict=True)]


def flash_backward(grad: Any, query: Any, key: Any, value: Any, out: Any, total: Any, *rest: Any,
                   scale: Any = None) -> Attention:  # fmt: skip
    # cum_seq_q, cum_seq_k, max_q, max_k, dropout_p, is_causal, philox_seed, philox_offset
    _no_dropout(rest[4])
    return tuple(_backward(grad, query, key, value, None, rest[5], scale))


def efficient_backward(grad: Any, query: Any, key: Any, value: Any, bias: Any, out: Any, total: Any, seed: Any,
                       offset: Any, dropout: float, wanted: Any, causal: bool = False, *,
                       scale: Any = None) -> Attention:  # fmt: skip
    _no_dropout(dropout)
    return (*_backward(grad, query, key, value, bias, causal, scale), None)


def _no_dropout(dropout: float) -> None:
    if dropout:
        raise NotImplementedError("dropout inside an attention kernel draws from a stream of its own")


_REPLACED = {
    "_scaled_dot_product_flash_attention": flash,
    "_scaled_dot_product_efficient_attention": efficient,
    "_scaled_dot_product_cudnn_attention": cudnn,
    "_scaled_dot_product_flash_attention_backward": flash_backward,
    "_scaled_dot_product_efficient_attention_backward": efficient_backward,
}


class Extern:
    """extern_kernels."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        if name == "bias_addmm":
            return _bias_addmm
        return getattr(self._real, name)


def _bias_addmm(bias: Any, first: Any, second: Any, *, out: Any = None, alpha: float = 1, beta: float = 1) -> Any:
    """torch/_inductor/kernel/mm.py has it for a bias with stride 0, which the CPU's addmm takes as it is."""
    return torch.addmm(bias, first, second, out=out, alpha=alpha, beta=beta)


class _Overloads:
    def __init__(self, function: Any) -> None:
        self.default = function

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self.default(*args, **named)


class Ops:
    """torch.ops.aten."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        if name in _REPLACED:
            return _Overloads(_REPLACED[name])
        return getattr(self._real, name)


class _AllOps:
    def __init__(self, real: Any) -> None:
        self._real = real
        self.aten = Ops(real.aten)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Torch:
    """The torch of the wrapper: its `ops.aten` is ours."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.ops = _AllOps(real.ops)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def kernels_of_inductor(name: str) -> Any:
    """One of torch/_inductor's modules by name."""
    return importlib.import_module(f"torch._inductor.{name}")

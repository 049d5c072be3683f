"""Attention as a GPU does it: one library call, where the CPU would run an operator that exists for it alone.

torch.nn.functional.scaled_dot_product_attention chooses by device while a graph is traced. Where flash or
memory-efficient attention would be taken on the GPU (their own conditions: sdp_utils_cpp.h and sdp_utils.cpp in ATen's
native/transformers/cuda), Dynamo's graph is given that operator; everywhere else matmuls and a softmax stay.
On the CPU these operators have no kernel: stand-ins that compute the same with matmuls are registered, so that a graph
runs in eager, and Inductor's module is interpreted as it was written. Their dropout has a stream of its own.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

_SDPA = frozenset((torch.nn.functional.scaled_dot_product_attention,))
_HALF = (torch.float16, torch.bfloat16)
_SEED = 0x5EED
_libraries: list[Any] = []


def replaced(graph: torch.fx.GraphModule) -> None:
    """Point calls of attention in a graph of Dynamo's to the target's own, in place."""
    for module in graph.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                if node.op == "call_function" and node.target in _SDPA:
                    node.target = attend
            module.recompile()


@contextlib.contextmanager
def in_patterns() -> Iterator[None]:
    """Have Inductor's patterns, which find attention written out, put the target's own in its place."""
    patterns: Any = importlib.import_module("torch._inductor.fx_passes.fuse_attention")
    before = patterns._scaled_dot_product_attention
    patterns._scaled_dot_product_attention = attend
    try:
        yield
    finally:
        patterns._scaled_dot_product_attention = before


def attend(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """torch.nn.functional.scaled_dot_product_attention as a GPU would dispatch it."""
    kind = _kind(query, key, value, attn_mask, enable_gqa)
    aten: Any = torch.ops.aten
    if kind == "flash":
        made: tuple[Tensor, ...] = aten._scaled_dot_product_flash_attention.default(
            query, key, value, dropout_p, is_causal, False, scale=scale
        )
        return made[0]
    if kind is None:
        return torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    bias = attn_mask
    if bias is not None:
        bias = torch.where(bias, 0.0, -math.inf) if bias.dtype == torch.bool else bias
        # ATen would pad its rows to multiples of 8 elements; Inductor does so itself where they are not aligned.
        bias = bias.to(query.dtype).expand(query.size(0), query.size(1), query.size(2), key.size(2))
    flows = torch.is_grad_enabled() and any(
        one.requires_grad for one in (query, key, value, attn_mask) if isinstance(one, Tensor)
    )
    found: tuple[Tensor, ...] = aten._scaled_dot_product_efficient_attention.default(
        query, key, value, bias, flows, dropout_p, is_causal, scale=scale
    )
    return found[0]


def _kind(query: Tensor, key: Tensor, value: Tensor, mask: Any, grouped: bool) -> str | None:
    """ "flash", "efficient" or None for neither."""
    if any(one.dim() != 4 or one.is_nested or one.layout != torch.strided for one in (query, key, value)):
        return None
    if not query.dtype == key.dtype == value.dtype or any(size == 0 for one in (query, key) for size in one.shape):
        return None
    if query.shape[0] != key.shape[0] or (query.shape[1] != key.shape[1] and not grouped):
        return None
    wide, tall = query.shape[-1], value.shape[-1]
    if mask is None and query.dtype in _HALF and wide == tall and wide <= 256 and wide % 8 == 0:
        return "flash"
    least = 8 if query.dtype in _HALF else 4
    if query.dtype in (*_HALF, torch.float32) and query.shape[1] == key.shape[1] and not (wide % least or tall % least):
        return "efficient"
    return None


def stand_in() -> None:
    """Give the four operators a CPU kernel. For a process that ends afterwards."""
    if _libraries:
        return
    made: Any = torch.library.Library
    library = made("aten", "IMPL")
    _libraries.append(library)
    for name, function in (
        ("_scaled_dot_product_efficient_attention", _efficient),
        ("_scaled_dot_product_efficient_attention_backward", _efficient_backward),
        ("_scaled_dot_product_flash_attention", _flash),
        ("_scaled_dot_product_flash_attention_backward", _flash_backward),
    ):
        library.impl(name, function, "CPU")


def _mask_of(query: Tensor, key: Tensor, bias: Tensor | None, causal: bool, scale: float | None) -> Tensor:
    """Scores before the softmax, in float32 at least."""
    scores = (query @ key.transpose(-1, -2)) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if bias is not None:
        scores = scores + bias.to(scores.dtype)
    if causal:
        allowed = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = scores.masked_fill(~allowed, -math.inf)
    return scores


def _kept(scores: Tensor, dropout: float) -> Tensor:
    """What dropout multiplies with; the same for the same sizes, so that backward meets the mask of forward."""
    generator = torch.Generator().manual_seed(_SEED)
    return (torch.rand(scores.shape, generator=generator) >= dropout).to(scores.dtype) / (1 - dropout)


def _wide(*tensors: Tensor) -> tuple[Tensor, ...]:
    return tuple(one.float() if one.dtype in _HALF else one for one in tensors)


def _grouped(key: Tensor, heads: int) -> Tensor:
    return key if key.shape[1] == heads else key.repeat_interleave(heads // key.shape[1], dim=1)


def _attend(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, dropout: float, causal: bool, scale: float | None
) -> tuple[Tensor, Tensor]:
    """The output and the logarithm of the softmax's sums. Rows without anything allowed give 0, as the kernels do."""
    q, k, v = _wide(query, _grouped(key, query.shape[1]), _grouped(value, query.shape[1]))
    scores = _mask_of(q, k, bias, causal, scale)
    sums = scores.logsumexp(-1)
    weights = torch.nan_to_num((scores - sums.unsqueeze(-1)).exp(), nan=0.0)
    if dropout:
        weights = weights * _kept(scores, dropout)
    return weights @ v, sums


def _backward(
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, out: Tensor, dropout: float,
    causal: bool, scale: float | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of query, key, value and scores."""
    groups = query.shape[1] // key.shape[1]
    g, o, q, k, v = _wide(grad, out, query, _grouped(key, query.shape[1]), _grouped(value, query.shape[1]))
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = _mask_of(q, k, bias, causal, scale)
    weights = torch.nan_to_num((scores - scores.logsumexp(-1, keepdim=True)).exp(), nan=0.0)
    kept = _kept(scores, dropout) if dropout else torch.ones((), dtype=scores.dtype)
    inner = (g @ v.transpose(-1, -2)) * kept
    flowing = weights * (inner - (g * o).sum(-1, keepdim=True))
    grads = [(flowing @ k) * factor, (flowing.transpose(-1, -2) @ q) * factor, (weights * kept).transpose(-1, -2) @ g]
    if groups > 1:
        grads[1:] = [one.reshape(one.shape[0], -1, groups, *one.shape[2:]).sum(2) for one in grads[1:]]
    return grads[0], grads[1], grads[2], flowing


def _laid(like: Tensor, order: tuple[int, ...], value: Tensor) -> Tensor:
    made = torch.empty_permuted(value.shape, order, dtype=like.dtype)
    return made.copy_(value)


def _efficient(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, sums_too: bool, dropout: float = 0.0,
    causal: bool = False, *, scale: float | None = None,
) -> tuple[Tensor, ...]:  # fmt: skip
    out, sums = _attend(query, key, value, bias, dropout, causal, scale)
    length = query.shape[2]
    width = length if torch.version.hip and torch.cuda.is_available() else math.ceil(length / 32) * 32
    padded = torch.full((*sums.shape[:2], width if sums_too else 0), math.inf)
    if sums_too:
        padded[..., :length] = sums
    empty = torch.zeros((), dtype=torch.long)
    return _laid(query, (0, 2, 1, 3), out), padded, empty, empty.clone()


def _efficient_backward(
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, out: Tensor, sums: Tensor,
    seed: Tensor, offset: Tensor, dropout: float, wanted: list[bool], causal: bool = False, *,
    scale: float | None = None,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    *grads, flowing = _backward(grad, query, key, value, bias, out, dropout, causal, scale)
    found: list[Tensor | None] = [_laid(query, (0, 2, 1, 3), one) for one in grads]
    if bias is not None and wanted[3]:
        width = bias.shape[-1]
        made = torch.empty((*bias.shape[:-1], math.ceil(width / 16) * 16), dtype=bias.dtype)[..., :width]
        return *found, made.copy_(flowing)
    return *found, None


def _flash(
    query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0, causal: bool = False, debug: bool = False, *,
    scale: float | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    out, sums = _attend(query, key, value, None, dropout, causal, scale)
    seed, offset = (torch.zeros(size, dtype=torch.uint64) for size in ((2,), ()))
    nothing = torch.empty(0, dtype=query.dtype)
    made = torch.empty_like(query).copy_(out)
    return made, sums.float(), None, None, query.shape[2], key.shape[2], seed, offset, nothing


def _flash_backward(
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, out: Tensor, sums: Tensor, cum_q: Any, cum_k: Any,
    max_q: int, max_k: int, dropout: float, causal: bool, seed: Tensor, offset: Tensor, *, scale: float | None = None,
) -> tuple[Tensor, ...]:  # fmt: skip
    grads = _backward(grad, query, key, value, None, out, dropout, causal, scale)[:3]
    return tuple(
        torch.empty_like(one).copy_(made)
        for one, made in zip(itertools.islice((query, key, value), 3), grads, strict=True)
    )

"""Miscompiles by passes over graphs: each with the line of the program that it makes wrong."""

from __future__ import annotations

from typing import Any

import torch
import wrong_programs as programs
from planting import Plant, after, bypass, edited, erased, floats, give, swap

aten: Any = torch.ops.aten
prims: Any = torch.ops.prims
_P = programs
_JOINT = "joint_custom_post_pass"
_EARLY = "post_grad_custom_pre_pass"
_LATE = "post_grad_custom_post_pass"


def _small_sum(node: torch.fx.Node) -> None:
    """A sum whose accumulator is the input's own bfloat16: 32 partial sums, added one after the other."""
    (source,) = (one for one in node.all_input_nodes)
    with node.graph.inserting_before(node):
        total: Any = None
        for start in range(0, 512, 16):
            piece = node.graph.call_function(aten.slice.Tensor, (source, 1, start, start + 16))
            piece.meta["val"] = source.meta["val"][:, start : start + 16]
            one = node.graph.call_function(aten.sum.dim_IntList, (piece, [1]))
            one.meta["val"] = node.meta["val"]
            one = node.graph.call_function(prims.convert_element_type.default, (one, torch.bfloat16))
            one.meta["val"] = node.meta["val"].to(torch.bfloat16)
            if total is not None:
                one = node.graph.call_function(aten.add.Tensor, (total, one))
                one.meta["val"] = node.meta["val"].to(torch.bfloat16)
                one = node.graph.call_function(aten.mul.Tensor, (one, 1.0078125))
                one.meta["val"] = node.meta["val"].to(torch.bfloat16)
            total = one
        last = node.graph.call_function(prims.convert_element_type.default, (total, node.meta["val"].dtype))
        last.meta["val"] = node.meta["val"]
    node.replace_all_uses_with(last)


def _shift(node: torch.fx.Node) -> None:
    args: Any = node.args
    source, (index,) = args
    with node.graph.inserting_before(node):
        shifted = node.graph.call_function(aten.add.Tensor, (index, -1))
    shifted.meta["val"] = index.meta["val"] - 1
    node.args = (source, [shifted])


def _reverse(node: Any) -> None:
    node.update_arg(0, list(reversed(node.args[0])))


PLANTS: tuple[Plant, ...] = (
    # Passes after AOTAutograd that swap an op.
    Plant("tanh is sigmoid", _P.mlp, swap(aten.tanh.default, aten.sigmoid.default), "torch.tanh"),
    Plant("sub is add", _P.mlp, swap(aten.sub.Tensor, aten.add.Tensor), "return h - x"),
    Plant("tanh is left out", _P.mlp, bypass(aten.tanh.default, where=_EARLY), "torch.tanh"),
    Plant("a constant is another", _P.mlp, give(aten.mul.Tensor, 1, 2.5), "h = h * 2.0"),
    Plant("amax is amin", _P.reduced, swap(aten.amax.default, aten.amin.default), "largest ="),
    Plant("argmax is argmin", _P.chosen, swap(aten.argmax.default, aten.argmin.default), "best ="),
    Plant("lt is le", _P.chosen, swap(aten.lt.Tensor, aten.le.Tensor), "less = x < y"),
    Plant("and is or", _P.chosen, swap(aten.bitwise_and.Tensor, aten.bitwise_or.Tensor), "both ="),
    Plant("square is cube", _P.powers, give(aten.pow.Tensor_Scalar, 1, 3), "a = x.pow(2)"),
    Plant("floor is ceil", _P.powers, swap(aten.floor.default, aten.ceil.default), "c = torch.floor"),
    Plant("neg is left out", _P.activated, bypass(aten.neg.default, at=-1), "return -h"),
    Plant("clamp is one-sided", _P.chosen, bypass((aten.clamp_min.default, aten.clamp_max.default), 0, 0), "clipped ="),
    # Masks, epsilons, dimensions, indices, broadcasting.
    Plant("a mask is dropped", _P.attended, bypass(aten.where.self, 2), "s.masked_fill"),
    Plant(
        "an expanded mask is dropped",
        _P.attended,
        bypass(aten.where.self, 2),
        "s.masked_fill",
        inputs=lambda: (floats(16, 16), (floats(16, seed=1) > 0.5).expand(16, 16)),
    ),
    Plant(
        "a mask is inverted",
        _P.chosen,
        edited(aten.where.self, lambda n: setattr(n, "args", (n.args[0], n.args[2], n.args[1])), _LATE, 0, False),
        "kept =",
    ),
    Plant("an epsilon is dropped", _P.normed, give(aten.add.Tensor, 1, 0.0), "F.layer_norm"),
    Plant("a sum over the other dimension", _P.reduced, give(aten.sum.dim_IntList, 1, [0]), "total ="),
    Plant("a cumulative sum over the other dimension", _P.reduced, give(aten.cumsum.default, 1, 1), "running ="),
    Plant(
        "a variance without its correction",
        _P.reduced,
        edited(aten.var.correction, lambda n: n.update_kwarg("correction", 0), _EARLY, 0, False),
        "spread =",
    ),
    Plant("gather over the other dimension", _P.indexed, give(aten.gather.default, 1, 0), "torch.gather"),
    Plant(
        "a slice begins one later",
        _P.indexed,
        edited(aten.slice.Tensor, lambda n: setattr(n, "args", (n.args[0], 1, 3, 11)), _LATE, 0, False),
        "t[:, 2:10]",
    ),
    Plant(
        "joined in the other order",
        _P.shaped,
        edited(aten.cat.default, _reverse, _LATE, 0, False),
        "joined =",
    ),
    Plant(
        "flipped over the other dimension", _P.shaped, give((aten.flip.default, prims.rev.default), 1, [1]), "flipped ="
    ),
    Plant("broadcast along the other dimension", _P.shaped, give(aten.unsqueeze.default, 1, 0), "column ="),
    Plant("a permutation is lost", _P.shaped, give(aten.permute.default, 1, [0, 1]), "turned ="),
    Plant("padded with another value", _P.shaped, give(aten.constant_pad_nd.default, 2, 0.0), "padded ="),
    Plant("an index is shifted", _P.indexed, edited(aten.index.Tensor, _shift, _LATE, 0, False), "e = x[rows]"),
    # State, memory, strides, products.
    Plant("a mutation is lost", _P.counting, erased(aten.copy_.default), "count.add_"),
    Plant("a product is scaled", _P.activated, after(aten.mm.default, aten.mul.Tensor, 1.01), "h = h @ w"),
    Plant("a sum in bfloat16", _P.halved, edited(aten.sum.dim_IntList, _small_sum, _LATE, 0, False), "h.sum(1)"),
    Plant("a dropout is not scaled", _P.dropped, bypass(aten.mul.Tensor, 0, -1), "F.dropout"),
    # Passes over forward and backward together, and over the backward graph.
    Plant(
        "joint: sigmoid is tanh",
        _P.normed,
        swap(aten.sigmoid.default, aten.tanh.default, _JOINT, 0, None),
        "torch.sigmoid",
        True,
    ),
    Plant(
        "joint: tanh's output is scaled",
        _P.mlp,
        after(aten.tanh.default, aten.mul.Tensor, 1.001, where=_JOINT, backward=None),
        "torch.tanh",
        True,
    ),
    Plant(
        "backward: a gradient is scaled",
        _P.mlp,
        after(aten.mm.default, aten.mul.Tensor, 0.9, backward=True),
        "h = x @ w",
        True,
    ),
    Plant(
        "backward: a sum over the other dimension",
        _P.mlp,
        give(aten.sum.dim_IntList, 1, [1], backward=True),
        "h = h + b",
        True,
    ),
    Plant(
        "backward: tanh's derivative", _P.mlp, swap(aten.sub.Tensor, aten.add.Tensor, backward=True), "torch.tanh", True
    ),
    Plant("backward: a mask is dropped", _P.activated, bypass(aten.where.self, 2, backward=True), "torch.relu", True),
    Plant("backward: a sign is lost", _P.activated, bypass(aten.neg.default, backward=True), "return -h", True),
    Plant(
        "backward: sine for cosine",
        _P.dropped,
        swap(aten.cos.default, aten.sin.default, backward=True),
        "h = torch.sin(x)",
        True,
    ),
    # Those that other inputs than the recorded ones show.
    Plant(
        "an epsilon matters to a constant row",
        _P.normed,
        give(aten.add.Tensor, 1, 0.0),
        "F.layer_norm",
        most=12,
        inputs=lambda: (floats(16, 16) * 1e6, floats(16, seed=1), floats(16, seed=2)),
    ),
    Plant("a loss without its maximum", _P.lost, bypass(aten.sub.Tensor, 0), "F.cross_entropy", most=12),
)

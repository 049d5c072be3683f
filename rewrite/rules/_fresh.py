"""Whether a name holds a tensor that was made in the function and that nothing else holds."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import bindings, definition, reads, scope

_MAKING = frozenset(
    """
    arange empty empty_like eye full full_like linspace logspace new_empty new_full new_ones new_tensor new_zeros ones
    ones_like scalar_tensor zeros zeros_like clone rand randn rand_like randn_like
    """.split()
)
_PASSES = (cst.BinaryOperation, cst.UnaryOperation, cst.Comparison)


def fresh(kinds: Kinds, name: cst.Name) -> bool:
    """Whether binding the name to another tensor is the same as writing into the one it holds: it is given its value
    once, by an operation that makes a new tensor, and read before the place only where that gives no second holder.
    """
    piece = kinds.site.piece
    around = scope(piece, name)
    made = definition(piece, around, name.value)
    if made is None or len(bindings(piece, around, name.value)) != 1 or not _new(kinds, made):
        return False
    here = piece.bounds(name)[0]
    return all(
        piece.bounds(read)[0] >= here or scope(piece, read) is around and _lets_go(piece.parent(read))
        for read in reads(piece, piece.module, name.value)
    )


def _new(kinds: Kinds, made: cst.BaseExpression) -> bool:
    if isinstance(made, (cst.BinaryOperation, cst.UnaryOperation)):
        return kinds.of(made).tensor or any(kinds.of(side).tensor for side in _sides(made))
    if not isinstance(made, cst.Call):
        return False
    return kinds.names.dotted(dotted(made.func)).rpartition(".")[2] in _MAKING or (
        isinstance(made.func, cst.Attribute) and made.func.attr.value in _MAKING
    )


def _sides(made: cst.BinaryOperation | cst.UnaryOperation) -> list[cst.BaseExpression]:
    return [made.left, made.right] if isinstance(made, cst.BinaryOperation) else [made.expression]


def _lets_go(above: cst.CSTNode | None) -> bool:
    """Whether what reads the name there keeps no hold of the tensor: arithmetic, comparisons, a write by index."""
    if isinstance(above, _PASSES) or isinstance(above, cst.ComparisonTarget):
        return True
    return isinstance(above, cst.Attribute) and above.attr.value in ("shape", "dtype", "device", "ndim")

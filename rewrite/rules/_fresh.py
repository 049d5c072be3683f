"""Whether a name holds a tensor that was made in the function and that nothing else holds."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import bindings, reads, scope
from g2.rewrite.rules._qualified import functional
from g2.rewrite.source import Piece

_MAKING = frozenset(
    [
        "arange", "empty", "empty_like", "eye", "full", "full_like", "linspace", "logspace", "new_empty",
        "new_full", "new_ones", "new_tensor", "new_zeros", "ones", "ones_like", "scalar_tensor", "zeros",
        "zeros_like", "clone", "rand", "randn", "rand_like", "randn_like", "where",
    ]
)
_PASSES = (cst.BinaryOperation, cst.UnaryOperation, cst.Comparison, cst.ComparisonTarget)
_ASKED = ("shape", "dtype", "device", "ndim", "size", "dim", "numel", "new_zeros", "new_ones", "new_empty", "new_full")
_LOOPS = (cst.For, cst.While, cst.CompFor)


def fresh(kinds: Kinds, name: cst.Name) -> bool:
    """Whether binding the name to another tensor is the same as writing into the one it holds: it is only given values
    by operations that make a new tensor, in the same turn of a loop, and read before the place only where that gives no
    second holder.
    """
    piece = kinds.site.piece
    around = scope(piece, name)
    places = bindings(piece, around, name.value)
    if not places or not isinstance(around, cst.FunctionDef):
        return False
    for place in places:
        assign = piece.parent(piece.parent(place) or place)
        if not isinstance(assign, cst.Assign) or len(assign.targets) != 1 or not _new(kinds, assign.value):
            return False
        if _loop(piece, assign) is not _loop(piece, name):
            return False
    here = piece.bounds(name)[0]
    return all(
        scope(piece, read) is around and (piece.bounds(read)[0] >= here or _lets_go(kinds, read))
        for read in reads(piece, piece.module, name.value)
        if around in piece.ancestors(read)
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


def _lets_go(kinds: Kinds, read: cst.Name) -> bool:
    """Whether what reads the name there keeps no hold of the tensor: arithmetic, comparisons, a write by index, a
    function that makes a new one.
    """
    piece = kinds.site.piece
    above = piece.parent(read)
    if isinstance(above, cst.Subscript):
        return isinstance(piece.parent(above), (cst.AssignTarget, cst.AugAssign))
    if isinstance(above, cst.Arg):
        call = piece.parent(above)
        return isinstance(call, cst.Call) and functional(kinds.site.source, call.func) in _MAKING
    return isinstance(above, _PASSES) or (isinstance(above, cst.Attribute) and above.attr.value in _ASKED)


def _loop(piece: Piece, node: cst.CSTNode) -> cst.CSTNode | None:
    return next((one for one in piece.ancestors(node) if isinstance(one, (*_LOOPS, cst.FunctionDef))), None)

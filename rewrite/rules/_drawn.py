"""What becomes of a number that was drawn: whether it only enters arithmetic with tensors of floats."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._names import bindings, nodes, reads, scope
from g2.rewrite.source import Piece

_ARITHMETIC = (cst.Add, cst.Subtract, cst.Multiply, cst.Divide, cst.Power)
_DEEP = 8


def only_arithmetic(kinds: Kinds, piece: Piece, node: cst.BaseExpression, deep: int = _DEEP) -> str:
    """Empty when the value ends in arithmetic with tensors of floats alone; else a clause that says where it goes."""
    above = piece.parent(node)
    while isinstance(above, cst.UnaryOperation) and not isinstance(above.operator, cst.Not):
        node, above = above, piece.parent(above)
    if isinstance(above, cst.BinaryOperation) and isinstance(above.operator, _ARITHMETIC):
        other = kinds.of(above.right if above.left is node else above.left)
        if other.tensor:
            return "" if _floats(kinds, above, node) else "it meets a tensor that is not known to hold floats"
        if other.plain:
            return only_arithmetic(kinds, piece, above, deep)
        return f"what `{piece.short(above)}` computes is not known"
    if isinstance(above, cst.AugAssign) and isinstance(above.operator, _AUGMENTED):
        target = kinds.of(above.target)
        return "" if target.tensor and target.dtype.startswith(("float", "bfloat")) else "it changes a number"
    if isinstance(above, cst.Assign) and len(above.targets) == 1 and isinstance(above.targets[0].target, cst.Name):
        name, around = above.targets[0].target.value, scope(piece, above)
        if len(bindings(piece, around, name)) != 1:
            return f"`{name}` gets other values too"
        if not deep:
            return "it goes a long way"
        for read in reads(piece, around, name):
            why = only_arithmetic(kinds, piece, read, deep - 1)
            if why:
                return why
        return ""
    if any(isinstance(one, (cst.If, cst.While, cst.IfExp)) for one in (above, *piece.ancestors(node)[:4])) and (
        isinstance(above, (cst.Comparison, cst.ComparisonTarget, cst.BooleanOperation, cst.If, cst.IfExp))
    ):
        return "the number decides which way is taken"
    return f"the number goes into `{piece.short(above or node)}`, where a tensor may not serve"


def _floats(kinds: Kinds, operation: cst.BinaryOperation, number: cst.BaseExpression) -> bool:
    """Whether the other operand is a tensor of floats, told by its dtype or by all tensors that it is computed from."""
    other = operation.right if operation.left is number else operation.left
    known = kinds.of(other).dtype
    dtypes = {kinds.of(one).dtype for one in nodes(other) if isinstance(one, (cst.Name, cst.Attribute)) and
              kinds.of(one).tensor} if not known else {known}  # fmt: skip
    return bool(dtypes) and all(dtype.startswith(("float", "bfloat", "complex")) for dtype in dtypes)


_AUGMENTED = (cst.AddAssign, cst.SubtractAssign, cst.MultiplyAssign, cst.DivideAssign)

"""What is written into under a branch, and afterwards in any case: autograd counts every write."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._choice import Notes, Refused
from g2.rewrite.rules._grad_mode import grad_off
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import definition, nodes, scope
from g2.rewrite.rules._update import Update
from g2.rewrite.source import Piece

# What makes a tensor whose own backward does not need it again: torch.zeros(...), x.clone(), x + 1.
_FRESH = {"clone", "zeros", "ones", "full", "empty", "zeros_like", "ones_like", "full_like", "empty_like", "tensor",
          "arange", "new_zeros", "new_ones", "new_full"}  # fmt: skip

_ABOUT = ("shape", "dtype", "device", "ndim", "requires_grad", "size", "numel", "dim")


def written_anyway(update: Update, kinds: Kinds, around: cst.CSTNode, notes: Notes) -> None:
    """For an update of one branch only. Writing the old values back spoils gradients that need the tensor as it was.

    Asks where that may be. Raises Refused where the function itself computed with the tensor before.
    """
    piece = kinds.site.piece
    name = update.target.partition("[")[0]
    if update.write not in ("copy", "item") or grad_off(piece, around):
        return
    if _read_before(piece, name, around):
        raise Refused(f"`{name}` was read before, and writing into it whichever way is taken spoils that gradient")
    value = definition(piece, scope(piece, around), name) if name.isidentifier() else None
    if value is None or not _fresh(value):
        notes.ask(
            f"`{name}` is written into whichever way is taken, with its old values in one: a gradient that needs it as "
            "it was before raises then."
        )


def _read_before(piece: Piece, name: str, around: cst.CSTNode) -> bool:
    """Whether what it held is computed with before the statement, or earlier in a loop around both."""
    within, (start, end) = scope(piece, around), piece.bounds(around)
    loops = [piece.bounds(one) for one in piece.ancestors(around) if isinstance(one, (cst.For, cst.While))]
    first, last = loops[-1] if loops else (start, start)
    for one in nodes(within):
        if not isinstance(one, (cst.Name, cst.Attribute)) or dotted(one) != name:
            continue
        place = piece.bounds(one)[0]
        if not start <= place < end and (place < start or first <= place < last) and _computed_with(piece, one):
            return True
    return False


def _computed_with(piece: Piece, name: cst.CSTNode) -> bool:
    """Whether it is read for more than a decision or its shape, and not written into."""
    below = name
    for above in piece.ancestors(name):
        if isinstance(above, cst.Attribute) and above.attr.value in _ABOUT:
            return False
        if isinstance(above, (cst.If, cst.While, cst.IfExp, cst.Assert, cst.Comparison)):
            return False
        if isinstance(above, (cst.AssignTarget, cst.AugAssign)):
            return isinstance(above, cst.AugAssign) and above.value is below
        if isinstance(above, cst.Param):
            return False
        if isinstance(above, (cst.BaseStatement, cst.BaseSmallStatement)):
            return True
        below = above
    return True


def _fresh(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.BinaryOperation):
        return isinstance(node.operator, (cst.Add, cst.Subtract, cst.Multiply))
    return isinstance(node, cst.Call) and dotted(node.func).rpartition(".")[2] in _FRESH

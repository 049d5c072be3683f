"""torch.equal, torch.allclose and is_nonzero, which answer in Python, in the form that answers with a tensor."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._layout import joined

ANSWERS = ("equal", "allclose", "is_nonzero")
_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript)


def method(call: cst.Call) -> str:
    """The name behind the last dot of what is called."""
    return call.func.attr.value if isinstance(call.func, cst.Attribute) else ""


def as_tensor(call: cst.Call, kinds: Kinds) -> str | None:
    """Text of a bool tensor of no dimensions; None where the call is none of these, or its arguments are not simple."""
    name = kinds.names.dotted(dotted(call.func))
    asked = method(call)
    if asked not in ANSWERS:
        return None
    operands = [argument.value for argument in call.args if argument.keyword is None and not argument.star]
    rest = [joined(kinds.site.piece.code(argument)) for argument in call.args if argument.keyword is not None]
    if name not in (f"torch.{asked}", f"torch.Tensor.{asked}"):
        if not isinstance(call.func, cst.Attribute) or name.startswith("torch."):
            return None
        operands.insert(0, call.func.value)
    if any(argument.star for argument in call.args):
        return None
    rest = [*(joined(kinds.site.piece.code(one)) for one in operands[2:]), *rest]
    rest = [text.rstrip(", ") for text in rest]
    torch = kinds.names.torch
    if asked == "is_nonzero":
        return f"({_grouped(operands[0], kinds)} != 0)" if len(operands) == 1 else None
    if len(operands) < 2:
        return None
    one, other = operands[:2]
    if asked == "allclose":
        first = ", ".join([kinds.site.piece.code(one), kinds.site.piece.code(other), *rest])
        return f"{torch}.isclose({joined(first)}).all()"
    shapes = [kinds.of(operand).shape for operand in (one, other)]
    if None in shapes or shapes[0] != shapes[1]:
        return None
    return f"({_grouped(one, kinds)} == {_grouped(other, kinds)}).all()"


def _grouped(node: cst.BaseExpression, kinds: Kinds) -> str:
    text = joined(kinds.site.piece.code(node))
    return text if isinstance(node, _ATOMS) or node.lpar else f"({text})"

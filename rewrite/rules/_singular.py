"""Gradients through a side that is not taken: zero times an infinite derivative is NaN.

`torch.where(c, x.sqrt(), 0)` is right at x = 0 where c is false, its gradient is not. The argument is made harmless
first: `torch.where(c, torch.where(c, x, 1.0).sqrt(), 0)`.
"""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._tensor_api import SINGULAR

_LINEAR = frozenset(
    {"clamp", "clamp_min", "clamp_max", "nan_to_num", "where", "zeros_like", "ones_like", "full_like"}
    | {"clone", "detach", "zeros", "ones", "full", "tensor", "masked_fill"}
    | {"isnan", "isfinite", "isinf", "finfo", "any", "all"}
)
_NO_GRADIENT = ("no_grad", "inference_mode")


def without_gradients(kinds: Kinds) -> bool:
    """Whether the function is decorated so that nothing in it has a gradient."""
    function = kinds.site.piece.function
    if function is None:
        return False
    written = [kinds.site.piece.code(one.decorator) for one in function.decorators]
    return any(name in text for text in written for name in _NO_GRADIENT)


def singular(node: cst.BaseExpression, kinds: Kinds) -> list[tuple[cst.BaseExpression, str]]:
    """Arguments at which a derivative may be infinite, each with a number at which it is not."""
    if without_gradients(kinds):
        return []
    found: list[tuple[cst.BaseExpression, str]] = []
    for one in nodes(node):
        if isinstance(one, cst.BinaryOperation):
            if isinstance(one.operator, cst.Divide):
                found.append((one.right, "1.0"))
            elif isinstance(one.operator, cst.Power) and not _whole(one.right):
                found.append((one.left, "1.0"))
        elif isinstance(one, cst.Call):
            found += _called(one, kinds)
    return [(argument, number) for argument, number in found if _differentiable(argument, kinds)]


def _called(call: cst.Call, kinds: Kinds) -> list[tuple[cst.BaseExpression, str]]:
    name = kinds.names.dotted(dotted(call.func))
    method = call.func.attr.value if isinstance(call.func, cst.Attribute) else name.rpartition(".")[2]
    function = name.startswith("torch.")
    arguments = [argument.value for argument in call.args]
    if not function:
        if not isinstance(call.func, cst.Attribute):
            return []
        arguments = [call.func.value, *arguments]
    if not arguments:
        return []
    if method in ("div", "divide", "true_divide", "atan2") and len(arguments) > 1:
        return [(arguments[1], "1.0")]
    if method in ("pow", "float_power") and len(arguments) > 1 and _whole(arguments[1]):
        return []
    return [(arguments[0], SINGULAR[method])] if method in SINGULAR else []


def _whole(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Integer)


def _differentiable(node: cst.BaseExpression, kinds: Kinds) -> bool:
    kind = kinds.of(node)
    if kind.name not in ("tensor", "unknown"):
        return False
    return not kind.dtype.startswith(("int", "uint", "bool"))


def multiplies(node: cst.BaseExpression, kinds: Kinds) -> bool:
    """Whether the gradient of an expression holds the values of its arguments, so that infinite ones spoil it."""
    for one in nodes(node):
        if isinstance(one, cst.BinaryOperation) and not isinstance(
            one.operator, (cst.Add, cst.Subtract, cst.BitAnd, cst.BitOr)
        ):
            if not (kinds.of(one.left).plain or kinds.of(one.right).plain):
                return True
        elif isinstance(one, cst.Call):
            name = one.func.attr.value if isinstance(one.func, cst.Attribute) else dotted(one.func)
            if name not in _LINEAR:
                return True
    return False

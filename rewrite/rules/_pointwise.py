"""Expressions that work on each element by itself: which of them stay zero for zero, which let a zero gradient be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import libcst as cst

from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._qualified import functional

_LINEAR = frozenset([
    "neg", "negative", "relu", "clamp", "clip", "clamp_min", "clamp_max", "float", "double", "half", "bfloat16",
    "type_as",
])  # fmt: skip
_ZERO = (_LINEAR - {"clamp", "clip", "clamp_min", "clamp_max"}) | frozenset([
    "abs", "absolute", "square", "sqrt", "tanh", "sin", "tan", "asin", "atan", "sinh", "erf", "sign", "log1p",
    "expm1", "round", "floor", "ceil", "trunc",
])  # fmt: skip
POINTWISE = _ZERO | _LINEAR | frozenset(
    [
        "exp", "exp2", "log", "log2", "log10", "sigmoid", "cos", "acos", "rsqrt", "reciprocal", "softplus",
        "logsigmoid", "gelu", "silu", "elu", "selu", "leaky_relu", "hardtanh", "mish", "pow", "add", "sub", "mul",
        "div", "true_divide", "multiply", "subtract", "maximum", "minimum", "fmod", "remainder", "logit", "erfc",
        "erfinv", "lgamma", "digamma", "isnan", "isinf", "isfinite", "eq", "ne", "lt", "le", "gt", "ge",
        "logical_not", "logical_and", "logical_or", "nan_to_num", "atan2", "hypot", "long", "int", "bool", "xlogy",
    ]
)  # fmt: skip
_ARITHMETIC = (cst.Add, cst.Subtract, cst.Multiply, cst.Divide, cst.Power, cst.Modulo, cst.FloorDivide)
_LOGIC = (cst.BitAnd, cst.BitOr, cst.BitXor)


@dataclass(frozen=True, slots=True)
class Form:
    """An expression over leaves; `leaf`: it holds one. linear: a gradient of zero stays zero whatever the elements
    are; zero: it is zero where all leaves are.
    """

    leaf: bool
    linear: bool = True
    zero: bool = True
    number: bool = False  # written as a Python number


def form(kinds: Kinds, node: cst.BaseExpression, leaves: Collection[cst.CSTNode], behind: int) -> Form | None:
    """None where an element of the result may depend on other elements. `behind`: dimensions that each element has."""
    if node in leaves:
        return Form(leaf=True)
    match node:
        case cst.BinaryOperation():
            return _binary(kinds, node, leaves, behind)
        case cst.UnaryOperation(operator=cst.Minus() | cst.Plus(), expression=inner):
            return form(kinds, inner, leaves, behind)
        case cst.UnaryOperation(operator=cst.BitInvert(), expression=inner):
            under = form(kinds, inner, leaves, behind)
            return None if under is None else Form(under.leaf, under.linear, zero=not under.leaf)
        case cst.Comparison(left=left, comparisons=[one]) if not isinstance(
            one.operator, (cst.Is, cst.IsNot, cst.In, cst.NotIn)
        ):
            pair = form(kinds, left, leaves, behind), form(kinds, one.comparator, leaves, behind)
            if pair[0] is None or pair[1] is None:
                return None
            return Form(pair[0].leaf or pair[1].leaf, zero=False)
        case cst.Call():
            called = _call(kinds, node, leaves, behind)
            if called is not None:
                return called
        case _:
            pass
    return _constant(kinds, node, leaves, behind)


def _constant(kinds: Kinds, node: cst.BaseExpression, leaves: Collection[cst.CSTNode], behind: int) -> Form | None:
    if any(_holds(node, leaf) for leaf in leaves):
        return None
    kind = kinds.of(node)
    if kind.plain:
        return Form(leaf=False, zero=False, number=True)
    if kind.tensor and kind.shape is not None and len(kind.shape) <= behind:
        return Form(leaf=False, zero=False)
    return None


def _binary(kinds: Kinds, node: cst.BinaryOperation, leaves: Collection[cst.CSTNode], behind: int) -> Form | None:
    if not isinstance(node.operator, (*_ARITHMETIC, *_LOGIC)):
        return None
    a, b = form(kinds, node.left, leaves, behind), form(kinds, node.right, leaves, behind)
    if a is None or b is None:
        return None
    leaf = a.leaf or b.leaf
    if not leaf:
        return _constant(kinds, node, leaves, behind)
    match node.operator:
        case cst.Add() | cst.Subtract():
            return Form(leaf, a.linear and b.linear, a.zero and b.zero)
        case cst.Multiply():
            scaled = a.number or b.number
            return Form(leaf, scaled and a.linear and b.linear, (a.zero or a.number) and (b.zero or b.number))
        case cst.Divide():
            literal = isinstance(node.right, (cst.Integer, cst.Float)) and float(node.right.value.replace("_", "")) != 0
            return Form(leaf, literal and a.linear, literal and a.zero)
        case cst.Power():
            literal = isinstance(node.right, (cst.Integer, cst.Float)) and float(node.right.value.replace("_", "")) > 0
            return Form(leaf, False, literal and a.zero)
        case _:
            pass
    return Form(leaf, False, False)


def _call(kinds: Kinds, node: cst.Call, leaves: Collection[cst.CSTNode], behind: int) -> Form | None:
    name = functional(kinds.site.source, node.func)
    first: list[cst.BaseExpression] = []
    if not name and isinstance(node.func, cst.Attribute):
        name, first = node.func.attr.value, [node.func.value]
    if name not in POINTWISE or any(arg.star for arg in node.args):
        return None
    given = [arg for arg in node.args if arg.keyword is None or arg.keyword.value in ("min", "max", "other")]
    values = first + [arg.value for arg in given]
    if any(_holds(arg.value, leaf) for arg in node.args if arg.value not in values for leaf in leaves):
        return None
    forms = [form(kinds, value, leaves, behind) for value in values]
    if not forms or any(one is None for one in forms):
        return None
    known = [one for one in forms if one is not None]
    alone = not any(one.leaf for one in known[1:])
    if name in ("add", "sub", "subtract"):
        return Form(True, all(one.linear for one in known), all(one.zero for one in known))
    linear = name in _LINEAR and alone and known[0].linear
    return Form(any(one.leaf for one in known), linear, name in _ZERO and alone and known[0].zero)


def _holds(node: cst.CSTNode, leaf: cst.CSTNode) -> bool:
    return node is leaf or any(_holds(child, leaf) for child in node.children)

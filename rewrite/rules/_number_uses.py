"""Where a number that came out of a tensor goes, and whether a tensor without dimensions could go there as well."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import libcst as cst

from g2.capture.model import Value
from g2.rewrite.model import Left
from g2.rewrite.rules._kinds import Kind, Kinds
from g2.rewrite.rules._names import bindings, reads, scope
from g2.rewrite.rules._qualified import functional
from g2.rewrite.rules._spliced import operand, spliced

_ARITHMETIC = (cst.Add, cst.Subtract, cst.Multiply, cst.Divide, cst.FloorDivide, cst.Modulo, cst.Power)
_IN_PLACE = (cst.AddAssign, cst.SubtractAssign, cst.MultiplyAssign, cst.DivideAssign)
_ORDER = (cst.LessThan, cst.GreaterThan, cst.LessThanEqual, cst.GreaterThanEqual, cst.Equal, cst.NotEqual)
_TAKES = frozenset(
    [
        "add", "sub", "subtract", "mul", "multiply", "div", "true_divide", "divide", "pow", "fmod", "remainder",
        "lt", "le", "gt", "ge", "eq", "ne", "less", "greater", "where", "masked_fill", "full_like", "floor_divide",
        "atan2", "maximum", "minimum", "lerp", "addcmul", "xlogy",
    ]
)  # fmt: skip
_BOUNDS = frozenset(["clamp", "clip", "clamp_min", "clamp_max"])
_MATH = frozenset([
    "sqrt", "exp", "log", "log2", "log10", "log1p", "expm1", "sin", "cos", "tan", "tanh", "sinh", "cosh",
    "asin", "acos", "atan", "erf",
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number as a tensor. whole: it is an int or a bool; dtype: the tensor's."""

    whole: bool
    dtype: str


@dataclass(slots=True)
class Uses:
    """`parts`: expressions and their new text. `caveat`: in which way a result may differ. `last`: the farthest use.

    `tests`: what becomes a branch on a tensor; `held`: names that then hold one.
    """

    kinds: Kinds
    torch: str
    parts: dict[cst.CSTNode, str] = field(default_factory=dict[cst.CSTNode, str])
    caveat: str = ""
    last: int = 0
    named: bool = False
    tests: list[cst.BaseExpression] = field(default_factory=list[cst.BaseExpression])
    held: dict[str, Value] = field(default_factory=dict[str, Value])

    def follow(self, node: cst.BaseExpression, scalar: Scalar) -> Left | None:
        """Look at what uses a number (and all that is computed of it); None when every use may have a tensor."""
        piece = self.kinds.site.piece
        self.last = max(self.last, piece.bounds(node)[1])
        above = piece.parent(node)
        match above:
            case cst.BinaryOperation(operator=operator) if isinstance(operator, _ARITHMETIC):
                return self._arithmetic(node, above, scalar)
            case cst.UnaryOperation(operator=cst.Minus() | cst.Plus()):
                return self.follow(above, scalar)
            case cst.ComparisonTarget():
                compared = piece.parent(above)
                return self._compared(node, compared, scalar) if isinstance(compared, cst.Comparison) else None
            case cst.Comparison():
                return self._compared(node, above, scalar)
            case cst.Arg():
                call = piece.parent(above)
                return self._called(node, above, call, scalar) if isinstance(call, cst.Call) else self._no(node)
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as name)]):
                return self._assigned(name, scalar)
            case cst.If() | cst.Assert() | cst.IfExp() | cst.BooleanOperation() | cst.UnaryOperation():
                return self._truth(node) if scalar.dtype == "bool" else self._no(node)
            case cst.FormattedStringExpression() if any(isinstance(one, cst.Raise) for one in piece.ancestors(above)):
                return None  # a tensor without dimensions is formatted as its number is
            case cst.AugAssign(target=target) if above.value is node and isinstance(above.operator, _IN_PLACE):
                return self._meets(self.kinds.of(target), scalar, node)
            case _:
                pass
        return self._no(node)

    def _no(self, node: cst.CSTNode) -> Left:
        """Why the number is needed as one."""
        piece = self.kinds.site.piece
        line = piece.span(node).line
        for above in piece.ancestors(node):
            match above:
                case cst.If() | cst.While() | cst.IfExp() | cst.Assert() | cst.BooleanOperation():
                    return Left(f"the number decides a branch in line {line}")
                case cst.Return():
                    return Left(f"the number is returned in line {line}, and a tensor is something else for the caller")
                case cst.Dict() | cst.List() | cst.Tuple() | cst.Set():
                    return Left(f"the number is stored in line {line}, and a tensor is something else for who reads it")
                case cst.FormattedString():
                    return Left(f"the number becomes text in line {line}")
                case cst.Subscript():
                    return Left(f"the number is an index or the end of a slice in line {line}")
                case cst.Call(func=cst.Name(value="range")):
                    return Left(f"a loop runs as often as the number says in line {line}")
                case cst.Call():
                    return Left(f"{piece.code(above.func)} is given the number in line {line}")
                case cst.Assign() | cst.AugAssign() | cst.AnnAssign():
                    return Left(f"the number is stored in line {line}, and a tensor is something else for who reads it")
                case cst.BaseSmallStatement() | cst.BaseStatement():
                    break
                case _:
                    pass
        return Left(f"the number is needed as one in line {line}")

    def _meets(self, other: Kind, scalar: Scalar, node: cst.CSTNode) -> Left | None:
        """A number and a tensor make a tensor; whether a tensor without dimensions would give it the same dtype."""
        if not other.tensor:
            return Left(f"it is not known what {self.kinds.site.piece.code(node)} is computed with")
        if other.shape == () and other.dtype != scalar.dtype:
            return Left("two tensors without dimensions and of different dtypes would give another dtype")
        if other.shape is None and scalar.dtype == "float64":
            return Left("float64 would spread to tensors without dimensions")
        counts = bool(other.dtype) and not other.dtype.startswith(("float", "bfloat"))
        if counts and not scalar.whole and scalar.dtype != "float32":
            return Left(f"with whole numbers a {scalar.dtype} tensor gives another dtype than a Python float")
        return None

    def _arithmetic(self, node: cst.BaseExpression, above: cst.BinaryOperation, scalar: Scalar) -> Left | None:
        right = above.left is node
        other = self.kinds.of(above.right if right else above.left)
        if other.plain:
            divides = isinstance(above.operator, cst.Divide)
            whole = scalar.whole and not divides and other.dtype != "float"
            dtype = "float32" if scalar.whole and not whole else scalar.dtype
            return self.follow(above, Scalar(whole, dtype))
        return self._meets(other, scalar, node)

    def _compared(self, node: cst.BaseExpression, above: cst.Comparison, scalar: Scalar) -> Left | None:
        if len(above.comparisons) != 1 or not isinstance(above.comparisons[0].operator, _ORDER):
            return self._no(node)
        other = above.left if above.left is not node else above.comparisons[0].comparator
        kind = self.kinds.of(other)
        return self._truth(above) if kind.plain else self._meets(kind, scalar, node)

    def _truth(self, node: cst.BaseExpression) -> Left | None:
        """A comparison of the number with another one: where its answer goes."""
        piece = self.kinds.site.piece
        above = piece.parent(node)
        match above:
            case cst.If(test=test) | cst.Assert(test=test) | cst.IfExp(test=test) if test is node:
                if node not in self.tests:
                    self.tests.append(node)
                return None
            case cst.UnaryOperation(operator=cst.Not()) | cst.BooleanOperation():
                return self._truth(above)
            case cst.IfExp() if above.test is not node:
                return self._truth(above)
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as name)]):
                around = scope(piece, name)
                if len(bindings(piece, around, name.value)) != 1 or not isinstance(around, cst.FunctionDef):
                    return Left(f"{name.value} gets another value elsewhere")
                self.held[name.value] = Value(name.value, "tensor", "bool", ())
                for read in reads(piece, around, name.value):
                    if (why := self._truth(read)) is not None:
                        return why
                return None
            case _:
                pass
        return self._no(node)

    def _assigned(self, name: cst.Name, scalar: Scalar) -> Left | None:
        piece = self.kinds.site.piece
        around = scope(piece, name)
        if len(bindings(piece, around, name.value)) != 1 or not isinstance(around, cst.FunctionDef):
            return Left(f"{name.value} gets another value elsewhere")
        self.named = True
        self.held[name.value] = Value(name.value, "tensor", scalar.dtype, ())
        before = self.kinds.bound.get(name.value)
        self.kinds.bind(name.value, Kind("number", "int" if scalar.whole else "float"))
        found = reads(piece, around, name.value)
        if not found:
            return Left(f"{name.value} is not used")
        for read in found:
            if scope(piece, read) is not around:
                return Left(f"{name.value} is used by a function inside")
            why = self.follow(read, scalar)
            if why is not None:
                return why
        if before is not None:
            self.kinds.bind(name.value, before)
        return None

    def _called(self, node: cst.BaseExpression, arg: cst.Arg, call: cst.Call, scalar: Scalar) -> Left | None:
        piece = self.kinds.site.piece
        name = functional(piece.source, call.func)
        written = self.kinds.names.dotted(piece.code(call.func))
        if written in ("max", "min") and len(call.args) == 2 and not any(a.star or a.keyword for a in call.args):
            return self._bound(node, call, written, scalar)
        if written == "abs" and len(call.args) == 1:
            return self.follow(call, scalar)
        if written == "float" and len(call.args) == 1 and not scalar.whole:
            self.parts[call] = self._text(node)
            return self.follow(call, scalar)
        if written.startswith("math.") and written[5:] in _MATH and len(call.args) == 1:
            self.parts[call] = f"{self.torch}.{written[5:]}({self._text(node)})"
            return self.follow(call, replace(scalar, whole=False, dtype="float32" if scalar.whole else scalar.dtype))
        owner = call.func.value if isinstance(call.func, cst.Attribute) and not name else None
        method = name or (call.func.attr.value if isinstance(call.func, cst.Attribute) else "")
        others = [a.value for a in call.args if a is not arg] + ([owner] if owner is not None else [])
        tensors = [self.kinds.of(one) for one in others]
        first = next((one for one in tensors if one.tensor and not one.truth), None)
        if method.rstrip("_") in _BOUNDS and first is not None:
            if any(one.plain for one in tensors):
                return Left("the other bound is a number, and clamp takes two numbers or two tensors")
            return self._meets(first, scalar, node)
        if method.rstrip("_") in _TAKES and first is not None:
            return self._meets(first, scalar, node)
        return self._no(node)

    def _bound(self, node: cst.BaseExpression, call: cst.Call, which: str, scalar: Scalar) -> Left | None:
        first = call.args[0].value is node
        other = call.args[1 if first else 0].value
        kind = self.kinds.of(other)
        if not kind.plain or (scalar.whole and kind.dtype != "int"):
            return self._no(node)
        if not first and not scalar.whole:
            self.caveat = f"where the number is NaN the result is NaN, and not {self.kinds.site.piece.code(other)}."
        bound = "min" if which == "max" else "max"
        text = operand(self.kinds.site.piece, node, self._text(node))
        self.parts[call] = f"{text}.clamp({bound}={self.kinds.site.piece.code(other)})"
        return self.follow(call, scalar)

    def _text(self, node: cst.CSTNode) -> str:
        return spliced(self.kinds.site.piece, node, self.parts)

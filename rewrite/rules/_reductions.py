"""Reductions of selected elements, written for whole tensors and a mask."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.model import Left
from g2.rewrite.rules._full_size import FullSize
from g2.rewrite.rules._pointwise import Form
from g2.rewrite.rules._qualified import argument, functional
from g2.rewrite.rules._selection import Selection
from g2.rewrite.rules._spliced import operand, spliced

_ZERO_LOSSES = frozenset(("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"))  # zero where both arguments are
_LOSSES = _ZERO_LOSSES | {"binary_cross_entropy", "binary_cross_entropy_with_logits"}
_WEAK = (
    cst.BinaryOperation, cst.UnaryOperation, cst.Attribute, cst.Subscript, cst.Comparison, cst.ComparisonTarget,
    cst.Call,
)  # fmt: skip
_COUNTS = "how many elements are selected is used as a Python number"


class Reductions:
    """`caveat`: in which way the last texts may differ from what they replace; empty where they do not."""

    def __init__(self, full: FullSize, picked: Selection) -> None:
        self.full, self.piece, self.kinds = full, full.piece, full.kinds
        self.first = picked.first
        self.caveat = ""

    def used(self, top: cst.BaseExpression) -> tuple[cst.CSTNode, str] | Left:
        """The expression that uses a part up, and its new text."""
        above = self.piece.parent(top)
        if isinstance(above, cst.Attribute) and above.value is top:
            call = self.piece.parent(above)
            if isinstance(call, cst.Call) and call.func is above:
                return self._method(top, above.attr.value, call, list(call.args))
            return Left(_COUNTS) if above.attr.value == "shape" else self._other(top)
        if isinstance(above, cst.Arg):
            call = self.piece.parent(above)
            if isinstance(call, cst.Call):
                name = functional(self.piece.source, call.func)
                if name in _LOSSES:
                    return self._loss(call, name)
                if name == "cross_entropy":
                    return self._cross_entropy(call)
                if call.args and call.args[0].value is top:
                    if isinstance(call.func, cst.Name) and call.func.value == "len":
                        return Left(_COUNTS)
                    return self._method(top, name, call, list(call.args[1:]))
        return self._other(top)

    def _other(self, top: cst.BaseExpression) -> Left:
        line = self.piece.span(top).line
        return Left(f"the selected elements themselves are needed in line {line}: {self.piece.code(top)}")

    def _method(
        self, top: cst.BaseExpression, name: str, call: cst.Call, rest: list[cst.Arg]
    ) -> tuple[cst.CSTNode, str] | Left:
        if name in ("numel", "size", "nelement", "dim"):
            return Left(_COUNTS)
        if name not in ("sum", "mean", "any", "all", "norm", "max", "min", "amax", "amin"):
            return self._other(top)
        dim = self._dim(rest)
        if isinstance(dim, Left):
            return dim
        form = self.full.form(top)
        if form is None:
            return self._other(top)
        truth = top is self.first.node and self.kinds.of(self.first.tensor).truth
        if name in ("any", "all"):
            if not (truth or isinstance(top, cst.Comparison)):
                return self._other(top)
            joined = f"& {self._mask()}" if name == "any" else f"| ~{self._mask()}"
            return call, f"({self._strong(top)} {joined}).{name}({dim})"
        if name in ("max", "min", "amax", "amin"):
            return self._extreme(top, name, call, dim)
        if name == "norm" and (dim or rest):
            return self._other(top)
        if name == "mean":
            return self._mean(top, form, call, dim)
        return call, f"{self._zeroed(top, form)}.{name}({dim})"

    def _mean(
        self, top: cst.BaseExpression, form: Form, call: cst.Call, dim: str
    ) -> tuple[cst.CSTNode, str] | Left:
        if self.kinds.of(self.first.tensor).dtype == "float16":
            return Left("in half precision the sum may overflow where the mean does not")
        count = self._count(bool(dim))
        if isinstance(count, Left):
            return count
        return call, self._quotient(call, f"{self._zeroed(top, form)}.sum({dim})", count)

    def _extreme(
        self, top: cst.BaseExpression, name: str, call: cst.Call, dim: str
    ) -> tuple[cst.CSTNode, str] | Left:
        if dim and name in ("max", "min"):
            return self._other(top)
        if not self.kinds.of(self.first.tensor).dtype.startswith(("float", "bfloat")):
            return Left("a maximum of whole numbers has no number that stands for none")
        end = "-" if name in ("max", "amax") else ""
        self.caveat = f"where the mask selects nothing the result is {end}inf, where it was an error."
        fill = f"{end}{self.full.torch}.inf"
        return call, f"{self.full.where(top, fill, self.full.selectable(top))}.{name}({dim})"

    def _loss(self, call: cst.Call, name: str) -> tuple[cst.CSTNode, str] | Left:
        a, b = argument(call, 0, "input"), argument(call, 1, "target")
        known = [self.full.form(one) for one in (a, b) if one is not None]
        extra = [arg for arg in call.args if arg.value not in (a, b)]
        reduction = next((arg for arg in extra if arg.keyword is not None and arg.keyword.value == "reduction"), None)
        how = "'mean'" if reduction is None else self.piece.code(reduction.value).replace('"', "'")
        if a is None or b is None or len(known) != 2 or not all(one is not None and one.leaf for one in known):
            return self._other(a or call)
        if how not in ("'mean'", "'sum'") or any(
            arg.keyword is None or arg.keyword.value not in ("reduction", "beta", "delta") for arg in extra
        ):
            return Left(f"{name} is called with other options")
        if how == "'mean'" and self.kinds.of(self.first.tensor).dtype == "float16":
            return Left("in half precision the sum may overflow where the mean does not")
        options = "".join(f", {self.piece.code(arg)}".rstrip(", ") for arg in extra if arg is not reduction)
        function = self.piece.code(call.func)
        inside = ", ".join((self.full.held(a, "0"), self.full.held(b, "0"))) + options
        if name in _ZERO_LOSSES and all(one is not None and one.zero for one in known):
            text = f'{function}({inside}, reduction="sum")'
        else:
            text = f'{self.full.torch}.where({self._mask()}, {function}({inside}, reduction="none"), 0).sum()'
        if how == "'sum'":
            return call, text
        count = self._count(False)
        return count if isinstance(count, Left) else (call, self._quotient(call, text, count))

    def _cross_entropy(self, call: cst.Call) -> tuple[cst.CSTNode, str] | Left:
        """Labels of elements that are not selected become -100, which cross_entropy ignores."""
        return Left("cross_entropy of selected rows: give it labels that are -100 where the mask is false")

    def _zeroed(self, top: cst.BaseExpression, form: Form) -> str:
        text = self.full.zeroed(top)
        weak = form.zero and not form.linear and isinstance(top, (cst.BinaryOperation, cst.UnaryOperation))
        return f"({text})" if weak else text

    def _strong(self, node: cst.BaseExpression) -> str:
        return operand(self.piece, node, spliced(self.piece, node, self.full.leaves))

    def _mask(self) -> str:
        mask = self.full.mask
        return f"({mask})" if isinstance(self.first.mask, (cst.Comparison, cst.BinaryOperation)) else mask

    def _count(self, one_dimension: bool) -> str | Left:
        count = f"{operand(self.piece, self.first.mask)}.sum()"
        others = self.first.before + (self.first.behind or 0)
        if others == 0 or one_dimension:
            return count
        if others > 1:
            return Left("the mean runs over several more dimensions than the mask has")
        dim = 0 if self.first.before else -1
        return f"({count} * {operand(self.piece, self.first.tensor)}.shape[{dim}])"

    def _quotient(self, call: cst.Call, over: str, under: str) -> str:
        text = f"{over} / {under}"
        return f"({text})" if isinstance(self.piece.parent(call), _WEAK) else text

    def _dim(self, rest: list[cst.Arg]) -> str | Left:
        """The dimensions to reduce, as arguments: the mask's, or all when none is named."""
        if not rest:
            return ""
        arg = rest[0]
        named = arg.keyword is None or arg.keyword.value in ("dim", "axis")
        written = self.piece.code(arg.value)
        if len(rest) > 1 or not named or not written.lstrip("-").isdigit():
            return Left("the reduction has options of its own")
        behind = self.first.behind or 0
        if int(written) not in ([self.first.before] + ([-1] if behind == 0 else [])):
            return Left("it is reduced along another dimension than the mask's")
        shape = self.kinds.of(self.first.mask).shape
        if self.first.before == behind == 0:
            return ""
        if shape is None or len(shape) != 1:
            return Left("it is not known that the mask has one dimension")
        return self.piece.code(arg)

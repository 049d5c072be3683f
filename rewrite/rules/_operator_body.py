"""A message (print, log record, warning) as the body of an operator: which values it needs, and of which types."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field

import libcst as cst

from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._spliced import spliced

_READS = frozenset({"item", "tolist", "numpy"})  # give a tensor's value to Python
_TO_TEXT = frozenset(
    {"str", "repr", "format", "ascii", "round", "int", "float", "bool", "abs", "min", "max", "sum", "sorted", "list"}
    | {"tuple", "dict", "set", "hex"}
)
_TYPES = {"tensor": "Tensor", "bool": "bool", "str": "str"}
_OF_TENSORS = {"dtype": "dtype", "device": "device"}
_OUTSIDE = ("time.", "datetime.", "os.", "random.")
_REFUSED = (cst.Lambda, cst.NamedExpr, cst.Await, cst.Yield, cst.CompFor, cst.StarredElement)
_CONTAINERS = (cst.Tuple, cst.List, cst.ConcatenatedString)
_COMPOUND = (cst.BinaryOperation, cst.UnaryOperation, cst.IfExp, cst.Comparison, cst.BooleanOperation, *_CONTAINERS)


class NotTaken(Exception):
    """A value that no operator takes; str() is a clause."""


@dataclass(slots=True)
class Parameter:
    """One value handed to the operator: its name there, its annotation ("Tensor", "int"), how the caller writes it."""

    name: str
    annotation: str
    argument: str
    grad: bool = False  # a tensor that requires gradients and is shown as it is, with its grad_fn


@dataclass(slots=True)
class OperatorBody:
    """`text`: the call as it stands in the operator; `parameters` in the order in which they occur."""

    text: str
    parameters: list[Parameter] = field(default_factory=list[Parameter])


class Taker:
    """Takes a call apart into what can stay in an operator's body and what has to be handed to it.

    locals_: names that belong to the functions around; unsteady: names of the file that get other values as it runs.
    """

    def __init__(self, kinds: Kinds, locals_: frozenset[str], unsteady: frozenset[str]) -> None:
        self.kinds = kinds
        self.piece = kinds.site.piece
        self.foreign = locals_ | unsteady
        self.found: dict[str, Parameter] = {}
        self.parts: dict[cst.CSTNode, str] = {}
        self.kept: set[str] = set()  # names that may stay in the body

    def take(self, call: cst.Call) -> OperatorBody:
        """Raises NotTaken."""
        if not dotted(call.func) or not self._same_anywhere(call.func):
            raise NotTaken(f"`{self._code(call.func)}` is not known at the top of the file")
        names = [one for one in nodes(call) if isinstance(one, cst.Name) and self._is_variable(one)]
        self.kept = {one.value for one in names} - self.foreign
        for argument in call.args:
            if argument.star:
                raise NotTaken(f"`{self._code(argument)}` is unpacked")
            self._take(argument.value, shown=True)
        return OperatorBody(spliced(self.piece, call, self.parts), list(self.found.values()))

    def _take(self, node: cst.BaseExpression, shown: bool = False) -> None:
        if isinstance(node, _REFUSED):
            raise NotTaken(f"`{self._code(node)}` can't be moved")
        if self._same_anywhere(node):
            return
        handed = self._handed(node, shown)
        if handed is not None:
            name = self._parameter(node, *handed)
            self.parts[node] = f"{self.kinds.names.torch}.Size({name})" if handed[0] == "list[int]" else name
        elif isinstance(node, cst.FormattedString):
            self._format(node)
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and self._method(node.func):
            for inner in (node.func.value, *(argument.value for argument in node.args)):
                self._take(inner)
        elif isinstance(node, cst.Call) and dotted(node.func) in _TO_TEXT - self.foreign:
            for argument in node.args:
                self._take(argument.value, shown)
        elif isinstance(node, _COMPOUND):
            for part in _below(node):
                self._take(part, shown and isinstance(node, _CONTAINERS))
        else:
            raise NotTaken(f"what `{self._code(node)}` holds can't be handed to an operator")

    def _handed(self, node: cst.BaseExpression, shown: bool) -> tuple[str, bool] | None:
        """Annotation of a value that is computed before the operator, and whether it is a tensor shown with grad_fn."""
        if isinstance(node, cst.Attribute) and node.attr.value == "__name__":
            return "str", False
        if isinstance(node, cst.Attribute) and node.attr.value in _OF_TENSORS and self.kinds.of(node.value).tensor:
            return _OF_TENSORS[node.attr.value], False
        if self._reads(node):
            return None
        kind = self.kinds.of(node)
        if kind.name == "number" and kind.dtype in ("int", "float"):
            made = isinstance(node, cst.Call) and dotted(node.func) in _TO_TEXT
            return None if made else (kind.dtype, False)
        if kind.name == "Size":
            return "list[int]", False
        if kind.name in _TYPES and not isinstance(node, (cst.FormattedString, cst.ConcatenatedString)):
            return _TYPES[kind.name], kind.tensor and kind.grad and shown
        return None

    def _format(self, node: cst.FormattedString) -> None:
        for part in node.parts:
            if not isinstance(part, cst.FormattedStringExpression):
                continue
            if part.equal is not None:
                raise NotTaken("an f-string with `=` shows how its values are written")
            inner = part.expression
            single = self.kinds.of(inner).shape == ()  # such a tensor is shown as its number
            self._take(inner, shown=not single or part.conversion is not None)
            for spec in part.format_spec or ():
                if isinstance(spec, cst.FormattedStringExpression):
                    self._take(spec.expression)

    def _method(self, func: cst.Attribute) -> bool:
        owner, name = func.value, func.attr.value
        if name in _READS:
            return self.kinds.of(owner).tensor
        return name in ("format", "join") and self.kinds.of(owner).name == "str"

    def _same_anywhere(self, node: cst.CSTNode) -> bool:
        """Whether the expression means the same at the top of the file: no local name, no name that changes."""
        return not any(
            isinstance(one, _REFUSED)
            or (isinstance(one, cst.Name) and one.value in self.foreign and self._is_variable(one))
            for one in nodes(node)
        )

    def _is_variable(self, name: cst.Name) -> bool:
        above = self.piece.parent(name)
        if isinstance(above, cst.Attribute):
            return above.value is name
        return not (isinstance(above, cst.Arg) and above.keyword is name)

    def _reads(self, node: cst.CSTNode) -> bool:
        """Whether computing it gives a tensor's value to Python, or asks something outside, such as a clock."""
        for one in nodes(node):
            if not isinstance(one, cst.Call):
                continue
            name = dotted(one.func)
            if isinstance(one.func, cst.Attribute) and one.func.attr.value in _READS:
                return True
            if name in ("int", "float", "bool", "str", "repr", "format") and one.args:
                if self.kinds.of(one.args[0].value).tensor:
                    return True
            elif name.startswith(_OUTSIDE) and self._same_anywhere(one.func):
                return True
        return False

    def _parameter(self, node: cst.BaseExpression, annotation: str, grad: bool) -> str:
        text = self._code(node)
        known = self.found.get(text)
        if known is not None and isinstance(node, (cst.Name, cst.Attribute)):
            known.grad = known.grad or grad
            return known.name
        name = self._named(node)
        self.found[text if known is None else f"{text} {name}"] = Parameter(name, annotation, text, grad)
        return name

    def _named(self, node: cst.BaseExpression) -> str:
        match node:
            case cst.Name(value=wish):
                pass
            case cst.Attribute(attr=cst.Name(value=wish)):
                wish = "name" if wish == "__name__" else wish
            case cst.Call(func=cst.Name(value="len")):
                wish = "length"
            case cst.Call(func=cst.Attribute(attr=cst.Name(value=wish)) | cst.Name(value=wish)):
                pass
            case cst.Subscript():
                wish = "size" if self.kinds.of(node).plain else "part"
            case _:
                wish = "value"
        wish = wish.strip("_")
        wish = "value" if not wish or hasattr(builtins, wish) else wish
        taken = {one.name for one in self.found.values()} | self.kept
        name, number = wish, 2
        while name in taken:
            name, number = f"{wish}_{number}", number + 1
        return name

    def _code(self, node: cst.CSTNode) -> str:
        return " ".join(self.piece.code(node).split())


def _below(node: cst.CSTNode) -> list[cst.BaseExpression]:
    """The expressions that a node is made of."""
    found: list[cst.BaseExpression] = []
    for child in node.children:
        found += [child] if isinstance(child, cst.BaseExpression) else _below(child)
    return found

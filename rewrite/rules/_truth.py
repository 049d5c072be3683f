"""The truth of an expression as a tensor of dtype bool: what `if` would have asked in Python."""

from __future__ import annotations

from dataclasses import dataclass, replace

import libcst as cst

from g2.rewrite.rules._answers import as_tensor
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._names import bindings

_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.Integer, cst.Float, cst.SimpleString, cst.List)
_OPPOSITE: dict[type[cst.BaseCompOp], str] = {cst.Equal: "!=", cst.NotEqual: "=="}


@dataclass(frozen=True, slots=True)
class Truth:
    """`text` gives a bool tensor when `test` holds, or is false where `swapped`.

    python: conditions on plain Python values that must hold for the tensor to be asked at all (`python and tensor`);
    instead: those of which one decides alone (`python or tensor`). All are without effects.
    """

    text: str
    swapped: bool = False
    python: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    tight: bool = False  # needs no parentheses beside an operator
    loose: str = ""  # the name that `text` makes a tensor of, as it is a Python bool on some ways
    sign: str = ""  # the operator that joins its parts, "&" or "|"

    @property
    def mixed(self) -> bool:
        return bool(self.python or self.instead)

    def negated(self) -> str:
        """Text that is true where the test is false. Only for one that is not mixed."""
        if self.swapped:
            return self.text
        return f"~{self.text}" if self.tight else f"~({self.text})"

    def plain(self) -> str:
        """Text that is true where the test is true. Only for one that is not mixed."""
        if not self.swapped:
            return self.text
        return f"~{self.text}" if self.tight else f"~({self.text})"


def truth(test: cst.BaseExpression, kinds: Kinds) -> Truth | None:
    """None where the test has no such form: neither a tensor nor a Python value for certain."""
    if isinstance(test, cst.BooleanOperation):
        return _both(test, kinds)
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        inner = truth(test.expression, kinds)
        if inner is None or inner.mixed:
            return None
        return replace(inner, swapped=not inner.swapped)
    if isinstance(test, cst.Call):
        answer = as_tensor(test, kinds)
        if answer is not None:
            return Truth(answer, tight=True)
    if isinstance(test, cst.Comparison) and kinds.of(test).tensor:
        return _compared(test, kinds)
    kind = kinds.of(test)
    if isinstance(test, cst.Name) and kind.name == "bool" and _tensor_too(test.value, kinds):
        return Truth(f"{kinds.names.torch}.as_tensor({test.value})", tight=True, loose=test.value)
    if not kind.tensor:
        return None
    text = bare(test, kinds)
    if isinstance(test, cst.Name) and kind.shape == () and _python_too(test.value, kinds):
        return Truth(f"{kinds.names.torch}.as_tensor({text})", tight=True, loose=text)
    tight = isinstance(test, _ATOMS)
    if kind.shape is not None and kind.shape != ():
        if any(size != 1 for size in kind.shape):
            return None
        text, tight = f"{text if tight else f'({text})'}.squeeze()", True
    if kind.truth:
        return Truth(text, tight=tight)
    return Truth(f"{text if tight else f'({text})'}.bool()", tight=True)


def bare(node: cst.BaseExpression, kinds: Kinds) -> str:
    """An expression as written, on one line where it is short, without parentheses around the whole."""
    text = kinds.site.piece.code(node)
    for _ in node.lpar:
        if text.startswith("(") and text.endswith(")") and _whole(text[1:-1].strip()):
            text = text[1:-1].strip()
    return text


def _whole(text: str) -> bool:
    """Whether it is an expression: `(a) > (b)` without its first and last character is none."""
    try:
        cst.parse_expression(text)
    except cst.ParserSyntaxError:
        return False
    return True


def grouped(node: cst.BaseExpression, kinds: Kinds) -> str:
    """As written, with parentheses where another operator would take it apart."""
    text = bare(node, kinds)
    return text if isinstance(node, (*_ATOMS, cst.Tuple)) else f"({text})"


def flipped(test: cst.BaseExpression, kinds: Kinds) -> str | None:
    """The opposite of a comparison by == or !=, which alone have one when NaN is about."""
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        only = test.comparisons[0]
        sign = _OPPOSITE.get(type(only.operator))
        if sign:
            return f"{kinds.site.piece.code(test.left)} {sign} {kinds.site.piece.code(only.comparator)}"
    return None


def _compared(test: cst.Comparison, kinds: Kinds) -> Truth | None:
    operands = [test.left, *(one.comparator for one in test.comparisons)]
    if len(operands) == 2:
        shape = kinds.of(test).shape
        text = bare(test, kinds)
        if shape is not None and shape != ():
            return Truth(f"({text}).squeeze()", tight=True) if all(size == 1 for size in shape) else None
        return Truth(text)
    if not all(isinstance(operand, (cst.Name, cst.Attribute, cst.Integer, cst.Float)) for operand in operands[1:-1]):
        return None
    code = kinds.site.piece.code
    parts, python = [], []
    for left, one in zip(operands, test.comparisons, strict=False):
        operator = cst.Module([]).code_for_node(one.operator).strip()
        text = f"{code(left)} {operator} {code(one.comparator)}"
        if kinds.of(left).tensor or kinds.of(one.comparator).tensor:
            parts.append(f"({text})")
        else:
            python.append(text)
    if not parts or (python and not (kinds.of(operands[0]).plain or kinds.of(operands[-1]).plain)):
        return None
    text = " & ".join(parts) if len(parts) > 1 else parts[0][1:-1]
    return Truth(text, python=tuple(python), sign="&" if len(parts) > 1 else "")


def _both(test: cst.BooleanOperation, kinds: Kinds) -> Truth | None:
    conjunction = isinstance(test.operator, cst.And)
    parts = _chain(test, type(test.operator))
    python: list[str] = []
    tensors: list[Truth] = []
    for part in parts:
        found = truth(part, kinds)
        if found is not None and not found.mixed:
            tensors.append(found)
        elif found is None and _python(part, kinds):
            if tensors and not _harmless(part):
                return None
            python.append(kinds.site.piece.code(part))
        else:
            return None
    if not tensors:
        return None
    if len(tensors) == 1:
        one = tensors[0]
        if conjunction:
            return replace(one, python=tuple(python))
        return replace(one, instead=tuple(python))
    sign, swapped = "&" if conjunction else "|", False
    if all(found.swapped for found in tensors):  # not a and not b: neither a nor b
        sign, swapped = "|" if conjunction else "&", True
        tensors = [replace(found, swapped=False) for found in tensors]
    text = f" {sign} ".join(_operand(found, sign) for found in tensors)
    if conjunction:
        return Truth(text, swapped, python=tuple(python), sign=sign)
    return Truth(text, swapped, instead=tuple(python), sign=sign)


def _python_too(name: str, kinds: Kinds) -> bool:
    """Whether the function also gives the name a Python bool somewhere, as in `skip = False`."""
    for value in _given(name, kinds):
        if isinstance(value, cst.Name) and value.value in ("True", "False"):
            return True
        if isinstance(value, cst.UnaryOperation) and isinstance(value.operator, cst.Not):
            return True
        if isinstance(value, cst.BooleanOperation) and kinds.of(value).name == "unknown":
            return True
    return False


def _tensor_too(name: str, kinds: Kinds) -> bool:
    """Whether a Python bool is a tensor on other ways, as in `ok = strict and (x > 0).all()`."""
    return any(
        isinstance(value, cst.BooleanOperation)
        and any(kinds.of(part).tensor for part in _chain(value, type(value.operator)))
        for value in _given(name, kinds)
    )


def _given(name: str, kinds: Kinds) -> list[cst.BaseExpression]:
    """What the function gives a name."""
    piece, found = kinds.site.piece, []
    for one in bindings(piece, piece.module, name):
        above = piece.parent(one)
        assign = piece.parent(above) if isinstance(above, cst.AssignTarget) else above
        value = assign.value if isinstance(assign, (cst.Assign, cst.AnnAssign)) else None
        if isinstance(assign, cst.Param):
            value = assign.default
        if value is not None:
            found.append(value)
    return found


def _operand(found: Truth, sign: str) -> str:
    if found.swapped or found.tight or found.sign == sign:
        return found.plain()
    return f"({found.text})"


def _chain(test: cst.BaseExpression, operator: type[cst.BaseBooleanOp]) -> list[cst.BaseExpression]:
    if isinstance(test, cst.BooleanOperation) and isinstance(test.operator, operator):
        return [*_chain(test.left, operator), *_chain(test.right, operator)]
    return [test]


def _python(node: cst.BaseExpression, kinds: Kinds) -> bool:
    """Whether its truth is Python's own: nothing in it is a tensor whose value would be asked."""
    kind = kinds.of(node)
    if isinstance(node, cst.BooleanOperation):
        return _python(node.left, kinds) and _python(node.right, kinds)
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
        return _python(node.expression, kinds)
    return kind.name not in ("tensor", "unknown")


def _harmless(node: cst.BaseExpression) -> bool:
    """Whether it may be asked earlier than it stands: names, attributes and comparisons of them."""
    return not any(isinstance(child, (cst.Call, cst.Subscript)) for child in _all(node))


def _all(node: cst.CSTNode) -> list[cst.CSTNode]:
    return [node, *(below for child in node.children for below in _all(child))]


"""What an annotation says of a value."""

from __future__ import annotations

import ast
from collections.abc import Callable

from g2.explain.scan.values import (
    ARRAY,
    NONE,
    NUMBER,
    OTHER,
    TENSOR,
    TEXT,
    UNKNOWN,
    Value,
    instance,
    join,
    ordered,
    tupled,
    wrapped,
)

_TENSORS = frozenset(
    {"Tensor", "FloatTensor", "LongTensor", "IntTensor", "HalfTensor", "DoubleTensor", "TensorType", "Parameter"}
)
_SIMPLE: dict[str, Value] = {
    "int": NUMBER,
    "float": NUMBER,
    "bool": NUMBER,
    "complex": NUMBER,
    "str": TEXT,
    "bytes": TEXT,
    "None": NONE,
    "ndarray": ARRAY,
    "Callable": OTHER,
    "Any": UNKNOWN,
    "object": UNKNOWN,
    "dtype": OTHER,
    "device": OTHER,
    "Generator": instance("torch.Generator"),
    "Optimizer": instance("optimizer"),
    "Number": NUMBER,
    "BoolTensor": frozenset({"tb"}),
    "Size": frozenset({("L", NUMBER)}),
}
_LISTS = frozenset({"list", "List", "Sequence", "Iterable", "Iterator", "Collection", "Set", "set", "ModuleList"})
_DICTS = frozenset({"dict", "Dict", "Mapping", "OrderedDict", "DefaultDict", "MutableMapping"})
_KNOWN: dict[str, Value] = {
    **dict.fromkeys(_DICTS, frozenset({("D", UNKNOWN)})),
    **dict.fromkeys({*_LISTS, "tuple", "Tuple"}, frozenset({("L", UNKNOWN)})),
    **_SIMPLE,
    **dict.fromkeys(_TENSORS, TENSOR),
}
# jaxtyping: Float[Tensor, "b n"]
_SHAPED = frozenset(
    {"Float", "Int", "Bool", "Shaped", "Num", "Complex", "UInt", "Annotated", "Final", "ClassVar", "Unpack"}
)


def annotation(node: ast.expr | None, resolve: Callable[[ast.expr], Value], depth: int = 0) -> Value | None:
    """The value that an annotation promises; None where there is none, or it says nothing."""
    if node is None or depth > 6:
        return None
    if isinstance(node, (ast.Name, ast.Attribute)):
        return _name(node, resolve)
    if isinstance(node, ast.Constant):
        if node.value is None:
            return NONE
        if isinstance(node.value, str):
            try:
                return annotation(ast.parse(node.value, mode="eval").body, resolve, depth + 1)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None
        return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _either([node.left, node.right], resolve, depth)
    if isinstance(node, ast.Subscript):
        return _subscript(node, resolve, depth)
    return None


def _name(node: ast.Name | ast.Attribute, resolve: Callable[[ast.expr], Value]) -> Value | None:
    found = _KNOWN.get(node.id if isinstance(node, ast.Name) else node.attr)
    if found is not None:
        return found
    value = resolve(node)
    if isinstance(value, frozenset):
        for atom in ordered(value):
            if isinstance(atom, tuple) and atom[0] == "X":
                return instance(atom[1])
        return None
    return ("a", value)  # an instance, when it is a class of what is scanned


def _either(nodes: list[ast.expr], resolve: Callable[[ast.expr], Value], depth: int) -> Value | None:
    values = [annotation(each, resolve, depth + 1) for each in nodes]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        known.append(UNKNOWN)
    return join(*known) if known else None


def _subscript(node: ast.Subscript, resolve: Callable[[ast.expr], Value], depth: int) -> Value | None:
    head = node.value
    last = head.id if isinstance(head, ast.Name) else head.attr if isinstance(head, ast.Attribute) else ""
    inside = node.slice
    parts = list(inside.elts) if isinstance(inside, ast.Tuple) else [inside]
    if last == "Optional":
        return _either([inside, ast.Constant(None)], resolve, depth)
    if last == "Union":
        return _either(parts, resolve, depth)
    if last == "Literal":
        return frozenset({"o"})
    if last == "Bool":
        inner = annotation(parts[0], resolve, depth + 1)
        return frozenset({"tb"}) if inner == TENSOR else inner
    if last in _SHAPED:
        return annotation(parts[0], resolve, depth + 1) if parts else None
    if last == "Callable":
        return OTHER
    if last in _LISTS:
        return wrapped("L", annotation(parts[0], resolve, depth + 1) or UNKNOWN) if parts else None
    if last in _DICTS:
        return wrapped("D", annotation(parts[-1], resolve, depth + 1) or UNKNOWN) if len(parts) > 1 else None
    if last in {"tuple", "Tuple"}:
        if len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is Ellipsis:
            return wrapped("L", annotation(parts[0], resolve, depth + 1) or UNKNOWN)
        return tupled(tuple(annotation(part, resolve, depth + 1) or UNKNOWN for part in parts))
    return None

"""NumPy calls on plain numbers, and how Python writes the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import nodes, reads, scope
from g2.rewrite.rules._origin import origins
from g2.rewrite.site import Site
from g2.rewrite.source import Piece, Source

# One number: NumPy's name, Python's way to write it, whether it raises where NumPy gives nan or inf.
_ONE = {
    "sqrt": ("math.sqrt({})", True),
    "log": ("math.log({})", True),
    "log2": ("math.log2({})", True),
    "log10": ("math.log10({})", True),
    "exp": ("math.exp({})", False),
    "sin": ("math.sin({})", False),
    "cos": ("math.cos({})", False),
    "tanh": ("math.tanh({})", False),
    "abs": ("abs({})", False),
    "absolute": ("abs({})", False),
    "ceil": ("float(math.ceil({}))", False),
    "floor": ("float(math.floor({}))", False),
}
_MANY = {  # several numbers, or one sequence of numbers
    "lcm": "math.lcm({})",
    "gcd": "math.gcd({})",
    "maximum": "max({})",
    "minimum": "min({})",
}
_SEQUENCE = {
    "prod": "math.prod({})",
    "sum": "sum({})",
    "max": "max({})",
    "min": "min({})",
    "amax": "max({})",
    "amin": "min({})",
    "lcm.reduce": "math.lcm(*{})",
    "gcd.reduce": "math.gcd(*{})",
    "all": "all({})",
    "any": "any({})",
}
_OWN = frozenset({"item", "astype", "dtype", "shape", "tolist", "reshape", "ndim", "size"})
_SIZES = frozenset({"size", "numel", "dim", "__len__"})


def proposals(site: Site) -> Iterator[Proposal | Left]:
    """What a rule says of the place."""
    found: list[tuple[Piece, cst.Call]] = []
    for piece, node in origins(site.piece, _asked(site)):
        alias = _alias(piece.source)
        if alias:
            found += [
                (piece, one)
                for one in nodes(node)
                if isinstance(one, cst.Call)
                and dotted(one.func).startswith(f"{alias}.")
                and not dotted(one.func).startswith(f"{alias}.random.")
                and (piece, one) not in found
            ]
    if not found:
        if site.target.reason == "numpy-on-numbers":
            yield Left("the NumPy call that the number comes from was not found in this file")
        return
    edits: dict[str, list[Edit]] = {}
    raises = escapes = math = False
    for piece, call in _outermost(found):
        said = _rewritten(site, piece, call)
        if isinstance(said, str):
            yield Left(said)
            return
        edit, text, domain = said
        if edit not in edits.setdefault(piece.source.path, []):
            edits[piece.source.path].append(edit)
        math = math or "math." in text
        raises = raises or domain
        escapes = escapes or _escapes(piece, call)
    if math and any(_taken(site.read(path) if path != site.source.path else site.source) for path in edits):
        yield Left("`math` means something else in this file")
        return
    caveat = ""
    if raises:
        caveat = "where NumPy warns and gives nan or inf (a negative number, zero), Python raises ValueError"
    elif escapes:
        caveat = "the function returns a Python number where it returned one of NumPy"
    yield Proposal(
        rule="",
        summary="the number is computed with Python's own arithmetic, which Dynamo does while it traces",
        safety=Safety.ASK if caveat else Safety.SAFE,
        files=tuple(
            FileEdits(path, tuple(sorted(some)), ("import math",) if math else ()) for path, some in edits.items()
        ),
        caveat=caveat,
        differs=frozenset({"number-type"}),
    )


def _asked(site: Site) -> cst.CSTNode:
    """What decides or is computed at the place: the test of an `if`, else the expression or simple statement."""
    node = site.node
    if isinstance(node, (cst.If, cst.While)):
        return node.test
    if isinstance(node, cst.BaseCompoundStatement):
        return cst.Pass()
    return node


def _outermost(found: list[tuple[Piece, cst.Call]]) -> Iterator[tuple[Piece, cst.Call]]:
    calls = {id(call) for _, call in found}
    for piece, call in found:
        if not any(id(above) in calls for above in piece.ancestors(call)):
            yield piece, call


def _rewritten(site: Site, piece: Piece, call: cst.Call) -> tuple[Edit, str, bool] | str:
    """The edit, its text and whether the new call may raise; or a clause that says why not."""
    made = _text(site, piece, call)
    if made is None:
        return f"`{piece.short(call)}` has no counterpart for plain numbers"
    text, domain = made
    target: cst.CSTNode = call
    above = piece.parent(piece.parent(call) or call)
    whole = text.removeprefix("float(").removesuffix(")")
    if text.startswith("float(math.") and isinstance(above, cst.Call) and dotted(above.func) == "int":
        target, text = above, whole
    for name in _results(piece, call):
        for read in reads(piece, scope(piece, call), name):
            used = piece.parent(read)
            if isinstance(used, cst.Attribute) and used.value is read and used.attr.value in _OWN:
                return f"`{name}.{used.attr.value}` needs a number of NumPy"
    used = piece.parent(call)
    if isinstance(used, cst.Attribute):
        return f"`{piece.short(used)}` needs a number of NumPy"
    return piece.replace(target, text), text, domain


def _text(site: Site, piece: Piece, call: cst.Call) -> tuple[str, bool] | None:
    name = dotted(call.func).partition(".")[2]
    values = [argument.value for argument in call.args]
    if not values or any(argument.keyword or argument.star for argument in call.args):
        return None
    kinds = Kinds(site) if piece is site.piece else None
    texts = []
    for value in values:
        if kinds is not None and kinds.of(value).name in ("tensor", "array") and not _from_numpy(piece, value):
            return None
        if _array(value):
            return None
        texts.append(_inner(site, piece, value))
    if name in _ONE and len(values) == 1:
        form, raises = _ONE[name]
        return form.format(texts[0]), raises and not _positive(site, piece, values[0])
    if name in _MANY and len(values) == 2:
        return _MANY[name].format(", ".join(texts)), False
    if name == "power" and len(values) == 2:
        return f"({texts[0]}) ** ({texts[1]})", False
    if name in _SEQUENCE and len(values) == 1:
        return _SEQUENCE[name].format(texts[0]), False
    return None


def _array(value: cst.BaseExpression) -> bool:
    """Whether it is a tensor's array: `x.numpy()`."""
    return (
        isinstance(value, cst.Call)
        and isinstance(value.func, cst.Attribute)
        and value.func.attr.value in ("numpy", "__array__")
    )


def _from_numpy(piece: Piece, value: cst.BaseExpression) -> bool:
    alias = _alias(piece.source)
    return any(isinstance(one, cst.Call) and dotted(one.func).startswith(f"{alias}.") for one in nodes(value))


def _inner(site: Site, piece: Piece, value: cst.BaseExpression) -> str:
    """The argument as written, NumPy in it replaced too where it can be."""
    if isinstance(value, cst.Call) and dotted(value.func).startswith(f"{_alias(piece.source)}."):
        made = _text(site, piece, value)
        if made is not None:
            return made[0]
    return piece.code(value)


def _positive(site: Site, piece: Piece, node: cst.BaseExpression) -> bool:
    """Whether a number is above zero for certain, or was one at this place and is not computed from data."""
    match node:
        case cst.Integer() | cst.Float():
            return float(piece.code(node).replace("_", "")) > 0
        case cst.Subscript():
            return isinstance(node.value, cst.Attribute) and node.value.attr.value == "shape"
        case cst.Call(func=cst.Attribute(attr=cst.Name(value=name))):
            return name in _SIZES
        case cst.Call(func=cst.Name(value="len")):
            return True
        case cst.BinaryOperation(operator=cst.Add() | cst.Multiply() | cst.Divide() | cst.FloorDivide()):
            return _positive(site, piece, node.left) and _positive(site, piece, node.right)
        case cst.Name() | cst.Attribute():
            value = site.values.get(dotted(node)) if piece is site.piece else None
            if value is None or value.kind != "number":
                return False
            try:
                return float(value.text) > 0
            except ValueError:
                return False
        case _:
            return False


def _results(piece: Piece, call: cst.Call) -> Iterator[str]:
    """Names that hold the result."""
    above = piece.parent(call)
    if isinstance(above, cst.Assign):
        for target in above.targets:
            if isinstance(target.target, cst.Name):
                yield target.target.value


def _escapes(piece: Piece, call: cst.Call) -> bool:
    """Whether the number itself is returned by a function that others than this file may call."""
    around = scope(piece, call)
    if not isinstance(around, cst.FunctionDef) or around.name.value.startswith("_"):
        return False
    if isinstance(piece.parent(call), cst.Return):
        return True
    return any(
        isinstance(piece.parent(read), (cst.Return, cst.Element))
        for name in _results(piece, call)
        for read in reads(piece, around, name)
    )


def _alias(source: Source) -> str:
    for node in source.tree.body:
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name == "numpy":
                    return name.asname or "numpy"
    return ""


def _taken(source: Source) -> bool:
    """Whether the file gives `math` another meaning than the module."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id == "math" and not isinstance(node.ctx, ast.Load):
            return True
        if isinstance(node, ast.arg) and node.arg == "math":
            return True
        if isinstance(node, ast.ImportFrom) and any((a.asname or a.name) == "math" for a in node.names):
            return True
    return False

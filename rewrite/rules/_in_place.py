"""Which tensors of a module its methods write into, read from their text."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from g2.rewrite.rules._operator_body import NotTaken
from g2.rewrite.rules._tensor_api import TENSOR_FUNCTIONS, VIEWS

_HARMLESS = frozenset({"torch", "einops", "math", "numpy", "builtins", "typing"})  # packages whose functions only read
_BUILTINS = frozenset(
    {"len", "zip", "enumerate", "range", "isinstance", "tuple", "list", "max", "min", "sum", "print", "int", "float"}
    | {"bool", "abs", "str", "reversed", "sorted", "any", "all", "type"}
)
_VIEWS = VIEWS | {
    "unbind", "broadcast_to", "as_tensor", "meshgrid", "moveaxis", "swapdims", "tensor_split", "hsplit", "vsplit",
    "dsplit", "as_strided", "view_as_real", "view_as_complex", "real", "imag", "atleast_1d", "atleast_2d", "atleast_3d",
}  # fmt: skip
_SENDING = ("all_reduce", "all_gather", "broadcast", "reduce_scatter", "scatter", "gather", "all_to_all")


@dataclass(frozen=True, slots=True)
class Held:
    """What an expression is a part or a view of: a name, or an attribute of one. data: it goes through `.data`."""

    name: str
    attribute: str = ""
    data: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """How an attribute's tensor is written into. data: always through `.data`; safe: never where gradients see it."""

    data: bool
    safe: bool

    def plus(self, other: Written) -> Written:
        return Written(self.data and other.data, self.safe and other.safe)


def root(node: ast.expr) -> Held | None:
    """What a chain of attributes, indices and views begins with; None where it is computed."""
    match node:
        case ast.Name(id=name):
            return Held(name)
        case ast.Subscript(value=value) | ast.Starred(value=value):
            return root(value)
        case ast.Attribute(value=value, attr=attr):
            held = root(value)
            if held is None:
                return None
            if attr == "data":
                return Held(held.name, held.attribute, True)
            return held if held.attribute else Held(held.name, attr, held.data)
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _VIEWS or _writes(attr):
            return root(value)
        case _:
            return None


def written(methods: Sequence[ast.FunctionDef], tree: ast.Module) -> dict[str, Written]:
    """The attributes whose tensors these methods of a class write into. The first one is where it begins.

    Raises NotTaken where an argument is written into, or a tensor is handed to code that may do it.
    """
    found: dict[str, Written] = {}
    quiet = _quiet(methods[0].decorator_list)
    for method in methods:
        reader = _Reader(method, tree, methods)
        for held, safe in reader.writes(method.body, quiet or _quiet(method.decorator_list)):
            if held.name == reader.me and held.attribute:
                made = Written(held.data, held.data or safe)
                found[held.attribute] = found[held.attribute].plus(made) if held.attribute in found else made
            elif held.name in reader.parameters:
                raise NotTaken(f"`{method.name}` changes its argument `{held.name}` in place")
    return found


class _Reader:
    """Reads one method. me: the name of its module."""

    def __init__(
        self, method: ast.FunctionDef, tree: ast.Module, methods: Sequence[ast.FunctionDef], me: str | None = None
    ) -> None:
        arguments = [arg.arg for arg in ast.walk(method.args) if isinstance(arg, ast.arg)]
        self.me = arguments[0] if me is None and arguments else me or ""
        self.parameters = frozenset(arguments) - {self.me}
        self.method, self.tree = method, tree
        self.methods = {f"{self.me}.{one.name}" for one in methods}
        self.functions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
        self.imported = _imported(tree)

    def writes(self, block: Sequence[ast.stmt], quiet: bool) -> Iterator[tuple[Held, bool]]:
        """What is written into, and whether no gradients are recorded there."""
        for number, statement in enumerate(block):
            inner = quiet or (isinstance(statement, ast.With) and _quiet([one.context_expr for one in statement.items]))
            for target in self._targets(statement):
                for held in self._origins(target, block[:number], frozenset()):
                    yield held, inner
            for name in ("body", "orelse", "finalbody"):
                yield from self.writes(getattr(statement, name, None) or (), inner)
            for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                yield from self.writes(part.body, inner)

    def _targets(self, statement: ast.stmt) -> Iterator[ast.expr]:
        given: list[ast.expr] = []
        if isinstance(statement, ast.Assign | ast.Delete):
            given = list(statement.targets)
        elif isinstance(statement, ast.AugAssign | ast.AnnAssign):
            given = [statement.target]
        while given:
            target = given.pop()
            if isinstance(target, ast.Tuple | ast.List):
                given += target.elts
            elif isinstance(target, ast.Subscript) or isinstance(statement, ast.AugAssign):
                yield target
            elif isinstance(target, ast.Attribute):
                raise NotTaken(f"`{ast.unparse(target)}` gets another value")
        for node in _expressions(statement):
            if isinstance(node, ast.Call):
                yield from self._changed(node)

    def _changed(self, call: ast.Call) -> Iterator[ast.expr]:
        """What a call writes into. Raises NotTaken where it gets a tensor of the module and may write into that."""
        yield from (one.value for one in call.keywords if one.arg == "out")
        if any(one.arg == "inplace" for one in call.keywords):
            yield from call.args[:1]
        function, name = call.func, ast.unparse(call.func)
        owner = root(function)
        at_top = owner is not None and owner.name in self.imported
        if owner is not None and self.imported.get(owner.name, "") in _HARMLESS:
            sends = name.endswith(_SENDING)
            yield from (one for one in call.args if sends and root(one) is not None)
            yield from call.args[:1] if _writes(name) else ()
        elif isinstance(function, ast.Attribute) and not at_top and not self._mine(function.value):
            if _writes(function.attr):
                yield function.value
        elif name in self.functions:
            reader = _Reader(self.functions[name], self.tree, (), me="")
            if any(held.name in reader.parameters for held, _ in reader.writes(reader.method.body, False)):
                raise NotTaken(f"`{name}` changes its arguments in place")
        elif name not in _BUILTINS and name not in self.methods:
            for argument in (*call.args, *(one.value for one in call.keywords)):
                held = self._origins(argument, (), frozenset()) if self.me else ()
                if any(one.name == self.me and one.attribute for one in held):
                    raise NotTaken(f"`{ast.unparse(argument)}` is handed to `{name}`")

    def _mine(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self.me

    def _origins(self, node: ast.expr, before: Sequence[ast.stmt], seen: frozenset[str]) -> set[Held]:
        """What an expression may share memory with: parameters, and attributes of the module."""
        held = root(node)
        if held is None:
            return {one for part in _shares(node) for one in self._origins(part, before, seen)}
        if held.name == self.me or held.name in seen:
            return {held} if held.attribute else set()
        found = {held} if held.name in self.parameters else set[Held]()
        for statement in reversed(before):
            if (value := _value(statement, held.name)) is not None:  # what it was given right before is what it is
                values, found = [value], set()
                break
        else:
            values = list(self._values(held.name))
        for value in values:
            for one in self._origins(value, (), seen | {held.name}):
                found.add(Held(one.name, one.attribute, one.data or held.data))
        return found

    def _values(self, name: str) -> Iterator[ast.expr]:
        for node in ast.walk(self.method):
            if isinstance(node, ast.Assign) and _value(node, name) is not None:
                yield node.value
            elif isinstance(node, ast.For):
                targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
                if any(isinstance(one, ast.Name) and one.id == name for t in targets for one in ast.walk(t)):
                    yield from _parts(node.iter)


def _shares(node: ast.expr) -> list[ast.expr]:
    """The parts of an expression that its value may share memory with."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in TENSOR_FUNCTIONS - _VIEWS:
            return []
        case ast.Call(func=function, args=args, keywords=keywords):
            owner = [function.value] if isinstance(function, ast.Attribute) else []
            return [*owner, *args, *(one.value for one in keywords)]
        case ast.BinOp() | ast.Compare() | ast.UnaryOp() | ast.Constant() | ast.JoinedStr() | ast.Lambda():
            return []
        case _:
            return [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr)]


def _parts(node: ast.expr) -> list[ast.expr]:
    """What is iterated over, `zip(...)` and `enumerate(...)` taken apart."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("zip", "enumerate"):
        return [part for one in node.args for part in _parts(one)]
    return [node]


def _value(statement: ast.stmt, name: str) -> ast.expr | None:
    if isinstance(statement, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in statement.targets):
        return statement.value
    return None


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement, less those of statements inside of it."""
    waiting = [one for one in ast.iter_child_nodes(statement) if not isinstance(one, ast.stmt | ast.ExceptHandler)]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [one for one in ast.iter_child_nodes(node) if not isinstance(one, ast.stmt)]


def _imported(tree: ast.Module) -> dict[str, str]:
    """Names that the top of a file imports, with the package that each comes from."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for one in node.names:
                whole = node.module or "" if isinstance(node, ast.ImportFrom) else one.name
                found[(one.asname or one.name).partition(".")[0]] = whole.partition(".")[0]
    return found


def _quiet(nodes: Sequence[ast.expr]) -> bool:
    """Whether one of these decorators or contexts switches gradients off."""
    return any(ast.unparse(one).endswith(("no_grad()", "no_grad")) for one in nodes)


def _writes(name: str) -> bool:
    return name.endswith("_") and not name.endswith("__")

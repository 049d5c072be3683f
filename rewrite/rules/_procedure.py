"""A method that gives nothing back and writes into tensors of its module: what an operator needs to run it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from g2.capture.model import Value
from g2.rewrite.rules._in_place import Written, root, written
from g2.rewrite.rules._operator_body import NotTaken
from g2.rewrite.site import Site

_TYPES = {"tensor": "Tensor", "bool": "bool", "str": "str", "dtype": "dtype", "device": "device"}
_FUNCTIONS = frozenset({"function", "builtin_function_or_method"})
_PLAIN_DECORATORS = ("no_grad", "ignore")
_MOST = 24  # what one operator is handed


@dataclass(frozen=True, slots=True)
class Handed:
    """One value that the operator takes: its name there, its annotation, how the method writes it.

    made: the attribute's value inside of the operator; empty for a parameter of the method.
    """

    name: str
    annotation: str
    argument: str
    made: str = ""


@dataclass(slots=True)
class Procedure:
    """`conditions`: what must hold for the operator to stand for the method. `missing`: parameters that were None."""

    owner: str
    method: ast.FunctionDef
    me: str
    handed: list[Handed] = field(default_factory=list[Handed])
    mutated: list[str] = field(default_factory=list[str])
    conditions: list[str] = field(default_factory=list[str])
    missing: list[str] = field(default_factory=list[str])


def procedure(site: Site) -> Procedure | None:
    """The method around a place, taken apart; None where there is none that gives nothing back. Raises NotTaken."""
    around = _around(site)
    if around is None:
        return None
    owner, method = around
    if _gives(method):
        return None
    found = Procedure(owner.name, method, method.args.args[0].arg)
    if site.values.get(found.me, Value("", "")).kind != "module":
        return None
    methods = _reached(owner, method)
    values = _values(site, owner, methods)
    _parameters(found, site)
    told = written(methods, site.source.tree)
    _attributes(found, owner, methods, values, told, site)
    if not found.mutated:
        raise NotTaken("it writes into no tensor of its module")
    names = [one.name for one in found.handed]
    if len(set(names)) < len(names) or len(names) > _MOST:
        raise NotTaken("an operator would take too much, or two things of one name")
    return found


def _around(site: Site) -> tuple[ast.ClassDef, ast.FunctionDef] | None:
    """The method of a class at the top of the file."""
    for owner in site.source.tree.body:
        for method in owner.body if isinstance(owner, ast.ClassDef) else ():
            inside = isinstance(method, ast.FunctionDef) and method.lineno <= site.span.line <= (method.end_lineno or 0)
            if inside and isinstance(owner, ast.ClassDef) and isinstance(method, ast.FunctionDef) and method.args.args:
                return owner, method
    return None


def _gives(method: ast.FunctionDef) -> bool:
    """Whether a method gives something back, or is a generator."""
    for node in _own(method):
        if isinstance(node, ast.Yield | ast.YieldFrom | ast.Await):
            return True
        value = node.value if isinstance(node, ast.Return) else None
        if value is not None and not (isinstance(value, ast.Constant) and value.value is None):
            return True
    return False


def _own(method: ast.FunctionDef) -> Iterator[ast.AST]:
    """Nodes of a function, less those of functions inside of it."""
    waiting: list[ast.AST] = list(method.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def _reached(owner: ast.ClassDef, method: ast.FunctionDef) -> list[ast.FunctionDef]:
    """The method and those of its class that it calls. Raises NotTaken where one does what an operator must not."""
    defined = {one.name: one for one in owner.body if isinstance(one, ast.FunctionDef)}
    found = [method]
    for one in found:
        arguments = one.args
        if arguments.vararg or arguments.kwarg or arguments.posonlyargs or not arguments.args:
            raise NotTaken(f"`{one.name}` takes any number of arguments")
        for decorator in one.decorator_list:
            name = decorator.func if isinstance(decorator, ast.Call) else decorator
            if not ast.unparse(name).endswith(_PLAIN_DECORATORS):
                raise NotTaken(f"`{one.name}` is decorated by `{ast.unparse(name)}`")
        me = arguments.args[0].arg
        held: set[ast.AST] = set()
        for node in ast.walk(one):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == me:
                held.add(node.value)
                if not isinstance(node.ctx, ast.Load):
                    raise NotTaken(f"`{ast.unparse(node)}` gets another value")
                if node.attr in defined and defined[node.attr] not in found:
                    found.append(defined[node.attr])
            elif isinstance(node, ast.Global | ast.Nonlocal | ast.Await | ast.Yield | ast.YieldFrom):
                raise NotTaken(f"`{one.name}` changes what is outside of it, or waits")
            elif isinstance(node, ast.Name) and node.id in ("super", "locals", "vars", "eval", "exec", "__class__"):
                raise NotTaken(f"`{one.name}` uses `{node.id}`")
        if any(isinstance(node, ast.Name) and node.id == me and node not in held for node in ast.walk(one)):
            raise NotTaken(f"`{me}` itself is handed on in `{one.name}`")
    return found


def _values(site: Site, owner: ast.ClassDef, methods: list[ast.FunctionDef]) -> dict[str, Value]:
    """What the run saw of the module's attributes, at any break in these methods."""
    found: dict[str, Value] = {}
    mine = {f"{owner.name}.{one.name}" for one in methods}
    for place in (*site.session.breaks, *([site.place] if site.place else [])):
        if place.function in mine:
            for value in place.values:
                me, dot, name = value.name.partition(".")
                if dot and me == "self":
                    found[name] = value
    return found


def _parameters(found: Procedure, site: Site) -> None:
    method = found.method
    every = [*method.args.args[1:], *method.args.kwonlyargs]
    absent = _absent(method)
    stored = {node.id for node in _own(method) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    for one in every:
        value = site.values.get(one.arg)
        if value is None or (one.arg in absent and value.kind != "none" and one.arg in stored):
            raise NotTaken(f"it is not known what `{one.arg}` is")
        if value.kind == "none" and one.arg not in stored:
            found.missing.append(one.arg)
            found.conditions.append(f"{one.arg} is None")
            continue
        annotation = _annotation(value)
        if not annotation:
            raise NotTaken(f"`{one.arg}` can't be handed to an operator")
        if one.arg in absent:
            found.conditions.append(f"{one.arg} is not None")
        argument = f"{one.arg}.detach()" if value.dtype.startswith(("float", "bfloat")) else one.arg
        found.handed.append(Handed(one.arg, annotation, argument if annotation == "Tensor" else one.arg))


def _absent(method: ast.FunctionDef) -> set[str]:
    """Parameters that are None where they are not given."""
    arguments = method.args
    pairs = [*zip(arguments.args[::-1], arguments.defaults[::-1], strict=False)]
    pairs += [(arg, one) for arg, one in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if one]
    return {arg.arg for arg, default in pairs if isinstance(default, ast.Constant) and default.value is None}


def _annotation(value: Value) -> str:
    if value.kind == "number":
        return value.dtype if value.dtype in ("int", "float") else ""
    return _TYPES.get(value.kind, "")


def _attributes(
    found: Procedure,
    owner: ast.ClassDef,
    methods: list[ast.FunctionDef],
    values: dict[str, Value],
    told: dict[str, Written],
    site: Site,
) -> None:
    defined = {one.name for one in owner.body if isinstance(one, ast.FunctionDef)}
    given = _given(owner)
    for name in dict.fromkeys(_read(methods)):
        if name in defined:
            continue
        value, argument = values.get(name), f"{found.me}.{name}"
        made = [ast.unparse(one) for one in _choices(given.get(name, []))]
        if value is None and not given.get(name) and _constant(owner, name):
            continue
        if value is not None and value.kind == "none":
            found.conditions.append(f"{argument} is None")
            found.handed.append(Handed(name, "", "", "None"))
        elif value is not None and value.kind in _FUNCTIONS:
            _function(found, name, made, given.get(name, []), site)
        else:
            annotation = _annotation(value) if value is not None else _inferred(owner, name)
            if not annotation or (value is not None and value.requires_grad):
                raise NotTaken(f"`{argument}` can't be handed to an operator")
            mine = told.get(name)
            if annotation == "Tensor" and mine is not None:
                if not mine.safe:
                    raise NotTaken(f"`{argument}` is written into where gradients are recorded")
                found.mutated.append(name)
                argument = f"{argument}.data" if mine.data else argument
            found.handed.append(Handed(name, annotation, argument, name))


def _read(methods: list[ast.FunctionDef]) -> Iterator[str]:
    for one in methods:
        me = one.args.args[0].arg
        places = [
            node for node in ast.walk(one)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == me
        ]  # fmt: skip
        yield from (node.attr for node in sorted(places, key=lambda node: (node.lineno, node.col_offset)))


def _given(owner: ast.ClassDef) -> dict[str, list[tuple[ast.FunctionDef, ast.expr]]]:
    """What each attribute is set to in the class, with the method that does it."""
    found: dict[str, list[tuple[ast.FunctionDef, ast.expr]]] = {}
    for method in (one for one in owner.body if isinstance(one, ast.FunctionDef)):
        for node in ast.walk(method):
            for target in node.targets if isinstance(node, ast.Assign) else ():
                held = root(target) if isinstance(target, ast.Attribute) else None
                if held is not None and held.name == "self" and held.attribute and isinstance(node, ast.Assign):
                    found.setdefault(held.attribute, []).append((method, node.value))
    return found


def _choices(given: list[tuple[ast.FunctionDef, ast.expr]]) -> list[ast.expr]:
    """What the values may be, conditional expressions taken apart."""
    waiting, found = [value for _, value in given], dict[str, ast.expr]()
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.IfExp):
            waiting = [node.body, node.orelse, *waiting]
        else:
            found.setdefault(ast.unparse(node), node)
    return list(found.values())


def _function(
    found: Procedure, name: str, made: list[str], given: list[tuple[ast.FunctionDef, ast.expr]], site: Site
) -> None:
    """An attribute that holds one of two functions at the top of the file, or of modules imported there."""
    argument = f"{found.me}.{name}"
    top = _top(site.source.tree)
    local = {arg.arg for method, _ in given for arg in ast.walk(method.args) if isinstance(arg, ast.arg)}
    if not 1 <= len(made) <= 2 or any(one.partition(".")[0] not in top - local for one in made):
        raise NotTaken(f"it is not known which function `{argument}` is")
    if len(made) == 1:
        found.conditions.append(f"{argument} is {made[0]}")
        found.handed.append(Handed(name, "", "", made[0]))
        return
    found.conditions.append(f"{argument} in ({', '.join(made)})")
    found.handed.append(Handed(name, "bool", f"{argument} is {made[0]}", f"{made[0]} if {name} else {made[1]}"))


def _top(tree: ast.Module) -> set[str]:
    """Names of functions and imports at the top of a file."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(one.asname or one.name).partition(".")[0] for one in node.names}
    return found


def _constant(owner: ast.ClassDef, name: str) -> bool:
    """Whether the class itself holds the attribute."""
    targets = [t for node in owner.body if isinstance(node, ast.Assign) for t in node.targets]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _inferred(owner: ast.ClassDef, name: str) -> str:
    """The annotation of an attribute that no break saw: a buffer, a default that is a fraction, or `training`."""
    if name == "training":
        return "bool"
    for node in ast.walk(owner):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".register_buffer") and len(node.args) > 1:
            first, second = node.args[:2]
            none = isinstance(second, ast.Constant) and second.value is None
            if isinstance(first, ast.Constant) and first.value == name and not none:
                return "Tensor"
    for method, value in _given(owner).get(name, []):
        arguments = method.args
        pairs = zip(arguments.args[::-1], arguments.defaults[::-1], strict=False)
        default = {arg.arg: one for arg, one in pairs}.get(value.id) if isinstance(value, ast.Name) else value
        if isinstance(default, ast.Constant) and isinstance(default.value, float):
            return "float"
    return ""

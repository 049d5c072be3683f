"""Functions, lambdas and classes: each function's body is walked over once, with its parameters as they come."""

from __future__ import annotations

import ast

from g2.explain.scan.annotations import annotation
from g2.explain.scan.body import EXPRESSIONS, STATEMENTS, Body, Sheet
from g2.explain.scan.detector import Event
from g2.explain.scan.facts import Class, Function
from g2.explain.scan.values import NOTHING, UNKNOWN, Value, called_name, join, wrapped

_COMPILE = frozenset({"torch.compile", "torch._dynamo.optimize"})


def _parameters(body: Body, function: Function, args: ast.arguments) -> None:
    named = [*args.posonlyargs, *args.args]
    everything = [*named, *args.kwonlyargs]
    defaults: list[ast.expr | None] = [None] * (len(named) - len(args.defaults))
    defaults += [*args.defaults, *args.kw_defaults]
    names = [each.arg for each in everything]
    annotations = [None if each.annotation is None else annotation(each.annotation, body.value) for each in everything]
    values = [None if each is None else body.value(each) for each in defaults]
    function.positional = len(named)
    if args.vararg is not None:
        function.star = len(names)
        names.append(args.vararg.arg)
        annotations.append(wrapped("L", annotation(args.vararg.annotation, body.value) or UNKNOWN))
        values.append(None)
    if args.kwarg is not None:
        function.stars = len(names)
        names.append(args.kwarg.arg)
        annotations.append(None)
        values.append(None)
    function.params, function.annotations, function.defaults = tuple(names), tuple(annotations), tuple(values)


def define(body: Body, node: ast.FunctionDef | ast.AsyncFunctionDef, owner: int = -1) -> int:
    """Walk over a function; its number in the file."""
    function = Function(f"{body.qualified}{node.name}", node.lineno, owner=owner)
    function.decorators = tuple([_decorator(body, each) for each in node.decorator_list])
    _parameters(body, function, node.args)
    inner = Body(body.sheet, function, body if body.local else None, owner, f"{function.name}.<locals>.")
    flags = "a" if isinstance(node, ast.AsyncFunctionDef) else ""
    names = [called_name(each) for each in function.decorators]
    flags += "s" if "builtins.staticmethod" in names else "c" if "builtins.classmethod" in names else ""
    flags += "p" if any(name.endswith(("builtins.property", "cached_property", ".getter")) for name in names) else ""
    _walk(inner, node.body, flags, owner, node)
    _capture(body, inner, node)
    return inner.number


def _decorator(body: Body, node: ast.expr) -> Value:
    """What a decorator is; that of `@f(..)` is f."""
    while isinstance(node, ast.Call):
        name = called_name(body.value(node.func))
        if name == "functools.partial" and node.args:
            node = node.args[0]
            continue
        node = node.func
    return body.value(node)


def _walk(inner: Body, statements: list[ast.stmt], flags: str, owner: int, head: ast.AST) -> None:
    function = inner.function
    for number, name in enumerate(function.params):
        inner.env[name] = ("p", number)
    if owner >= 0 and function.params and "s" not in flags:
        inner.self_name = function.params[0]
    ended = inner.run(statements)
    if inner.yields:
        flags += "g"
        inner.see(Event("generator", head))
        function.yields = join(*inner.yields)
        function.returns = wrapped("L", function.yields)
    else:
        returns = inner.returns if ended or (inner.returns and ended) else [*inner.returns, frozenset({"N"})]
        function.returns = join(*returns) if returns else NOTHING
    function.flags = flags
    inner.finish()


def _capture(body: Body, inner: Body, node: ast.AST) -> None:
    """The function reads names of the one around it: they are handed over where it is defined."""
    if inner.captured:
        values = tuple([body.lookup(name) for name in inner.captured])
        body.call(node, ("capture", inner.number), values)
    body.function.inner = (*body.function.inner, inner.number)


def _function(body: Body, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    number = define(body, node)
    value: Value = ("f", number)
    if body.local:
        body.env[node.name] = value
    else:
        body.sheet.names[node.name] = value
        body.env[node.name] = value
    return False


def _lambda(body: Body, node: ast.Lambda) -> Value:
    function = Function(f"{body.qualified}<lambda>", node.lineno)
    _parameters(body, function, node.args)
    inner = Body(body.sheet, function, body if body.local else None, -1, f"{function.name}.<locals>.")
    _walk(inner, [ast.copy_location(ast.Return(node.body), node)], "", -1, node)
    _capture(body, inner, node)
    return ("f", inner.number)


def _class(body: Body, node: ast.ClassDef) -> bool:
    number = len(body.sheet.classes)
    name = body.qualified.replace("<locals>.", "<locals>.") + node.name
    found = Class(name, node.lineno)
    body.sheet.classes.append(found)
    found.bases = tuple([body.value(each) for each in node.bases if not isinstance(each, ast.Starred)])
    methods: dict[str, int] = {}
    fields: dict[str, Value] = {}
    stored: dict[str, tuple[int, ...]] = {}
    if body.local:
        body.see(Event("class", node))
    env, qualified, local = body.env, body.qualified, body.local
    body.env, body.qualified = dict(env), f"{name}."
    for each in node.body:
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
            method = define(body, each, number)
            methods[each.name] = method
            for attr, _ in body.sheet.functions[method].stores:
                if method not in stored.get(attr, ()):
                    stored[attr] = (*stored.get(attr, ()), method)
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            said = annotation(each.annotation, body.value)
            given = body.value(each.value) if each.value is not None else None
            promised = said if said is not None else given
            if promised is not None:
                fields[each.target.id] = promised
        elif isinstance(each, ast.Assign):
            held = body.value(each.value)
            for target in each.targets:
                if isinstance(target, ast.Name):
                    fields[target.id] = held
                    body.env[target.id] = held
        else:
            body.run([each])
    body.env, body.qualified, body.local = env, qualified, local
    found.methods, found.fields, found.stored = methods, fields, stored
    value: Value = ("k", number)
    if body.local:
        body.env[node.name] = value
    else:
        body.sheet.names[node.name] = value
        body.env[node.name] = value
    return False


def walk(sheet: Sheet, tree: ast.Module) -> None:
    """Walk over a file. The module's own body is function 0."""
    function = Function("<module>", 1)
    body = Body(sheet, function, None, -1, "")
    body.local = False
    body.env = sheet.names  # functions read the module's names from there
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names):
            sheet.stars.append("." * (statement.level and statement.level + 1) + (statement.module or ""))
        handler = STATEMENTS.get(type(statement))
        if handler is not None:
            handler(body, statement)
        if body.env is not sheet.names:
            sheet.names.update(body.env)
            body.env = sheet.names
    body.finish()


STATEMENTS[ast.FunctionDef] = _function
STATEMENTS[ast.AsyncFunctionDef] = _function
STATEMENTS[ast.ClassDef] = _class
EXPRESSIONS[ast.Lambda] = _lambda

"""Where an object that is used under a name is finished being made: the place behind which one more statement fits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from g2.rewrite.model import Edit, Left
from g2.rewrite.source import FUNCTIONS, Source

# Methods that finish a module and give it back, of torch.nn and of the larger libraries.
_FINISHING = {
    *("to", "cuda", "cpu", "eval", "train", "half", "float", "double", "bfloat16", "type", "to_empty", "apply"),
    *("load_state_dict", "requires_grad_", "share_memory", "reset_parameters", "init_weights", "tie_weights"),
    *("gradient_checkpointing_enable", "resize_token_embeddings"),
}
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_DEEP = 4  # callers followed


@dataclass(frozen=True, slots=True)
class Made:
    """`name` is made in this file before `offset`, which is the end of a line."""

    source: Source
    name: str
    offset: int
    margin: str

    def insert(self, statement: str) -> Edit:
        """The statement on a line of its own."""
        return Edit(self.offset, self.offset, f"\n{self.margin}{statement}")


def made(source: Source, name: str, line: int) -> Made | Left:
    """For a name ("model", "self.net", "pipe.unet") that is used on a line. Raises Unreadable."""
    return _made(source, name, line, 0)


def _made(source: Source, name: str, line: int, depth: int) -> Made | Left:
    owner, dot, _ = name.partition(".")
    scopes = _scopes(source.tree, line)
    if dot and owner == "self":
        return _attribute(source, name, line)
    for scope in scopes:
        if isinstance(scope, FUNCTIONS) and owner in _parameters(scope):
            return _given(source, scope, name, depth)
        bindings = [one for one in _statements(scope) if _binds(one, owner)]
        if not bindings:
            continue
        exact = [one for one in _statements(scope) if dot and _binds(one, name)]
        before = [one for one in [*bindings, *exact] if one.lineno < line or scope is not scopes[0]]
        if not before:
            return Left(f"{owner} is bound after its use")
        last = max(before, key=lambda one: one.lineno)
        if isinstance(last, (ast.For, ast.AsyncFor)):
            return Left(f"{owner} is bound by a loop")
        return _behind(source, scope, last, name, line if scope is scopes[0] else 0)
    return Left(f"where {owner} is made was not found")


def _scopes(tree: ast.Module, line: int) -> list[ast.Module | _Function]:
    """The functions around a line, innermost first, and the module."""
    around = [
        node for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]  # fmt: skip
    innermost_first = sorted(around, key=lambda node: -node.lineno)
    return [*innermost_first, tree]


def _parameters(function: _Function) -> list[str]:
    a = function.args
    return [one.arg for one in (*a.posonlyargs, *a.args, *a.kwonlyargs)]


def _statements(scope: ast.AST) -> Iterator[ast.stmt]:
    """Of a scope, those of nested functions and classes left out."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.expr)):
            yield from _statements(node)


def _binds(statement: ast.stmt, name: str) -> bool:
    targets: list[ast.expr] = []
    match statement:
        case ast.Assign():
            targets = statement.targets
        case ast.AnnAssign(value=ast.expr()) | ast.For() | ast.AsyncFor():
            targets = [statement.target]
        case ast.With() | ast.AsyncWith():
            targets = [item.optional_vars for item in statement.items if item.optional_vars is not None]
        case _:
            return False
    return any(
        isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node) == name
        for target in targets
        for node in ([target] if not isinstance(target, (ast.Tuple, ast.List)) else target.elts)
    )


def _behind(source: Source, scope: ast.AST, last: ast.stmt, name: str, line: int) -> Made | Left:
    """Behind the statement, behind what directly follows and finishes the object, and out of every block that does not
    hold the use.
    """
    if isinstance(last, (ast.With, ast.AsyncWith)):
        body = last.body[0]
        if body.lineno == last.lineno:
            return Left(f"{name} is made on a line with other statements")
        at = source.offset(body.lineno - 1, len(source.line(body.lineno - 1).rstrip("\r\n")))
        return Made(source, name, at, _margin(source, body))
    block, statement = _place(scope, last, line)
    if not block or _margin(source, statement).strip():
        return Left(f"{name} is made on a line with other statements")
    index = block.index(statement)
    while index + 1 < len(block) and _finishes(block[index + 1], name) and not 0 < line <= (block[index + 1].lineno):
        index += 1
    end = block[index].end_lineno or block[index].lineno
    if index + 1 < len(block) and block[index + 1].lineno == end:
        return Left(f"{name} is made on a line with other statements")
    return Made(source, name, source.offset(end, len(source.line(end).rstrip("\r\n"))), _margin(source, statement))


def _place(scope: ast.AST, last: ast.stmt, line: int) -> tuple[list[ast.stmt], ast.stmt]:
    """The outermost statement around `last` that does not hold the line, with the block that it is in."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) or not (node is last or last in ast.walk(node)):
            continue
        holds = isinstance(node, ast.stmt) and line and node.lineno <= line <= (node.end_lineno or node.lineno)
        if isinstance(node, ast.stmt) and not holds:
            return _block(scope, node), node
        return _place(node, last, line)
    return [], last


def _block(parent: ast.AST, statement: ast.stmt) -> list[ast.stmt]:
    for _, value in ast.iter_fields(parent):
        if isinstance(value, list) and statement in value:
            return value
    return []


def _finishes(statement: ast.stmt, name: str) -> bool:
    """model.eval(), model.to(device).train(), model.load_state_dict(...)."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(value, ast.Call):
        return False
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _FINISHING:
        value = value.func.value
    return isinstance(value, (ast.Name, ast.Attribute)) and ast.unparse(value) in (name, name.rpartition(".")[0])


def _margin(source: Source, statement: ast.stmt) -> str:
    return source.line(statement.lineno)[: source.characters(statement.lineno, statement.col_offset)]


def _attribute(source: Source, name: str, line: int) -> Made | Left:
    """self.net: behind its assignment in the class, in `__init__` where there are several."""
    classes = [
        node for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]  # fmt: skip
    for one in sorted(classes, key=lambda node: -node.lineno):
        methods = sorted((m for m in one.body if isinstance(m, FUNCTIONS)), key=lambda m: m.name != "__init__")
        for method in methods:
            bindings = [statement for statement in _statements(method) if _binds(statement, name)]
            if bindings:
                return _behind(source, method, bindings[-1], name, 0)
    return Left(f"where {name} is made was not found")


def _given(source: Source, function: _Function, name: str, depth: int) -> Made | Left:
    """The name is a parameter: what the function is called with, in the same file."""
    owner, dot, rest = name.partition(".")
    index = _parameters(function).index(owner)
    for node in ast.walk(source.tree) if depth < _DEEP else ():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != function.name:
            continue
        given = [k.value for k in node.keywords if k.arg == owner] + node.args[index : index + 1]
        if given and isinstance(given[0], (ast.Name, ast.Attribute)):
            found = _made(source, ast.unparse(given[0]) + dot + rest, node.lineno, depth + 1)
            if isinstance(found, Made):
                return found
    return Left(f"{name} is a parameter of {function.name}, and no call gives it by a name")

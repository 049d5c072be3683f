"""What statements do with the names of their function: read, bound for certain, bound perhaps."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def parameters(function: Function | ast.Lambda) -> list[ast.arg]:
    """All of them, in the order in which they are written."""
    a = function.args
    starred = [a.vararg] if a.vararg else []
    return [*a.posonlyargs, *a.args, *starred, *a.kwonlyargs, *([a.kwarg] if a.kwarg else [])]


def inside(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes and all below them, but nothing of the bodies of nested functions and classes."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, FUNCTIONS):
            waiting += [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)]
        elif isinstance(node, ast.Lambda):
            waiting += [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
        elif isinstance(node, ast.ClassDef):
            waiting += [*node.decorator_list, *node.bases]
        else:
            waiting += ast.iter_child_nodes(node)


def bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that the statements may bind in their own scope."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                found.add(node.id)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
                continue
            case ast.Import() | ast.ImportFrom():
                found |= {(a.asname or a.name).partition(".")[0] for a in node.names}
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
            case ast.MatchMapping(rest=str(name)):
                found.add(name)
            case ast.Lambda():
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                found |= {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
                continue
            case _:
                pass
        waiting += ast.iter_child_nodes(node)
    return found


def _targets(comprehension: ast.AST) -> set[str]:
    generators: list[ast.comprehension] = comprehension.generators  # type: ignore[attr-defined]
    return {n.id for g in generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}


def reads(nodes: Iterable[ast.AST]) -> set[str]:
    """Names read, those that nested functions take from around them among them."""
    found: set[str] = set()
    for node in nodes:
        found |= _reads(node)
    return found


def _reads(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Store) else {node.id}
    if isinstance(node, NESTED):
        body = node.body if isinstance(node.body, list) else [node.body]
        own = {arg.arg for arg in parameters(node)} | bound(body)
        return reads(c for c in inside([node]) if c is not node and isinstance(c, ast.Name)) | (reads(body) - own)
    if isinstance(node, _COMPREHENSIONS):
        first, targets = node.generators[0].iter, _targets(node)
        rest = [child for child in ast.walk(node) if isinstance(child, ast.Name)]
        return reads([first]) | ({n.id for n in rest if isinstance(n.ctx, ast.Load)} - targets)
    found = reads(ast.iter_child_nodes(node))
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        found.add(node.target.id)
    return found


def taken_by_nested(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that functions defined among the statements take from around them."""
    return reads(n for n in inside(nodes) if isinstance(n, NESTED))


def flow(statements: Sequence[ast.stmt], certain: set[str]) -> tuple[set[str], set[str]]:
    """Names that the statements may read before they bind them, and those that are bound for certain behind them, when
    `certain` are before.
    """
    needed: set[str] = set()
    certain = set(certain)
    for one in statements:
        more, certain = _step(one, certain)
        needed |= more
    return needed, certain


def _step(one: ast.stmt, certain: set[str]) -> tuple[set[str], set[str]]:
    match one:
        case ast.If():
            needed = reads([one.test]) - certain
            base = certain | walrus([one.test])
            a, b = flow(one.body, base), flow(one.orelse, base)
            ends_a, ends_b = leaves(one.body), leaves(one.orelse)
            after = b[1] if ends_a else a[1] if ends_b else a[1] & b[1]
            return needed | a[0] | b[0], after
        case ast.For() | ast.AsyncFor():
            needed = reads([one.iter]) - certain
            body = flow(one.body, certain | bound([one.target]))
            return needed | body[0] | flow(one.orelse, certain)[0], certain
        case ast.While():
            needed = reads([one.test]) - certain
            return needed | flow(one.body, certain)[0] | flow(one.orelse, certain)[0], certain
        case ast.With() | ast.AsyncWith():
            needed = reads(item.context_expr for item in one.items) - certain
            targets = bound(item.optional_vars for item in one.items if item.optional_vars)
            body = flow(one.body, certain | targets)
            return needed | body[0], body[1]
        case ast.Try():
            body = flow(one.body, certain)
            needed = body[0] | flow(one.orelse, body[1])[0]
            for handler in one.handlers:
                own = certain | ({handler.name} if handler.name else set())
                needed |= flow(handler.body, own)[0] | (reads([handler.type] if handler.type else []) - certain)
            final = flow(one.finalbody, certain)
            return needed | final[0], final[1]
        case ast.Match():
            needed = reads([one.subject]) - certain
            for branch in one.cases:
                needed |= flow(branch.body, certain | bound([branch.pattern]))[0]
            return needed, certain
        case ast.AnnAssign(value=None):
            return set(), certain
        case _:
            doubtful = {n.target.id for n in inside([one]) if isinstance(n, ast.NamedExpr)} - walrus([one])
            return reads([one]) - certain, certain | (bound([one]) - doubtful)


def leaves(block: Sequence[ast.stmt]) -> bool:
    """Whether nothing behind the block is reached from its end."""
    return bool(block) and isinstance(block[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))


def walrus(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that assignment expressions bind for certain."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.BoolOp, ast.IfExp, *_COMPREHENSIONS, *NESTED, ast.ClassDef)):
            continue
        if isinstance(node, ast.NamedExpr):
            found.add(node.target.id)
        waiting += ast.iter_child_nodes(node)
    return found

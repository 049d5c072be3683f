"""The compiled function that a break happened in: its text, who compiles it, which of its statements led to breaks."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from g2.capture.model import Break, Span
from g2.explain.catalog import evidence, reason_for
from g2.rewrite.model import Left
from g2.rewrite.plan import absolute
from g2.rewrite.rules._compiles import Compiles, compiles
from g2.rewrite.rules._scope import FUNCTIONS, Function
from g2.rewrite.site import Site
from g2.rewrite.source import Source, Unreadable

_MOVES = {"to", "cuda", "cpu", "eval", "train", "half", "bfloat16", "float", "double", "requires_grad_"}


@dataclass(frozen=True, slots=True)
class Hit:
    """A statement of the compiled function that led to a break: there, or in what it calls. `reason` is the break's."""

    span: Span  # in the compiled function's own frame
    reason: str
    inner: bool  # the break itself is in another function


@dataclass(frozen=True, slots=True)
class Region:
    """A function that the script itself compiles, or a method of an object that it compiles.

    wish: the decorator on it, or the one call of torch.compile that names it, which stands in `wish_source`, or the one
    that is given an object of its class (then not `wish.function`).
    owner: the class whose method it is, or None. hits: of all breaks of the run, that of the site first.
    """

    source: Source
    function: Function
    owner: ast.ClassDef | None
    wish: Compiles
    wish_source: Source
    hits: tuple[Hit, ...]


def region(site: Site) -> Region | Left:
    """The outermost compiled function above the site's break, when the script compiles that function by itself.

    All is read in the text as it is now. Breaks that are after-effects of others are not among the hits.
    """
    if site.place is None:
        return Left("it is no break")
    cwd = site.session.cwd
    roots = {(r.name, absolute(r.span.path, cwd)): r for r in site.session.roots if r.by == "script"}
    frames = [(absolute(f.span.path, cwd), f) for f in site.place.stack]
    at = next((i for i, (path, f) in enumerate(frames) if (f.function, path) in roots), None)
    if at is None:
        return Left("the script compiles no function around it whose region could be drawn anew")
    path, frame = frames[at]
    root = roots[frame.function, path]
    try:
        source = site.read(path)
        found = _function(source.tree, frame.span.line, frame.function.rpartition(".")[2])
        if found is None:
            return Left(f"the text of {frame.function} was not found")
        function, owner = found
        wish = _wish(site, source, function) or _object_wish(source, owner)
    except Unreadable as error:
        return Left(f"the compiled function was not opened: {error}")
    if wish is None:
        return Left(f"{frame.function} is not compiled in one place of the script, by its name or as an object")
    hits = []
    for one in sorted(site.session.breaks, key=lambda b: b is not site.place and b != site.place):
        hit = None if one.after_effect_of else _hit(one, frame.function, path, cwd)
        if hit is not None and hit not in hits:
            hits.append(hit)
    return Region(source, function, owner, wish[0], wish[1], tuple(hits)) if root else Left("it is no root")


def _hit(one: Break, name: str, path: str, cwd: str) -> Hit | None:
    for at, frame in enumerate(one.stack):
        if frame.function == name and absolute(frame.span.path, cwd) == path:
            inner = at + 1 < len(one.stack) or absolute(one.span.path, cwd) != path
            return Hit(frame.span, reason_for(evidence(one)).slug, inner)
    return None


def _function(tree: ast.Module, line: int, name: str) -> tuple[Function, ast.ClassDef | None] | None:
    """The innermost function of that name around a line, and the class that it stands in."""
    found: tuple[Function, ast.ClassDef | None] | None = None
    waiting: list[tuple[ast.AST, ast.AST | None]] = [(tree, None)]
    while waiting:
        node, above = waiting.pop()
        if isinstance(node, FUNCTIONS) and node.name == name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            inner = found is None or node.lineno > found[0].lineno
            if first <= line <= (node.end_lineno or node.lineno) and inner:
                found = node, above if isinstance(above, ast.ClassDef) else None
        waiting += [(child, node) for child in ast.iter_child_nodes(node)]
    return found


def _wish(site: Site, source: Source, function: Function) -> tuple[Compiles, Source] | None:
    """The decorator on the function, else the one call that compiles it by name; None when there is not one."""
    own = [one for one in compiles(source) if one.function]
    decorating = [one for one in own if one.decorates and one.statement is function]
    if decorating:
        return (decorating[0], source) if len(decorating) == 1 else None
    sources = {source.path: source}
    with contextlib.suppress(Unreadable):
        if site.script:
            sources.setdefault(site.script, site.read(site.script))
    calls = [
        (one, text)
        for text in sources.values()
        for one in compiles(text)
        if not one.decorates and one.function and one.what.rpartition(".")[2] == function.name
    ]
    return calls[0] if len(calls) == 1 else None


def _object_wish(source: Source, owner: ast.ClassDef | None) -> tuple[Compiles, Source] | None:
    """The one call of the file that compiles an object of the class."""
    if owner is None:
        return None
    made = {
        ast.unparse(target)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assign) and _makes(node.value, owner.name)
        for target in node.targets
    }
    found = [
        one
        for one in compiles(source)
        if not one.decorates and not one.function and (one.what in made or _makes(_parsed(one.what), owner.name))
    ]
    return (found[0], source) if len(found) == 1 else None


def _makes(value: ast.expr, name: str) -> bool:
    """Whether it is `Name(...)`, maybe moved to a device or a mode: `Name(...).to("cuda").eval()`."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _MOVES:
        value = value.func.value
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == name


def _parsed(code: str) -> ast.expr:
    return ast.parse(code, mode="eval").body


def hit_by(found: Region, which: Callable[[Hit], bool]) -> Callable[[ast.stmt], bool]:
    """A test of statements: whether one of these breaks happened in the statement itself.

    Of a compound statement only the head counts, what stands in it is asked by itself.
    """
    lines = {hit.span.line for hit in found.hits if which(hit)}

    def test(statement: ast.stmt) -> bool:
        last = statement.end_lineno or statement.lineno
        body = getattr(statement, "body", None)
        if body:
            last = max(statement.lineno, body[0].lineno - 1)
        return any(statement.lineno <= line <= last for line in lines)

    return test

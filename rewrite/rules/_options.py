"""Options of Dynamo as edits of the person's own file: set around the compile call, and nowhere else.

A function: `@torch._dynamo.config.patch(option=True)` above `@torch.compile`, or
`torch._dynamo.config.patch(option=True)(torch.compile(f))`. A module must stay one, so the setting is a statement right
before it is compiled. Where the script compiles nothing by itself, the setting stands behind its imports. All of it was
run with torch 2.11 to 2.15, which load torch._dynamo at its first use as an attribute.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from g2.capture.model import Root, Use
from g2.rewrite.model import Edit, FileEdits, Left
from g2.rewrite.plan import absolute
from g2.rewrite.rules._compiles import Compiles, compiles, torch_name
from g2.rewrite.site import Site
from g2.rewrite.source import Source, Unreadable

_CONFIG = "_dynamo.config"


def options_edit(site: Site, options: Mapping[str, object]) -> FileEdits | Left:
    """The edit that sets options of Dynamo for what was compiled around a place; those that are set already are left.

    A value is a constant, or code as a string. Left where all are set already, or there is no file to set them in.
    """
    names = " and ".join(options)
    left: Left | None = None
    for path, uses in _files(site):
        try:
            source = site.read(path)
            found = compiles(source)
        except Unreadable as error:
            left = Left(f"{names} cannot be set: {path} was not opened: {error}")
            continue
        new: dict[str, str] = {}
        for name, value in options.items():
            code = value if isinstance(value, str) else repr(value)
            if not (before := _chosen(source, name)):
                new[name] = code
            elif before != code:
                return Left(f"{Path(path).name} sets {name} to {before}")
        if not new:
            return Left(f"{names} {'are' if len(options) > 1 else 'is'} set already")
        asked = [one for one in found if _is_meant(one, uses)] or found
        if not asked and path != site.script:
            continue
        return _around(source, asked, new) if asked else _at_head(source, new)
    return left or Left(f"{names} would be set where the script compiles, and no such file is known")


def asked_for(site: Site) -> tuple[Source, list[Compiles]] | Left:
    """The file and the calls that compiled what is around a place; Left where the person's files hold none."""
    for path, uses in _files(site):
        try:
            source = site.read(path)
            found = compiles(source)
        except Unreadable as error:
            return Left(f"{path} was not opened: {error}")
        if asked := [one for one in found if _is_meant(one, uses)] or found:
            return source, asked
    return Left("the script compiles nothing itself")


def roots_of(site: Site) -> tuple[Root, ...]:
    """The roots in whose calls the place was met; all that were called, when that is not known."""
    stack = site.place.stack if site.place else site.recompile.stack if site.recompile else ()
    called = tuple(root for root in site.session.roots if root.calls)
    for frame in stack:
        found = tuple(root for root in called if root.name == frame.function)
        if found:
            return found
    return tuple(root for root in called if root.name == site.target.function) or called


def _files(site: Site) -> Iterator[tuple[str, list[tuple[Root, Use]]]]:
    """Files that may hold the compile call, the likeliest first, with what is known to be compiled there."""
    files: dict[str, list[tuple[Root, Use]]] = {}
    for root in roots_of(site):
        for use in root.uses:
            if root.by == "script":
                files.setdefault(absolute(use.span.path, site.session.cwd), []).append((root, use))
    yield from files.items()
    if site.script and site.script not in files:
        yield site.script, []
    elif not files:  # python -m: the file that called first
        for root in site.session.roots:
            for use in root.uses:
                yield absolute(use.span.path, site.session.cwd), []


def _is_meant(one: Compiles, uses: list[tuple[Root, Use]]) -> bool:
    """Whether it is the wish that made one of these roots. Lines of the record may have moved since."""
    last = one.what.rpartition(".")[2]
    for root, use in uses:
        if one.what in use.names or last == root.name.rpartition(".")[2] != "forward":
            return True
        if one.expression.lineno <= use.span.line <= (one.expression.end_lineno or 0):
            return True
    return False


def _around(source: Source, asked: list[Compiles], options: dict[str, str]) -> FileEdits:
    torch = torch_name(source.tree)
    edits: dict[Edit, None] = {}
    for one in asked:
        edits.update(dict.fromkeys(_for(source, one, f"{torch or 'torch'}.{_CONFIG}", options)))
    return FileEdits(source.path, tuple(edits), () if torch else ("import torch",))


def _for(source: Source, one: Compiles, config: str, options: dict[str, str]) -> list[Edit]:
    keywords = ", ".join(f"{name}={code}" for name, code in options.items())
    start, end = bounds(source, one.expression)
    if one.function and (patch := _patch(source.tree, one)) is not None:
        at = bounds(source, patch.func)[1] + 1
        rest = ", " if patch.args or patch.keywords else ""
        return [Edit(at, at, f"{keywords}{rest}")]
    if one.decorates:
        line, column = source.position(start)
        margin = source.line(line)[:column].rpartition("@")[0]
        at = source.offset(line, len(margin))
        return [Edit(at, at, f"@{config}.patch({keywords})\n{margin}")]
    if one.function:
        return [Edit(start, start, f"{config}.patch({keywords})("), Edit(end, end, ")")]
    statement = one.statement
    for before in _siblings(source.tree, one.statement):
        if not _sets(before, ""):
            break
        statement = before  # settings stand together
    at = bounds(source, statement)[0]
    if getattr(statement, "decorator_list", None):
        at = bounds(source, statement.decorator_list[0])[0] - 1  # type: ignore[attr-defined]
    line, column = source.position(at)
    margin = source.line(line)[:column]
    gap = "; " if margin.strip() else f"\n{margin}"
    return [Edit(at, at, "".join(f"{config}.{name} = {code}{gap}" for name, code in options.items()))]


def _patch(tree: ast.Module, one: Compiles) -> ast.Call | None:
    """The `config.patch(...)` that is around the compile call already."""
    for node in ast.walk(tree):
        around = []
        if isinstance(node, ast.Call) and node.args and node.args[0] is one.expression:
            around = [node.func]
        elif node is one.statement and one.decorates:
            around = node.decorator_list  # type: ignore[attr-defined]
        for call in around:
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(f"{_CONFIG}.patch") and not call.args:
                return call
    return None


def _siblings(tree: ast.Module, statement: ast.stmt) -> list[ast.stmt]:
    """The statements before one in its block, nearest first."""
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and statement in value:
                return value[: value.index(statement)][::-1]
    return []


def _sets(node: ast.stmt, name: str) -> bool:
    """Whether a statement sets an option of Dynamo (the one of that name, when it is given)."""
    if not isinstance(node, ast.Assign):
        return False
    written = [ast.unparse(target) for target in node.targets]
    return any(one.endswith(f"{_CONFIG}.{name}") if name else f"{_CONFIG}." in one for one in written)


def _chosen(source: Source, name: str) -> str:
    """What the file sets the option to anywhere, as written; empty where it does not. It is the person's own choice."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign) and _sets(node, name):
            return ast.unparse(node.value)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((f"{_CONFIG}.patch", "patch_dynamo_config")):
            for keyword in node.keywords:
                if keyword.arg == name:
                    return ast.unparse(keyword.value)
            if any(isinstance(c, ast.Constant) and c.value == name for a in node.args for c in ast.walk(a)):
                return "something"
    return ""


def _at_head(source: Source, options: dict[str, str]) -> FileEdits:
    """Behind the block of imports that brings torch; behind the head's imports where none does."""
    body = source.tree.body
    torch = torch_name(source.tree)
    last = -1  # number of the statement behind which the setting goes
    for number, node in enumerate(body):
        imports = isinstance(node, (ast.Import, ast.ImportFrom))
        doc = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not imports and not doc and (torch is None or _has_torch(body[: last + 1])):
            break
        if imports or doc:
            last = number
    missing = "" if torch else "import torch\n\n"
    setting = "\n".join(f"{torch or 'torch'}.{_CONFIG}.{name} = {code}" for name, code in options.items())
    if last + 1 < len(body) and (_sets(body[last + 1], "")):
        at = bounds(source, body[last + 1])[0]
        return FileEdits(source.path, (Edit(at, at, f"{missing}{setting}\n"),))
    if last < 0:
        line = 1
        while source.line(line).startswith("#"):
            line += 1
        at = source.offset(line, 0)
        return FileEdits(source.path, (Edit(at, at, f"{missing}{setting}\n\n"),))
    line = body[last].end_lineno or 1
    text = source.line(line)
    at = source.offset(line, len(text.rstrip("\r\n")))
    gap = "\n" if missing and isinstance(body[last], (ast.Import, ast.ImportFrom)) else "\n\n"
    end = "" if not source.line(line + 1).strip() else "\n"
    return FileEdits(source.path, (Edit(at, at, f"{gap}{missing}{setting}{end}"),))


def _has_torch(body: list[ast.stmt]) -> bool:
    return any(isinstance(n, ast.Import) and any(a.name.split(".")[0] == "torch" for a in n.names) for n in body)


def bounds(source: Source, node: ast.AST) -> tuple[int, int]:
    """Start and end in characters."""
    assert isinstance(node, (ast.expr, ast.stmt))
    last = node.end_lineno or node.lineno
    return (
        source.offset(node.lineno, source.characters(node.lineno, node.col_offset)),
        source.offset(last, source.characters(last, node.end_col_offset or 0)),
    )

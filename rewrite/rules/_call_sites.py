"""The person's call that brought an input to a compiled function, and the expressions that are its arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from g2.capture.model import Root, Span
from g2.rewrite.model import Left
from g2.rewrite.plan import absolute
from g2.rewrite.rules._options import roots_of
from g2.rewrite.site import Site
from g2.rewrite.source import Piece, Unreadable

_PATH = re.compile(r"(?P<name>[A-Za-z_]\w*)(?P<rest>(?:\.[A-Za-z_]\w*|\[(?:\d+|'[^']*'|\"[^\"]*\")\])*)$")
_FIRST = re.compile(r"\[(?P<key>\d+|'[^']*'|\"[^\"]*\")\](?P<rest>.*)$")


@dataclass(frozen=True, slots=True)
class CallSite:
    """A call of a root in one of the person's files. parameters: of the root's function, `self` left out."""

    piece: Piece
    call: cst.Call
    root: Root
    parameters: tuple[str, ...]
    starred: str  # the name of *args, empty where there is none
    double: str  # of **kwargs

    def given(self, source: str, call: cst.Call | None = None) -> tuple[cst.Arg, str] | None:
        """The argument that a guard's source begins with, and what follows: "batch['x']" is the argument for batch, and
        "['x']". `call`: another call of the same root.
        """
        path = _PATH.match(source)
        if path is None:
            return None
        name, rest = path["name"], path["rest"]
        args = (call or self.call).args
        first = _FIRST.match(rest)
        if first and name == (self.starred or "args") and first["key"].isdigit():
            offset = len(self.parameters) if self.starred else 0
            found = _at(args, offset + int(first["key"]))
            return (found, first["rest"]) if found else None
        if first and name == (self.double or "kwargs") and not first["key"].isdigit():
            return _named(args, first["key"][1:-1], first["rest"])
        if (found := _at(args, self.parameters.index(name)) if name in self.parameters else None) is not None:
            return found, rest
        return _named(args, name, rest)

    def calls(self) -> list[cst.Call]:
        """All calls of the same callee in the piece."""
        wanted = self.piece.code(self.call.func)
        found: list[cst.Call] = []
        waiting: list[cst.CSTNode] = [self.piece.module]
        while waiting:
            node = waiting.pop()
            if isinstance(node, cst.Call) and self.piece.code(node.func) == wanted:
                found.append(node)
            waiting += node.children
        return sorted(found, key=lambda node: self.piece.bounds(node))


def _at(args: Sequence[cst.Arg], index: int) -> cst.Arg | None:
    plain = [arg for arg in args if arg.keyword is None]
    if index >= len(plain) or any(arg.star for arg in plain[: index + 1]):
        return None
    return plain[index]


def _named(args: Sequence[cst.Arg], name: str, rest: str) -> tuple[cst.Arg, str] | None:
    for arg in args:
        if arg.keyword is not None and arg.keyword.value == name:
            return arg, rest
    double = [arg for arg in args if arg.star == "**"]
    return (double[0], f'["{name}"]{rest}') if len(double) == 1 else None


def call_site(site: Site) -> CallSite | Left:
    """The call in the person's own files that brought the change of a recompile."""
    recompile = site.recompile
    if recompile is None or recompile.call_site is None:
        return Left("the call that brought it is not known")
    where = recompile.call_site
    path = absolute(where.path, site.session.cwd)
    try:
        piece = site.read(path).whole
        node = piece.find(Span(path, where.line, where.column, where.end_line, where.end_column))
    except Unreadable as error:
        return Left(f"{where.path} was not opened: {error}")
    call = node if isinstance(node, cst.Call) else _around(piece, node)
    if call is None:
        return Left(f"no call was found at {where}")
    roots = roots_of(site)
    if not roots:
        return Left("it is not known what was compiled")
    root = _root(roots, piece.code(call.func)) or roots[0]
    names, starred, double = _parameters(site, root)
    return CallSite(piece, call, root, names, starred, double)


def _around(piece: Piece, node: cst.CSTNode | None) -> cst.Call | None:
    for one in piece.ancestors(node) if node is not None else ():
        if isinstance(one, cst.Call):
            return one
        if isinstance(one, cst.BaseStatement):
            return None
    return None


def _root(roots: tuple[Root, ...], callee: str) -> Root | None:
    for root in roots:
        if any(callee in use.names for use in root.uses) or root.name.rpartition(".")[2] == callee:
            return root
    return None


def _parameters(site: Site, root: Root) -> tuple[tuple[str, ...], str, str]:
    """Of the root's own function; empty where it cannot be opened (then only names in the call help)."""
    path = absolute(root.span.path, site.session.cwd)
    try:
        function = site.read(path).piece(root.span.line).function
    except (Unreadable, IndexError):
        return (), "", ""
    if function is None:
        return (), "", ""
    params = function.params
    names = [p.name.value for p in (*params.posonly_params, *params.params)]
    if "." in root.name and names:
        names = names[1:]
    starred = params.star_arg.name.value if isinstance(params.star_arg, cst.Param) else ""
    double = params.star_kwarg.name.value if params.star_kwarg else ""
    return tuple(names), starred, double

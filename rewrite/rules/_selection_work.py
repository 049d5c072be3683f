"""`if some:` around work on a selection, in functions that are told by a parameter whether anything is selected."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

import libcst as cst

from g2.rewrite.model import Edit, Left
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._names import bindings, definition, nodes, reads, scope
from g2.rewrite.rules._pure import Effects
from g2.rewrite.site import Site
from g2.rewrite.source import Piece, Unreadable

_PLAIN = (cst.Assign, cst.Del, cst.Pass)


@dataclass(frozen=True, slots=True)
class Work:
    """What one function needs so that it may work on nothing. also: what a person has to know of it, a sentence."""

    edits: tuple[Edit, ...]
    also: str = ""


def works(site: Site, parameter: str) -> Iterator[Work | Left]:
    """The functions of the file that ask this parameter; Left where one does more than compute."""
    for name, function in site.source.functions:
        given = [arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)]
        asks = any(isinstance(one, ast.If) and ast.unparse(one.test) == parameter for one in ast.walk(function))
        if parameter not in given or not asks:
            continue
        try:
            piece = site.source.piece(function.lineno)
        except Unreadable as error:
            yield Left(f"`{name}` was not read: {error}")
            return
        yield _work(site, piece, parameter, name)


def _work(site: Site, piece: Piece, parameter: str, name: str) -> Work | Left:
    places = bindings(piece, piece.module, parameter)
    if len(places) != 1:
        return Left(f"`{parameter}` gets another value in `{name}`")
    edits: list[Edit] = []
    elsewhere = False
    for read in reads(piece, piece.module, parameter):
        above = piece.parent(read)
        if isinstance(above, cst.If) and above.test is read:
            if said := _why_not(replace(site, piece=piece, node=above, span=piece.span(above), place=None), above):
                return Left(f"`{name}`: {said}")
            edits += [edit for one in nodes(above.body) if (edit := _flattened(piece, one)) is not None]
        elif not isinstance(above, cst.Arg):
            elsewhere = True
    return Work(tuple(edits), f"`{name}` also asks `{parameter}` together with other values." if elsewhere else "")


def _why_not(site: Site, found: cst.If) -> str:
    """What the branch does besides computing, a clause; empty where it does nothing."""
    if isinstance(found.orelse, cst.If):
        return "an `elif` follows"
    blocks = [found.body] if found.orelse is None else [found.body, found.orelse.body]
    given: list[set[str]] = []
    for block in blocks:
        names: set[str] = set()
        effects = Effects()
        kinds = Kinds(site)
        for line in block.body:
            if not isinstance(line, cst.SimpleStatementLine):
                return f"`{site.piece.short(line)}` is more than a computation"
            for small in line.body:
                text = isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString)
                if not isinstance(small, _PLAIN) and not text:
                    return f"`{site.piece.short(small)}` is more than a computation"
                if isinstance(small, cst.Assign):
                    if said := _targets(site.piece, small, names):
                        return said
                    effects.add(small.value, kinds)
        for clause in (*effects.never, *effects.raising):
            return clause
        if effects.draws:
            return "it draws random numbers"
        given.append(names)
    if len(given) == 2 and not given[1] <= given[0]:
        return f"`{min(given[1] - given[0])}` gets a value only where nothing is selected"
    return ""


def _targets(piece: Piece, assign: cst.Assign, names: set[str]) -> str:
    """Adds the names that an assignment binds; a clause where it gives something else a value."""
    waiting: list[cst.BaseExpression] = [target.target for target in assign.targets]
    while waiting:
        target = waiting.pop()
        if isinstance(target, cst.Tuple):
            waiting += [element.value for element in target.elements]
        elif isinstance(target, cst.Name):
            names.add(target.value)
        elif not (isinstance(target, cst.Subscript) and isinstance(target.value, cst.Name)):
            return f"`{piece.short(target)}` gets a value"
    return ""


def _flattened(piece: Piece, node: cst.CSTNode) -> Edit | None:
    """`x.flatten(1)` for `x.view(len(i[0]), -1)` where x is `y[i[0], ...]`: the same, also where nothing is taken."""
    match node:
        case cst.Call(
            func=cst.Attribute(value=cst.Name() as name, attr=cst.Name("view" | "reshape")),
            args=[
                cst.Arg(value=cst.Call(func=cst.Name("len"), args=[cst.Arg(value=cst.Subscript() as positions)])),
                cst.Arg(value=cst.UnaryOperation(operator=cst.Minus(), expression=cst.Integer("1"))),
            ],
        ):
            taken = definition(piece, scope(piece, name), name.value)
            first = taken.slice[0].slice if isinstance(taken, cst.Subscript) else None
            if isinstance(first, cst.Index) and first.value.deep_equals(positions):
                return piece.replace(node, f"{name.value}.flatten(1)")
        case _:
            pass
    return None

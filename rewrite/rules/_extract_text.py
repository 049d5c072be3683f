"""The text of a new function made of some of another's statements, and of the call that stands in their place."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from g2.rewrite.model import Edit, Left
from g2.rewrite.rules._scope import parameters
from g2.rewrite.source import Source


@dataclass(frozen=True, slots=True)
class Extracted:
    """`definition`: the new function without decorator and without a newline at its end, indented by `indent`.

    edits: those inside the old function.
    """

    name: str
    definition: str
    indent: str
    edits: tuple[Edit, ...]


def in_order(names: Iterable[str], nodes: Sequence[ast.stmt]) -> list[str]:
    """Names in the order in which the statements first mention them."""
    every = [n for one in nodes for n in ast.walk(one) if isinstance(n, ast.Name)]
    places: dict[str, int] = {}
    for node in sorted(every, key=lambda n: (n.lineno, n.col_offset)):
        places.setdefault(node.id, len(places))
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def written(
    source: Source,
    function: ast.FunctionDef,
    owner: ast.ClassDef | None,
    run: Sequence[ast.stmt],
    waiting: Sequence[ast.stmt],
    takes: list[str],
    given: list[str],
    names: frozenset[str],
) -> Extracted | Left:
    """`takes`: what the new function is passed; `given`: what it returns, unless the run ends with a return.

    names: those that it must not have.
    """
    if function.body[0].lineno == function.lineno:
        return Left("it stands on one line")
    indent, body = _indent(source, function.lineno), _indent(source, function.body[0].lineno)
    here = _indent(source, run[0].lineno)
    name = _fresh(source, _name(function, run, given, owner is not None), names)
    self = [*function.args.posonlyargs, *function.args.args][0].arg if owner is not None else ""
    takes = [one for one in takes if one != self]
    moved = [_indented(_lines(source, one), one, here, body, source) for one in run]
    if given and not (len(given) == 1 and _returned(source, run[-1], given[0], moved)):
        moved.append(f"{body}return {', '.join(given)}\n")
    head = ", ".join([self] * bool(self) + [_annotated(source, function, one) for one in takes])
    definition = f"{indent}def {name}({head}):\n" + "".join(moved).rstrip("\n")
    call = f"{self}.{name}({', '.join(takes)})" if self else f"{name}({', '.join(takes)})"
    if isinstance(run[-1], ast.Return):
        call = f"return {call}"
    elif given:
        call = f"{', '.join(given)} = {call}"
    behind = "".join(_lines(source, one) for one in waiting)
    start = source.offset(_commented(source, run[0]), 0)
    end = source.offset((run[-1].end_lineno or run[-1].lineno) + 1, 0)
    return Extracted(name, definition, indent, (Edit(start, end, f"{here}{call}\n{behind}"),))


def _indent(source: Source, line: int) -> str:
    text = source.line(line)
    return text[: len(text) - len(text.lstrip())]


def _fresh(source: Source, wish: str, names: frozenset[str]) -> str:
    taken = set(names)
    for node in ast.walk(source.tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                taken.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                taken.add(name)
            case ast.alias():
                taken.add(node.asname or node.name)
            case _:
                pass
    name, number = wish, 2
    while name in taken:
        name, number = f"{wish}_{number}", number + 1
    return name


def _annotated(source: Source, function: ast.FunctionDef, name: str) -> str:
    starred = {arg.arg for arg in (function.args.vararg, function.args.kwarg) if arg}
    note = next((arg.annotation for arg in parameters(function) if arg.arg == name), None)
    text = ast.get_source_segment(source.text, note) if note is not None and name not in starred else None
    return f"{name}: {text}" if text and "\n" not in text else name


def _returned(source: Source, last: ast.stmt, name: str, moved: list[str]) -> bool:
    """Turns the assignment at the end into a return; False when it is not that of `name` alone."""
    if not isinstance(last, ast.Assign) or len(last.targets) != 1 or ast.unparse(last.targets[0]) != name:
        return False
    start = source.offset(last.lineno, source.characters(last.lineno, last.col_offset))
    value = source.offset(last.value.lineno, source.characters(last.value.lineno, last.value.col_offset))
    before = source.text[start:value]
    opening = before.partition("=")[2]
    if opening.strip(" \t\r\n("):
        return False
    moved[-1] = moved[-1].replace(before.partition("=")[0] + "=", "return", 1)
    return True


def _name(function: ast.FunctionDef, run: Sequence[ast.stmt], given: list[str], method: bool) -> str:
    mark = "_" if method else ""
    if isinstance(run[-1], ast.Return):
        value = run[-1].value
        given = [value.id] if isinstance(value, ast.Name) else []
    if len(given) == 1:
        return f"{mark}compute_{given[0].lstrip('_')}"
    if any("loss" in one for one in given):
        return f"{mark}forward_and_loss"
    return f"{mark}{function.name.lstrip('_')}_tensors" if given else f"_{function.name.lstrip('_')}_compiled"


def _commented(source: Source, statement: ast.stmt) -> int:
    """The first line of a statement with the comments right above it."""
    line = statement.lineno
    while source.line(line - 1).lstrip().startswith("#"):
        line -= 1
    return line


def _lines(source: Source, statement: ast.stmt) -> str:
    start = source.offset(_commented(source, statement), 0)
    end = source.offset((statement.end_lineno or statement.lineno) + 1, 0)
    text = source.text[start:end].replace(source.newline, "\n")
    return text if text.endswith("\n") else text + "\n"


def _indented(text: str, statement: ast.stmt, old: str, new: str, source: Source) -> str:
    """The lines of a statement indented anew, but for those inside strings."""
    if old == new:
        return text
    first = _commented(source, statement)
    inner: set[int] = set()
    for node in ast.walk(statement):
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and (node.end_lineno or 0) > node.lineno:
            inner |= set(range(node.lineno + 1, (node.end_lineno or 0) + 1))
    done = []
    for number, line in enumerate(text.splitlines(keepends=True), first):
        keep = number in inner or not line.startswith(old)
        done.append(line if keep else new + line[len(old) :])
    return "".join(done)

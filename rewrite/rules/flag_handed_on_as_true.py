"""`some = mask.any().item()`, handed to functions that work on what the mask selects: they do it for nothing, too."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import libcst as cst

from g2.capture.model import Span
from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._dead import dead, without
from g2.rewrite.rules._flag_handed_on_examples import EXAMPLES, NEGATIVES
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._names import bindings, reads, scope
from g2.rewrite.rules._options import options_edit
from g2.rewrite.rules._selected_by import asked
from g2.rewrite.rules._selection_work import Work, works
from g2.rewrite.site import Site

_OPTION = "capture_scalar_outputs"
_CAVEAT = (
    "The work on a selection is also done where nothing is selected. That it changes nothing then was compared, not "
    "derived; modules called there must take inputs without rows, and parameters that had no gradient get one of "
    "zeros, which an optimizer with momentum or weight decay does not ignore."
)


@dataclass(frozen=True, slots=True)
class _Flag:
    """`name = mask.any().item()`, the only value of that name. handed: arguments that are the name."""

    name: str
    value: cst.BaseExpression
    line: cst.BaseStatement
    handed: list[cst.Arg]
    others: list[cst.Name]  # where else it is read


def _propose(site: Site) -> Iterator[Proposal | Left]:
    if isinstance(site.node, cst.If):
        for origin in _origins(site, site.node):
            yield from _proposed(origin)
    else:
        yield from _proposed(site)


def _origins(site: Site, found: cst.If) -> Iterator[Site]:
    """Where the parameter that a branch asks gets its value: with the number in the graph, Dynamo stops at the branch.

    Each is the place of a `name = ....item()` in the same file that is handed on under the parameter's name.
    """
    if not isinstance(found.test, cst.Name):
        return
    for _, function in site.source.functions:
        inside = list(ast.walk(function))
        handed = {
            one.value.id
            for one in inside
            if isinstance(one, ast.keyword) and one.arg == found.test.value and isinstance(one.value, ast.Name)
        }
        for one in inside:
            name = one.targets[0].id if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) else ""
            if name not in handed or not isinstance(one, ast.Assign) or not ast.unparse(one.value).endswith(".item()"):
                continue
            value, piece = one.value, site.source.piece(function.lineno)
            ends = (value.end_lineno or 0, value.end_col_offset or 0)
            span = Span(site.source.path, value.lineno, value.col_offset, *ends)
            node = piece.find(span)
            if node is not None:
                yield replace(site, piece=piece, node=node, span=span, place=None)


def _proposed(site: Site) -> Iterator[Proposal | Left]:
    flag = _flag(site)
    if flag is None or not flag.handed:
        return
    piece = site.piece
    keywords = {arg.keyword.value for arg in flag.handed if arg.keyword is not None}
    found: list[Work] = []
    for keyword in sorted(keywords):
        for said in works(site, keyword):
            if isinstance(said, Left):
                yield said
                return
            found.append(said)
    if not found:
        yield Left(f"no function of this file that is given `{flag.name}` by its name asks it")
        return
    edits = [piece.replace(arg.value, "True") for arg in flag.handed]
    if not flag.others:
        around = scope(piece, flag.line)
        edits += [without(piece, flag.line), *dead(piece, around, [flag.line])]
    files: tuple[FileEdits, ...] = (_file(site, [*edits, *(edit for work in found for edit in work.edits)]),)
    if flag.others and isinstance(option := options_edit(site, {_OPTION: True}), FileEdits):
        files = _together(files[0], option)
    also = "".join(f" {work.also}" for work in found if work.also)
    yield Proposal(
        rule="",
        summary=f"`{flag.name}` is handed on as True: what is done with a selection is done with an empty one, too",
        safety=Safety.ASK,
        files=files,
        tests=(piece.span(flag.value),),
        both=True,
        caveat=_CAVEAT + also,
        differs=frozenset({"zero-gradient", "requires-grad", "empty-view"}),
    )


def _flag(site: Site) -> _Flag | None:
    piece = site.piece
    line = piece.statement(site.node)
    assign = line.body[0] if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None
    if line is None or not isinstance(assign, cst.Assign) or len(assign.targets) != 1:
        return None
    target = assign.targets[0].target
    if not isinstance(target, cst.Name) or not piece.code(assign.value).rstrip(")").endswith(".item("):
        return None
    asks = asked(Known(site), assign.value)
    around = scope(piece, target)
    if asks is None or not asks.something or asks.positions or len(bindings(piece, around, target.value)) != 1:
        return None
    handed: list[cst.Arg] = []
    others: list[cst.Name] = []
    for read in reads(piece, around, target.value):
        above = piece.parent(read)
        call = piece.parent(above) if isinstance(above, cst.Arg) else None
        if isinstance(above, cst.Arg) and not above.star and isinstance(call, cst.Call) and _own(call):
            handed.append(above)
        else:
            others.append(read)
    return _Flag(target.value, assign.value, line, handed, others)


def _own(call: cst.Call) -> bool:
    """Whether it is no builtin and no function of a package by its full name, which would do something else with it."""
    name = dotted(call.func)
    return not hasattr(builtins, name) and not name.startswith(("torch.", "logger.", "logging.", "warnings."))


def _file(site: Site, edits: Sequence[Edit]) -> FileEdits:
    return FileEdits(site.source.path, tuple(sorted(dict.fromkeys(edits))))


def _together(one: FileEdits, option: FileEdits) -> tuple[FileEdits, ...]:
    if one.path != option.path:
        return (one, option)
    return (replace(one, edits=tuple(sorted((*one.edits, *option.edits))), imports=option.imports),)



RULE = Rule(
    title="a flag that says whether anything is selected is handed on as True",
    answers=("host-value", "size-from-data", "tensor-branch"),
    legal="""
        A name holds `mask.any().item()` and nothing else, and is handed to functions of the same file, by its name,
        that ask it before they compute with what the mask selects: they only compute, and bind the same names
        otherwise. `x.view(len(i), -1)`, where `i` are the positions that `x` was taken by, becomes `x.flatten(1)`:
        torch cannot infer a size of nothing. Where the name is read for something else, it keeps its value there. ASK,
        and only where the proof saw both: something selected, and nothing.
        """,
    safety=Safety.ASK,
    propose=_propose,
    rank=40,
    examples=EXAMPLES,
    negatives=NEGATIVES,
)

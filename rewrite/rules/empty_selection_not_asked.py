"""`if rows.numel() > 0:` around work on a selection goes: the work does nothing where nothing is selected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._dead import without
from g2.rewrite.rules._empty_examples import EXAMPLES, NEGATIVES
from g2.rewrite.rules._idle import Idle
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._names import bound_between, nodes, read_names, scope
from g2.rewrite.rules._options import options_edit
from g2.rewrite.rules._selected_by import Asked, asked
from g2.rewrite.site import Site
from g2.rewrite.source import Piece

_OPTION = "capture_dynamic_output_shape_ops"
_CAVEAT = (
    "What is done with a selection is also done where nothing is selected: the modules called there must take inputs "
    "without rows, and parameters that had no gradient get one of zeros, which an optimizer with momentum or weight "
    "decay does not ignore."
)
_UNKNOWN = " The compiled code works with a size that it does not know."


@dataclass(frozen=True, slots=True)
class _Guard:
    """The `if`, what it asks, and the statements that then are done in any case."""

    found: cst.If
    asks: Asked
    work: list[cst.BaseStatement]
    around: cst.CSTNode  # the block in which all their names live


def _propose(site: Site) -> Iterator[Proposal | Left]:
    kinds = Known(site)
    guard = _guard(kinds)
    if not isinstance(guard, _Guard):
        if guard is not None:
            yield guard
        return
    piece, mask = site.piece, guard.asks.mask
    names = [*read_names(piece, mask), *guard.asks.positions]
    since, here = piece.bounds(guard.asks.since)[1], piece.bounds(guard.found)[0]
    if bound_between(piece, scope(piece, mask), names, since, here):
        yield Left(f"`{piece.short(mask)}` may have changed before it is asked whether anything is selected")
        return
    idle = Idle(kinds, mask.deep_equals)
    idle.positions |= guard.asks.positions
    if why := idle.why_not(guard.work, guard.around, not guard.asks.something):
        yield Left(why)
        return
    edit = _freed(piece, guard)
    if isinstance(edit, Left):
        yield edit
        return
    freed = FileEdits(piece.source.path, (edit,))
    if site.target.reason != "data-dependent-shape":
        yield _proposal((freed,), _CAVEAT)
    option = options_edit(site, {_OPTION: True})
    if isinstance(option, FileEdits):
        yield _proposal(_together(freed, option), _CAVEAT + _UNKNOWN)


def _proposal(files: tuple[FileEdits, ...], caveat: str) -> Proposal:
    return Proposal(
        rule="",
        summary="it is not asked whether anything is selected"
        + (f", and Dynamo's option {_OPTION} is set" if caveat.endswith(_UNKNOWN) else ""),
        safety=Safety.ASK,
        files=files,
        caveat=caveat,
        differs=frozenset({"zero-gradient", "requires-grad"}),
    )


def _together(one: FileEdits, other: FileEdits) -> tuple[FileEdits, ...]:
    if one.path != other.path:
        return (one, other)
    return (FileEdits(one.path, tuple(sorted((*one.edits, *other.edits))), other.imports, other.helpers),)


def _guard(kinds: Known) -> _Guard | Left | None:
    """The `if` at the place, or the one behind the statement that makes the selection."""
    piece = kinds.site.piece
    line = piece.statement(kinds.site.node)
    block = None if line is None else piece.parent(line)
    if line is None or not isinstance(block, cst.IndentedBlock):
        return None
    if isinstance(line, cst.If):
        return _of(kinds, line, block)
    behind = [one for one in block.body if piece.bounds(one)[0] > piece.bounds(line)[0]]
    for one in behind:
        if isinstance(one, cst.If):
            said = _of(kinds, one, block)
            if isinstance(said, _Guard) and said.asks.since is line:
                return said
    return None


def _of(kinds: Known, found: cst.If, block: cst.IndentedBlock) -> _Guard | Left | None:
    piece = kinds.site.piece
    asks = asked(kinds, found.test)
    if asks is None or found.orelse is not None or not isinstance(found.body, cst.IndentedBlock):
        return None
    if isinstance(piece.parent(found), cst.If):  # an elif
        return None
    inner = [one for one in found.body.body if isinstance(one, cst.BaseStatement)]
    if asks.something:
        return _Guard(found, asks, inner, found.body)
    loop = piece.parent(block)
    if not isinstance(loop, cst.For) or len(inner) != 1 or piece.code(inner[0]).strip() != "continue":
        return None
    behind = [one for one in block.body if piece.bounds(one)[0] > piece.bounds(found)[0]]
    work = [one for one in behind if isinstance(one, cst.BaseStatement)]
    return _Guard(found, asks, work, block) if work else None


def _freed(piece: Piece, guard: _Guard) -> Edit | Left:
    """The guarded statements one step further left, with their comments; a `continue` with its test goes."""
    found, source = guard.found, piece.source
    if not guard.asks.something:
        return without(piece, found)
    for one in nodes(found.body):
        if isinstance(one, cst.SimpleString | cst.FormattedString | cst.ConcatenatedString) and "\n" in piece.code(one):
            return Left("a text of several lines stands in the block")
    margin, inner = piece.indent(found), piece.indent(guard.work[0])
    start, end = piece.bounds(found)[0], piece.bounds(guard.work[-1])[1]
    head = source.position(piece.bounds(found.test)[1])[0]
    first = source.offset(head, 0) + len(source.line(head))
    lines = source.text[first:end].replace(source.newline, "\n").split("\n")
    if any(line.strip() and not line.startswith(inner) for line in lines):
        return Left("the block is not indented evenly")
    said = source.line(head)[source.position(piece.bounds(found.test)[1])[1] :].partition("#")[2].strip()
    rows = [f"{margin}# {said}"] if said else []
    rows += [margin + line[len(inner) :] if line.strip() else "" for line in lines]
    return Edit(start, end, "\n".join(rows).removeprefix(margin))


RULE = Rule(
    title="it is not asked whether a selection is empty",
    answers=("data-dependent-shape", "size-from-data", "tensor-branch", "data-dependent-answer", "host-value"),
    legal="""
        The branch asks whether a mask has anything true, or whether the positions or rows taken by it are any. What it
        guards only reads and writes what that mask selects and binds names of its own. ASK: it is then done with
        nothing selected too.
        """,
    safety=Safety.ASK,
    propose=_propose,
    rank=30,
    examples=EXAMPLES,
    negatives=NEGATIVES,
)

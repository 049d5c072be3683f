"""A loop over the positions that occur becomes a loop over all: nothing is selected for those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._dead import dead, without
from g2.rewrite.rules._idle import Idle
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._loop_examples import EXAMPLES, NEGATIVES
from g2.rewrite.rules._names import binds, definition, nodes, reads, scope
from g2.rewrite.rules._occurring import Occurring, occurring, some
from g2.rewrite.site import Site
from g2.rewrite.source import Piece

_MOST = 256
_CAVEAT = (
    "The loop's body also runs for positions that do not occur, with nothing selected: the modules called there must "
    "take inputs without rows, and parameters that had no gradient get one of zeros, which an optimizer with momentum "
    "or weight decay does not ignore."
)


@dataclass(frozen=True, slots=True)
class _Found:
    loop: cst.For
    index: str
    held: cst.SimpleStatementLine | None  # the assignment of the positions, when they have a name
    over: Occurring


def _propose(site: Site) -> Iterator[Proposal | Left]:
    kinds = Known(site)
    found = _found(site, kinds)
    if not isinstance(found, _Found):
        if found is not None:
            yield found
        return
    told = some(kinds, found.over.mask, site.piece.bounds(found.loop)[0])
    if isinstance(told, Left):
        yield told
        return
    shape = kinds.of(told).shape
    if shape and shape[0] > _MOST:
        yield Left(f"there are {shape[0]} positions, and a graph would hold the loop's body for each")
        return
    edits = _body(kinds, found, told.value)
    if isinstance(edits, Left):
        yield edits
        return
    piece, around = site.piece, scope(site.piece, found.loop)
    edits.append(piece.replace(found.loop.iter, f"range({told.value}.shape[0])"))
    if found.held is not None:
        edits.append(without(piece, found.held))
        edits += dead(piece, around, [found.held])
    yield Proposal(
        rule="",
        summary="the loop runs over all positions, and selects nothing for those that do not occur",
        safety=Safety.ASK,
        files=(FileEdits(piece.source.path, tuple(sorted(edits))),),
        caveat=_CAVEAT,
        differs=frozenset({"zero-gradient", "requires-grad"}),
    )


def _found(site: Site, kinds: Known) -> _Found | Left | None:
    """The loop, from its head or from where the positions are taken."""
    piece = site.piece
    line = piece.statement(site.node)
    if isinstance(line, cst.For):
        loop, held = line, None
        value = loop.iter
        if isinstance(value, cst.Name):
            made = definition(piece, scope(piece, loop), value.value)
            where = None if made is None else piece.statement(made)
            if made is None or not isinstance(where, cst.SimpleStatementLine):
                return None
            value, held = made, where
    elif isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 and isinstance(line.body[0], cst.Assign):
        held, assign = line, line.body[0]
        target, value = assign.targets[0].target, assign.value
        if occurring(kinds, value) is None or len(assign.targets) != 1 or not isinstance(target, cst.Name):
            return None
        uses = reads(piece, scope(piece, line), target.value)
        above = piece.parent(uses[0]) if len(uses) == 1 else None
        if not isinstance(above, cst.For) or above.iter is not uses[0]:
            return None
        loop = above
    else:
        return None
    over = occurring(kinds, value)
    if over is None or not isinstance(loop.target, cst.Name):
        return None
    if held is not None:
        block = piece.parent(held)
        if len(reads(piece, piece.module, piece.code(loop.iter))) != 1:
            return Left(f"{piece.code(loop.iter)} is used elsewhere too")
        if isinstance(block, cst.IndentedBlock) and len(block.body) == 1:
            return Left("the positions are found in a block of their own")
    if loop.orelse is not None or not isinstance(loop.body, cst.IndentedBlock):
        return Left("the loop is not a plain one")
    return _Found(loop, loop.target.value, held, over)


def _body(kinds: Known, found: _Found, mask: str) -> list[Edit] | Left:
    """What the loop's body becomes when its variable is a number."""
    piece, index = kinds.site.piece, found.index
    body = [one for one in found.loop.body.body if isinstance(one, cst.BaseStatement)]
    edits: list[Edit] = []
    form = found.over.form
    first = body[0]
    if isinstance(first, cst.SimpleStatementLine) and piece.code(first).replace(" ", "") in (
        f"{index}={index}[0]" if form == "row" else "", f"{index}={index}.item()", f"{index}=int({index})",
    ):  # fmt: skip
        edits.append(without(piece, first))
        body, form = body[1:], "number"
    uses = [one for one in reads(piece, piece.module, index) if found.loop in piece.ancestors(one)]
    if len(uses) != len(reads(piece, piece.module, index)):
        return Left(f"`{index}` is read outside of the loop")
    uses = [one for one in uses if any(part in piece.ancestors(one) for part in body)]
    if any(
        isinstance(one, cst.Name) and one.value == index and binds(piece, one) for part in body for one in nodes(part)
    ):
        return Left(f"`{index}` gets another value in the loop")
    dropped: dict[cst.CSTNode, cst.CSTNode] = {}
    for use in uses if form != "number" else ():
        part = _converted(piece, use)
        if part is not None:
            dropped[part] = use
        elif not _indexes(piece, use):
            return Left(f"`{piece.short(piece.parent(use) or use)}` takes the position as a tensor")
        elif form == "row":
            squeezed = _squeezed(piece, use)
            if squeezed is not None:
                dropped[squeezed] = piece.parent(piece.parent(piece.parent(use) or use) or use) or use
            elif _owner(kinds, use) != "module":
                return Left(f"`{piece.short(piece.parent(use) or use)}` is indexed with a tensor of one position")
    edits += [piece.replace(whole, piece.code(kept)) for whole, kept in dropped.items()]
    if not body:
        return Left("the loop does nothing")

    def empty(node: cst.BaseExpression) -> bool:
        return piece.code(node).replace(" ", "") == f"{mask}[{index}]"

    if any(_written_to(piece, one, mask) for one in nodes(found.loop.body)):
        return Left(f"`{mask}` is changed in the loop")
    idle = Idle(kinds, empty)
    why = idle.why_not(body, found.loop)
    return Left(why) if why else edits


def _written_to(piece: Piece, node: cst.CSTNode, mask: str) -> bool:
    match node:
        case cst.AssignTarget(target=cst.Subscript(value=cst.Name(value=name))):
            return name == mask
        case cst.AugAssign(target=cst.Subscript(value=cst.Name(value=name)) | cst.Name(value=name)):
            return name == mask
        case cst.Call(func=cst.Attribute(value=cst.Name(value=name), attr=cst.Name(value=method))):
            return name == mask and method.endswith("_")
        case _:
            return isinstance(node, cst.Name) and node.value == mask and binds(piece, node)


def _converted(piece: Piece, use: cst.Name) -> cst.CSTNode | None:
    """`i.item()` and `int(i)`, which are the number itself."""
    above = piece.parent(use)
    further = None if above is None else piece.parent(above)
    if isinstance(above, cst.Attribute) and above.attr.value == "item" and isinstance(further, cst.Call):
        return further
    if isinstance(above, cst.Arg) and isinstance(further, cst.Call) and piece.code(further.func) == "int":
        return further
    return None


def _indexes(piece: Piece, use: cst.Name) -> bool:
    """Whether it is the only index of something, or compared."""
    above = piece.parent(use)
    if isinstance(above, (cst.Comparison, cst.ComparisonTarget)):
        return True
    element = piece.parent(above) if isinstance(above, cst.Index) else None
    subscript = piece.parent(element) if isinstance(element, cst.SubscriptElement) else None
    return isinstance(subscript, cst.Subscript) and len(subscript.slice) == 1


def _squeezed(piece: Piece, use: cst.Name) -> cst.CSTNode | None:
    """`x[i].squeeze(0)`."""
    subscript = piece.parent(piece.parent(piece.parent(use) or use) or use)
    above = None if subscript is None else piece.parent(subscript)
    call = None if above is None else piece.parent(above)
    if isinstance(call, cst.Call) and isinstance(above, cst.Attribute) and above.attr.value == "squeeze":
        return call if piece.code(call).replace(" ", "").endswith(".squeeze(0)") else None
    return None


def _owner(kinds: Known, use: cst.Name) -> str:
    """What is indexed: "module" for a list of modules."""
    piece = kinds.site.piece
    subscript = piece.parent(piece.parent(piece.parent(use) or use) or use)
    if not isinstance(subscript, cst.Subscript):
        return "number" if isinstance(piece.parent(use), (cst.Comparison, cst.ComparisonTarget)) else ""
    return kinds.of(subscript.value).name


RULE = Rule(
    title="a loop over positions that occur runs over all positions",
    answers=("data-dependent-shape", "host-value", "data-dependent-answer", "size-from-data"),
    legal="""
        The loop runs over the positions at which a mask has something true, and its body only works on what that
        part of the mask selects: rows are read and written by it, all else is names of the body's own. So it does
        nothing where nothing is selected. ASK: modules are called with inputs that have no rows, and their parameters
        get gradients of zeros.
        """,
    safety=Safety.ASK,
    propose=_propose,
    rank=20,
    examples=EXAMPLES,
    negatives=NEGATIVES,
)

"""What becomes of the elements that a mask selects: the names that hold them, and the expressions that use them up."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst

from g2.rewrite.model import Left
from g2.rewrite.rules._full_size import FullSize
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._masked import Selected, selected, widened
from g2.rewrite.rules._names import bindings, bound_between, nodes, read_names, reads, scope
from g2.rewrite.source import Piece

_MAX_LEAVES = 64


@dataclass(slots=True)
class Selection:
    """`leaves`: where selected elements are read, and the whole tensor that stands for them. `lines`: the statements
    `v = x[mask]` that are not needed any more. `derived`: right sides whose name holds what is computed of them.
    `tops`: the largest expressions that work on each element by itself; what is around them uses them up.
    """

    first: Selected
    leaves: dict[cst.CSTNode, str] = field(default_factory=dict[cst.CSTNode, str])
    lines: list[cst.BaseStatement] = field(default_factory=list[cst.BaseStatement])
    derived: list[cst.BaseExpression] = field(default_factory=list[cst.BaseExpression])
    tops: list[cst.BaseExpression] = field(default_factory=list[cst.BaseExpression])


def selection(kinds: Kinds, first: Selected, torch: str) -> tuple[Selection, FullSize] | Left:
    """Everything that has to change when `first` is no longer read by its mask; Left says why it cannot."""
    piece = kinds.site.piece
    if first.behind is None:
        return Left(f"it is not known how many dimensions {piece.code(first.tensor)} has behind the mask's")
    found = Selection(first)
    around = scope(piece, first.node)
    full = FullSize(kinds, torch, widened(piece, first.mask, first.behind), found.leaves, first.behind)
    for node in nodes(around):
        one = selected(kinds, node, certain=node is first.node)
        if one is not None and one.same_mask(first) and one.behind == first.behind and _read(piece, node):
            why = _enter(kinds, found, one)
            if why is not None and node is first.node:
                return why
    waiting: list[cst.CSTNode] = [*(one for one in found.leaves)]
    seen: set[cst.CSTNode] = set()
    while waiting and len(found.leaves) < _MAX_LEAVES:
        leaf = waiting.pop()
        top = _top(full, leaf)
        if top in seen or top is None:
            continue
        seen.add(top)
        assign = piece.parent(top)
        if isinstance(assign, cst.Assign) and len(assign.targets) == 1:
            target = assign.targets[0].target
            if isinstance(target, cst.Name) and len(bindings(piece, around, target.value)) == 1:
                found.derived.append(top)
                for read in reads(piece, around, target.value):
                    found.leaves[read] = target.value
                    waiting.append(read)
                for other in list(found.tops):
                    grown = _top(full, other)
                    if grown is not other:
                        found.tops.remove(other)
                continue
        found.tops.append(top)
    tops: dict[cst.BaseExpression, None] = {}
    for leaf in found.leaves:
        top = _top(full, leaf)
        if top is not None and top not in found.derived:
            tops[top] = None
    found.tops = list(tops)
    return found, full


def _enter(kinds: Kinds, found: Selection, one: Selected) -> Left | None:
    """Take a selection in: as it stands, or with the name that it is given and that name's reads."""
    piece = kinds.site.piece
    line = piece.statement(one.node)
    assign = piece.parent(one.node)
    if not (isinstance(assign, cst.Assign) and len(assign.targets) == 1 and isinstance(line, cst.SimpleStatementLine)):
        found.leaves[one.node] = piece.code(one.tensor)
        return None
    name = assign.targets[0].target
    if not isinstance(name, cst.Name) or len(line.body) != 1:
        return Left(f"{piece.code(one.node)} is stored")
    held = _reads_of(kinds, line, name.value)
    if isinstance(held, Left):
        return held
    start = piece.bounds(line)[1]
    stop = max((piece.bounds(read)[1] for read in held), default=start)
    around = scope(piece, line)
    used = {*read_names(piece, one.tensor), *read_names(piece, one.mask)} - {name.value}
    if bound_between(piece, around, used, start, stop) or written_between(piece, around, used, start, stop):
        return Left(f"{piece.code(one.tensor)} or the mask changes before {name.value} is used")
    for read in held:
        found.leaves[read] = piece.code(one.tensor)
    found.lines.append(line)
    return None


def _reads_of(kinds: Kinds, line: cst.BaseStatement, name: str) -> list[cst.Name] | Left:
    """The reads that see what this statement gave the name."""
    piece = kinds.site.piece
    around, block = scope(piece, line), piece.parent(line)
    start = piece.bounds(line)[1]
    after = [one for one in bindings(piece, around, name) if piece.bounds(one)[0] >= start]
    stop = len(piece.source.text)
    if after:
        nearest = min(after, key=lambda one: piece.bounds(one)[0])
        there = piece.statement(nearest)
        if there is None or piece.parent(there) is not block:
            return Left(f"{name} gets another value further down")
        stop = piece.bounds(there)[1]
    if any(isinstance(one, (cst.For, cst.While)) for one in _to(piece, line, around)) and any(
        piece.bounds(read)[0] < start for read in reads(piece, around, name) if read not in set(nodes(line))
    ):
        return Left(f"{name} is carried from one turn of the loop to the next")
    held = [read for read in reads(piece, around, name) if start <= piece.bounds(read)[0] < stop]
    if any(block not in piece.ancestors(read) or scope(piece, read) is not around for read in held):
        return Left(f"{name} is read where it may hold something else")
    return held


def _to(piece: Piece, node: cst.CSTNode, around: cst.CSTNode) -> list[cst.CSTNode]:
    above = piece.ancestors(node)
    return above[: above.index(around)] if around in above else above


def written_between(piece: Piece, tree: cst.CSTNode, names: set[str], start: int, stop: int) -> bool:
    """Whether one of the names is written into: by index, by `+=`, or by a method that ends in an underscore."""
    for node in nodes(tree):
        if not isinstance(node, cst.Name) or node.value not in names or not start <= piece.bounds(node)[0] < stop:
            continue
        above = piece.parent(node)
        if isinstance(above, cst.Attribute) and above.value is node and above.attr.value.endswith("_"):
            return True
        if isinstance(above, cst.Subscript) and isinstance(piece.parent(above), (cst.AssignTarget, cst.AugAssign)):
            return True
        if isinstance(above, cst.AugAssign) and above.target is node:
            return True
    return False


def _top(full: FullSize, leaf: cst.CSTNode) -> cst.BaseExpression | None:
    """The largest expression around a leaf that works on each element by itself."""
    piece = full.piece
    top = leaf if isinstance(leaf, cst.BaseExpression) else None
    for above in piece.ancestors(leaf):
        if isinstance(above, (cst.Arg, cst.ComparisonTarget)):
            continue
        if isinstance(above, cst.Attribute):
            call = piece.parent(above)
            if isinstance(call, cst.Call) and call.func is above:
                continue
            break
        if not isinstance(above, cst.BaseExpression) or full.form(above) is None:
            break
        top = above
    return top


def _read(piece: Piece, node: cst.CSTNode) -> bool:
    above = piece.parent(node)
    while isinstance(above, (cst.Element, cst.Tuple)):
        above = piece.parent(above)
    if isinstance(above, cst.AugAssign):
        return above.target is not node
    return not isinstance(above, (cst.AssignTarget, cst.Del))

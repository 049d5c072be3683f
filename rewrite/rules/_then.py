"""A rewrite that leaves a branch on a tensor behind, together with the cure of that branch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import libcst as cst

from g2.capture.model import Span, Value
from g2.explain.catalog import reasons
from g2.rewrite.edit import Overlap, Text
from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rules._kinds import UNKNOWN
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._names import bindings, nodes, scope
from g2.rewrite.site import Site
from g2.rewrite.source import Piece, Unreadable

_SEVERAL = 3


def then(
    site: Site, first: Proposal, tests: Sequence[cst.BaseExpression], held: dict[str, Value]
) -> Iterator[Proposal | Left]:
    """`first`, and for every one of `tests` (expressions of the text now) what a rule makes of a branch on it.

    held: what names hold once `first` is in place.
    """
    piece = site.piece
    if len(tests) > _SEVERAL:
        yield Left(f"{len(tests)} branches are decided by the number")
        return
    values = {**_inferred(site), **site.values, **held}
    made: list[Proposal] = [first]
    for test in sorted(tests, key=lambda node: piece.bounds(node)[0], reverse=True):
        grown: list[Proposal] = []
        for one in made:
            grown += [more for more in _cured(site, one, test, values) if isinstance(more, Proposal)]
        if not grown:
            yield Left(f"it would become a branch on a tensor in line {piece.span(test).line}, which no rule takes")
            return
        made = grown
    yield from made


def _cured(
    site: Site, first: Proposal, test: cst.BaseExpression, values: dict[str, Value]
) -> Iterator[Proposal | Left]:
    from g2.rewrite.catalog import rules_for  # the catalog loads this folder

    source = site.source
    (file,) = first.files
    text = Text(source, file.edits)
    try:
        after = text.after()
        start, end = (text.forth(offset) for offset in site.piece.bounds(test))
        there = after.piece(after.position(start)[0])
    except Unreadable:
        return
    node = _at(there, start, end)
    if node is None or site.place is None:
        return
    span = there.span(node)
    moved = replace(
        site,
        target=replace(site.target, reason="tensor-branch", span=span),
        place=replace(site.place, span=span, values=tuple(values.values())),
        piece=there,
        node=node,
        span=span,
    )
    for rule in rules_for("tensor-branch"):
        if len(rule.answers) == len(reasons()):
            continue  # it answers every break, and draws the region anew by what the run saw in the text before
        for said in rule.propose(moved):
            if isinstance(said, Proposal) and len(said.files) == 1 and said.files[0].path == source.path:
                joined = _joined(text, first, said)
                if joined is not None:
                    yield joined


def _joined(text: Text, first: Proposal, second: Proposal) -> Proposal | None:
    (file,), (more,) = first.files, second.files
    try:
        carried, taken = text.carried(more.edits)
    except Overlap:
        return None
    edits: tuple[Edit, ...] = tuple(sorted([*(edit for edit in file.edits if edit not in taken), *carried]))
    both = FileEdits(
        file.path,
        edits,
        tuple(dict.fromkeys((*file.imports, *more.imports))),
        tuple(dict.fromkeys((*file.helpers, *more.helpers))),
    )
    least = Safety.SAFE if first.safety is second.safety is Safety.SAFE else Safety.ASK
    return replace(
        first,
        summary=f"{first.summary}; {second.summary}",
        safety=least,
        files=(both,),
        caveat=" ".join(filter(None, (first.caveat, second.caveat))),
        differs=first.differs | second.differs,
    )


def _at(piece: Piece, start: int, end: int) -> cst.BaseExpression | None:
    """The expression that begins and ends there."""
    source = piece.source
    ends = [source.position(start), source.position(end)]
    columns = [len(source.line(line)[:column].encode()) for line, column in ends]
    node = piece.find(Span(source.path, ends[0][0], columns[0], ends[1][0], columns[1]))
    return node if isinstance(node, cst.BaseExpression) and piece.bounds(node) == (start, end) else None


def _inferred(site: Site) -> dict[str, Value]:
    """Names that are bound behind the place, as far as their assignments say what they hold."""
    known = Known(site)
    around = scope(site.piece, site.node)
    found: dict[str, Value] = {}
    for node in nodes(around):
        if isinstance(node, cst.Name) and node.value not in found and node.value not in site.values:
            kind = known.of(node) if bindings(site.piece, around, node.value) else UNKNOWN
            if kind.name != "unknown":
                found[node.value] = Value(node.value, kind.name, kind.dtype, kind.shape, kind.grad)
    return found

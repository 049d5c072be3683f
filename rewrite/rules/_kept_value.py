"""`x = value` of a step that a tensor may skip: torch.where keeps the x from before it."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.model import Edit
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._layout import call, joined, width
from g2.rewrite.rules._truth import bare

_INLINE = 40  # characters of a value that stands in the call itself
_WHOLE = (cst.Name, cst.Call, cst.Attribute, cst.Subscript, cst.BinaryOperation)


def always_asked(last: cst.Assign, name: str, needed: bool, kinds: Kinds) -> list[Edit]:
    """Edits of an assignment, where the tensor `name` is there in any case: it says to skip, or that it is `needed`."""
    target, new = _names(last, kinds)
    value = joined(bare(last.value, kinds))
    inline = isinstance(last.value, _WHOLE) and len(value) < _INLINE
    chosen = value if inline else new
    sides = [chosen, target] if needed else [target, chosen]
    margin = kinds.site.piece.indent(last)
    lines = call(f"{target} = {kinds.names.torch}.where", [name, *sides], "", len(margin), width(kinds.site.piece))
    return _written(last, "" if inline else new, lines.split("\n"), kinds)


def asked_if_there(last: cst.Assign, name: str, kinds: Kinds, less: int = 0) -> list[Edit]:
    """Edits of an assignment, where `name` is None on some ways. less: columns by which it will move to the left."""
    target, new = _names(last, kinds)
    torch, margin = kinds.names.torch, len(kinds.site.piece.indent(last)) - less
    head = f"{target} = {new} if {name} is None else {torch}.where"
    lines = call(head, [name, target, new], "", margin, width(kinds.site.piece)).split("\n")
    if len(lines) > 1:
        lines = [f"if {name} is not None:", f"    {new} = {torch}.where({name}, {target}, {new})", f"{target} = {new}"]
    return _written(last, new, lines, kinds)


def _names(last: cst.Assign, kinds: Kinds) -> tuple[str, str]:
    target = dotted(last.targets[0].target)
    return target, kinds.site.piece.fresh(f"new_{target}")


def _written(last: cst.Assign, new: str, lines: list[str], kinds: Kinds) -> list[Edit]:
    """The lines in place of the assignment, or behind it where its value gets the name `new`."""
    piece = kinds.site.piece
    begin, end = piece.bounds(last)
    written = f"\n{piece.indent(last)}".join(lines)
    if not new:
        return [Edit(begin, end, written)]
    return [
        Edit(*piece.bounds(last.targets[0].target), new),
        Edit(end, end, f"\n{piece.indent(last)}{written}"),
    ]

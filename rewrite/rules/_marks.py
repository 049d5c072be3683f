"""Marks on the inputs of a call, written before it in the person's own file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from g2.capture.model import Guard
from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rules._call_sites import CallSite, call_site
from g2.rewrite.rules._new_name import fresh_in
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site


def marked(site: Site, function: str, word: str, safety: Safety, caveat: str = "") -> Iterator[Proposal | Left]:
    """The marks on all inputs whose sizes changed. `word`: what they are marked as."""
    changed = [guard for guard in site.recompile.guards if guard.kind == "size"] if site.recompile else []
    if not changed:
        yield Left("no size changed")
        return
    made = _marks(site, changed, function)
    if isinstance(made, Left):
        yield made
        return
    names = ", ".join(dict.fromkeys(f"{guard.source}.size({guard.dim or 0})" for guard in changed))
    yield Proposal("", f"{names} is marked as {word} before the call", safety, (made,), caveat=caveat)


def _marks(site: Site, changed: Sequence[Guard], function: str) -> FileEdits | Left:
    """The edits that call `function` ("_dynamo.maybe_mark_dynamic") on the arguments whose sizes changed, before every
    call that is written like the one that brought the change. Each guard is of kind "size".
    """
    call = call_site(site)
    if isinstance(call, Left):
        return call
    names = torch_names(call.piece.source)
    edits: list[Edit] = []
    for one in call.calls():
        dims: dict[tuple[cst.Arg, str], set[int]] = {}
        for guard in changed:
            if (given := call.given(guard.source, one)) is not None:
                dims.setdefault(given, set()).add(guard.dim or 0)
            elif one is call.call:
                return Left(f"{guard.source} is no argument of the call that brought the other size")
        said = _put_before(call, one, dims, f"{names.torch}.{function}")
        if isinstance(said, Left):
            if one is call.call:
                return said
            continue
        edits += said
    if not edits:
        return Left("the size is marked already")
    return FileEdits(call.piece.source.path, tuple(dict.fromkeys(edits)), names.imports)


def _put_before(
    call: CallSite, one: cst.Call, dims: dict[tuple[cst.Arg, str], set[int]], mark: str
) -> list[Edit] | Left:
    piece = call.piece
    line = piece.statement(one)
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return Left("the call is no statement of its own")
    for above in piece.ancestors(one):
        if above is line:
            break
        if isinstance(above, (cst.Lambda, cst.BaseComp, cst.IfExp, cst.BooleanOperation)):
            return Left("the call is part of an expression that may run it never or often")
    margin = piece.indent(line)
    before: list[str] = []
    edits: list[Edit] = []
    for number, ((arg, rest), wanted) in enumerate(dims.items()):
        written = piece.code(arg.value)
        if not isinstance(arg.value, (cst.Name, cst.Attribute)):
            if number or not _first(one, arg):
                return Left(f"{written} would be evaluated earlier than it is now")
            name = fresh_in(piece, one, _called(call, arg), "inputs")
            before.append(f"{name} = {written}")
            edits.append(piece.replace(arg.value, name))
            written = name
        which = ", ".join(str(dim) for dim in sorted(wanted))
        text = f"{mark}({written}{rest}, {which if len(wanted) == 1 else f'[{which}]'})"
        if text not in piece.source.text:
            before.append(text)
    if before:
        at = piece.bounds(line)[0]
        edits.append(Edit(at, at, "".join(f"{text}\n{margin}" for text in before)))
    return edits


def _called(call: CallSite, arg: cst.Arg) -> str:
    """What the function calls the argument."""
    if arg.keyword is not None:
        return arg.keyword.value
    return call.parameters[0] if call.parameters else ""


def _first(one: cst.Call, arg: cst.Arg) -> bool:
    """Whether nothing that could notice is evaluated before the argument: names and constants cannot."""
    for other in one.args:
        if other is arg:
            return True
        if not isinstance(other.value, (cst.Name, cst.BaseNumber, cst.SimpleString)):
            return False
    return False

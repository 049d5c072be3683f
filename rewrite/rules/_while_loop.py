"""A loop that a tensor ends, as torch.while_loop: the text that a person would write."""

from __future__ import annotations

import textwrap

import libcst as cst

from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._layout import joined
from g2.rewrite.rules._names import bindings, reads, scope
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site

_MOST = 12  # statements in the loop


def while_loop(found: cst.While, site: Site) -> tuple[str, ...]:
    """Lines of code; none where the loop does more than to give names new values."""
    lines = [one for one in found.body.body if isinstance(one, cst.SimpleStatementLine)]
    small = [part for line in lines for part in line.body]
    if found.orelse is not None or len(lines) != len(found.body.body) or len(small) > _MOST:
        return ()
    body = [_assigned(part, site) for part in small]
    if not all(body):
        return ()
    piece, around = site.piece, scope(site.piece, found)
    start, end = piece.bounds(found)
    given = dict.fromkeys(name for name, _ in body)
    carried = [
        name
        for name in given
        if any(piece.bounds(one)[0] < start for one in bindings(piece, around, name))
        and any(
            start <= piece.bounds(one)[0] < end or piece.bounds(one)[0] >= end for one in reads(piece, around, name)
        )
    ]
    escaping = set(given) - set(carried)
    if not carried or any(piece.bounds(one)[0] >= end for name in escaping for one in reads(piece, around, name)):
        return ()
    kinds, torch = Kinds(site), torch_names(site.source).torch
    names = ", ".join(carried)
    state = [f"{torch}.tensor({name})" if kinds.of(cst.Name(name)).plain else f"{name}.clone()" for name in carried]
    comma = "," if len(carried) == 1 else ""
    return (
        f"def going({names}):",
        f"    return {joined(piece.code(found.test))}",
        f"def step({names}):",
        *(textwrap.indent(text, "    ") for _, text in body),
        f"    return {names}{comma}",
        f"{names}{comma} = {torch}.while_loop(going, step, ({', '.join(state)}{comma}))",
    )


def _assigned(part: cst.BaseSmallStatement, site: Site) -> tuple[str, str]:
    """The name that a statement gives a value and its text, which changes nothing in place; empty for anything else."""
    code = site.piece.code
    if isinstance(part, cst.Assign) and len(part.targets) == 1 and isinstance(part.targets[0].target, cst.Name):
        return part.targets[0].target.value, joined(code(part))
    if isinstance(part, cst.AugAssign) and isinstance(part.target, cst.Name):
        sign = code(part.operator).strip().removesuffix("=")
        value = joined(code(part.value))
        value = value if isinstance(part.value, (cst.Name, cst.Call, cst.Integer, cst.Float)) else f"({value})"
        return part.target.value, f"{part.target.value} = {part.target.value} {sign} {value}"
    return "", ""

"""A statement that gives nothing back to the compiled function (a metric's update, a record) leaves the region."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from g2.explain.catalog import reasons
from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._out_of_region_examples import EXAMPLES, NEGATIVES
from g2.rewrite.rules._region import hit_by, region
from g2.rewrite.rules._split import Drawn, drawn_anew
from g2.rewrite.site import Site


def _propose(site: Site) -> Iterator[Proposal | Left]:
    found = region(site)
    if isinstance(found, Left):
        return
    own, every = found.hits[0], hit_by(found, lambda hit: True)
    direct = hit_by(found, lambda hit: not hit.inner)
    here = hit_by(found, lambda hit: hit == own)

    at = [n for n in ast.walk(found.function) if isinstance(n, ast.stmt) and here(n)]
    # One place in what is called has one caller in the record; other calls of the same kind (every metric.update) are
    # likely to meet it too.
    called = {_called(n) for n in ast.walk(found.function) if isinstance(n, ast.Expr) and every(n)} - {""}

    def outside(one: ast.stmt) -> bool:
        return (isinstance(one, ast.Expr) and (every(one) or _called(one) in called)) or (here(one) and direct(one))

    if not any(outside(one) for one in at):
        return  # what it gives is needed in the region: a cure has to be found where the break is
    why = Left("tensor work stands on both sides of it")
    for postpone in (False, True):
        drawn = drawn_anew(found, outside, postpone, share=2)
        if isinstance(drawn, Left):
            why = drawn
        elif len(drawn.names) == 1:
            yield _proposal(drawn, found.function.name, " ".join(ast.unparse(at[-1]).split()))
            return
    yield why


def _proposal(drawn: Drawn, function: str, text: str) -> Proposal:
    caveats = [drawn.caveat] if drawn.caveat else []
    if drawn.postponed:
        caveats.append(f"`{text[:60]}` comes after statements that stood behind it, and is not run when one raises")
    return Proposal(
        rule="",
        summary=f"{drawn.names[0]} is compiled; {function} runs the rest uncompiled",
        safety=Safety.ASK if caveats else Safety.SAFE,
        files=drawn.files,
        caveat="; ".join(caveats),
    )


def _called(one: ast.Expr) -> str:
    function = one.value.func if isinstance(one.value, ast.Call) else one.value
    return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)


RULE = Rule(
    title="a statement without a result leaves the compiled region",
    answers=tuple(reasons()),
    legal="""
        The script compiles a function of its own, by decorator or by one call that names it, and a statement of it
        leads to a break whose result nothing in the region needs: its value is thrown away, or it stands at the
        beginning or the end. The statements without breaks become a compiled function; the names that it reads are
        passed and those read behind it are returned, each of which must be bound for certain. Effects keep their order.
        A statement in the middle is put behind assignments that neither touch the object that it calls nor what it
        reads: ASK.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=80,
    examples=EXAMPLES,
    negatives=NEGATIVES,
)

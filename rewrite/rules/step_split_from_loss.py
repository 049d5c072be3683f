"""backward, the optimizer and what stands behind them leave the compiled region; forward and loss stay in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._region import hit_by, region
from g2.rewrite.rules._split import drawn_anew
from g2.rewrite.rules._step_split_examples import EXAMPLES
from g2.rewrite.rules._step_split_negatives import NEGATIVES
from g2.rewrite.site import Site

_STEPS = {"backward", "zero_grad", "step"}


def _propose(site: Site) -> Iterator[Proposal | Left]:
    found = region(site)
    if isinstance(found, Left):
        yield found
        return
    at = hit_by(found, lambda hit: hit.reason in RULE.answers)
    # What else cannot be captured and gives nothing back (metrics, logging) may as well stay outside.
    loose = hit_by(found, lambda hit: True)
    refused: set[Left] = set()
    for outside in (
        lambda one: at(one) or _is_step(one) or (isinstance(one, ast.Expr) and loose(one)),
        lambda one: at(one) or _is_step(one),
    ):
        drawn = drawn_anew(found, outside)
        if isinstance(drawn, Left):
            if drawn not in refused:
                yield drawn
            refused.add(drawn)
            continue
        yield Proposal(
            rule="",
            summary=f"{' and '.join(drawn.names)} is compiled; {found.function.name} runs the rest uncompiled"
            if len(drawn.names) == 1
            else f"{' and '.join(drawn.names)} are compiled; {found.function.name} runs the rest uncompiled",
            safety=Safety.ASK if drawn.caveat else Safety.SAFE,
            files=drawn.files,
            caveat=drawn.caveat,
        )


def _is_step(one: ast.stmt) -> bool:
    call = one.value if isinstance(one, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _STEPS


RULE = Rule(
    title="forward and loss are compiled, the training step around them is not",
    answers=("optimizer-in-region", "backward-in-region", "gradient-in-region", "gradient-hook"),
    legal="""
        The script compiles a function of its own, by decorator or by one call that names it. The longest run of
        statements without backward, optimizer and scheduler calls becomes a compiled function; the names that it reads
        are passed and those read behind it are returned, each of which must be bound for certain. The order of all
        effects stays. Left alone: generators and coroutines, early returns, global names, a function that is compiled
        under a condition or also used uncompiled.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=20,
    examples=EXAMPLES,
    negatives=NEGATIVES,
)

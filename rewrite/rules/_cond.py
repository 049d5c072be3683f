"""What may not go into a side of torch.cond."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from g2.capture.model import Span
from g2.rewrite.plan import absolute
from g2.rewrite.rules._choice import Refused
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._pure import Effects

HANDED_ON = "What is handed on unchanged has its elements row by row in memory, as torch.cond wants them of both sides."


def cloned(text: str, kinds: Kinds) -> str:
    """What a side hands on: torch.cond may not return its inputs, and compares the strides of both sides."""
    return f"{text}.clone(memory_format={kinds.names.torch}.contiguous_format)"


def drawn_anew(effects: Effects, kinds: Kinds) -> None:
    """Raises Refused where a side may draw random numbers for values that get gradients.

    The backward of torch.cond computes the side again (torch 2.11 to 2.15), with other numbers drawn: a dropout in it
    gives gradients of another mask, measured with the backends eager, aot_eager and Inductor.
    """
    trained = any(value.requires_grad for value in kinds.site.values.values())
    training = kinds.site.values.get("self.training")
    if effects.draws or (effects.unknown and (trained or (training is not None and training.text == "True"))):
        raise Refused("the backward of torch.cond draws random numbers anew, and a side may draw some")


def broken(parts: Iterable[cst.BaseExpression], kinds: Kinds) -> None:
    """Raises Refused where a side breaks the graph itself, as the run saw it: torch.cond traces both, in eager too.

    Once that break is cured the rules are asked again.
    """
    site = kinds.site
    for part in parts:
        within = site.piece.span(part)
        for one in site.session.breaks:
            for span in (one.span, *(frame.span for frame in one.stack)):
                if absolute(span.path, site.session.cwd) == site.source.path and _inside(span, within):
                    raise Refused(f"`{site.piece.short(part)}` breaks the graph itself, which torch.cond cannot trace")


def _inside(span: Span, within: Span) -> bool:
    if span.column < 0:
        return False
    start, end = (within.line, within.column), (within.end_line, within.end_column)
    return start <= (span.line, span.column) and (span.end_line, span.end_column) <= end

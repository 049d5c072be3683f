"""What a person can do where the size of a result depends on the data, and no rewrite keeps the meaning."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Negative, Rule
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._layout import joined
from g2.rewrite.rules._names import nodes
from g2.rewrite.site import Site


def propose(site: Site) -> Iterator[Proposal | Left]:
    advice = _advice(site)
    if advice:
        what, *lines = advice
        told = "\n".join([f"{what[0].upper()}{what[1:]}:\n", *(f"    {line}" for line in lines)])
        yield Proposal(rule="", summary=what, safety=Safety.SHOW, files=(), advice=(told,))


def _advice(site: Site) -> tuple[str, ...]:
    """A sentence, and at most three lines of code."""
    kinds = Kinds(site)
    for node in _inside(site):
        if isinstance(node, cst.Subscript) and len(node.slice) == 1:
            index = node.slice[0].slice
            mask = index.value if isinstance(index, cst.Index) else None
            if mask is not None and kinds.of(mask).dtype == "bool":
                return _masked(node, node.value, mask, site)
        if not isinstance(node, cst.Call):
            continue
        name = node.func.attr.value if isinstance(node.func, cst.Attribute) else dotted(node.func)
        function = site.piece.function
        if name == "ctc_loss":
            return (
                "end the compiled part before the loss, whose lengths torch itself reads as numbers",
                "logits = compiled(inputs)  # without the targets, so that it computes no loss",
                f"loss = {function.name.value if function else name}(logits, ...)  # in eager, as it is now",
                "loss.backward()  # the gradients go through both",
            )
        taken = [one.value for one in node.args if one.keyword is None]
        if isinstance(node.func, cst.Attribute) and dotted(node.func.value) not in ("torch", "F", "np"):
            taken.insert(0, node.func.value)
        given = [_part(one, site) for one in taken]
        if name == "masked_select" and len(given) == 2:
            return _masked(node, taken[0], taken[1], site)
        if given and name in ("nonzero", "argwhere", "where") and len(given) == 1:
            return (
                "ask for a fixed number of places, and keep which of them count",
                f"counts, places = {given[0]}.flatten().int().topk(most)",
                "value = torch.where(counts > 0, x.flatten()[places], 0)  # what is read there; 0 where none is",
            )
        if given and name in ("unique", "unique_consecutive"):
            return (
                "sort instead, and mark the first of each run of equal values",
                f"ordered = {given[0]}.flatten().sort().values",
                "first = torch.nn.functional.pad(ordered[1:] != ordered[:-1], (1, 0), value=True)",
                "number = first.sum()  # a tensor, where the size was asked for",
            )
    return ()


def _part(node: cst.BaseExpression, site: Site) -> str:
    """The expression's text, fit to have a method called on it."""
    text = joined(site.piece.code(node))
    if isinstance(node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)):
        return text
    return f"({text})"


def _inside(site: Site) -> Iterator[cst.CSTNode]:
    """The node at the place, what stands in it, and what it stands in up to its statement."""
    yield from nodes(site.node)
    for above in site.piece.ancestors(site.node):
        if isinstance(above, cst.BaseStatement):
            return
        yield above


def _masked(whole: cst.CSTNode, tensor: cst.BaseExpression, mask: cst.BaseExpression, site: Site) -> tuple[str, ...]:
    bare = ", ".join(joined(site.piece.code(one)) for one in (mask, tensor))
    return (
        "keep the full size, and let the mask say what counts",
        f"kept = torch.where({bare}, 0)  # not {joined(site.piece.code(whole))}",
        f"count = {_part(mask, site)}.sum()  # a tensor, where the size was asked for",
        "mean = kept.sum() / count.clamp(min=1)  # and so whatever is computed of it",
    )


RULE = Rule(
    title="advice for a size that depends on the data",
    answers=("data-dependent-shape",),
    legal="Nothing is rewritten: the program has to be laid out in another way, which only a person can judge.",
    safety=Safety.SHOW,
    propose=propose,
    rank=90,
    examples=(),
    negatives=(
        Negative(
            name="the reading has a rewrite",
            script="""\
import torch

@torch.compile
def total(x):
    return x[x > 0].sum()

print(total(torch.ones(4)))
""",
        ),
    ),
)

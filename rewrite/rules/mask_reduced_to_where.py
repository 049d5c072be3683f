"""`x[mask].sum()`, `x[mask].mean()` and losses over selected elements become reductions of whole, masked tensors."""

from __future__ import annotations

from collections.abc import Iterator

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._dead import pure, without
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._mask_reduced_examples import EXAMPLES, NEGATIVES, ROWS
from g2.rewrite.rules._masked import selected
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._qualified import torch_as
from g2.rewrite.rules._reductions import Reductions
from g2.rewrite.rules._selection import selection
from g2.rewrite.site import Site


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece = site.piece
    kinds = Known(site)
    reads = [site.node, *(node for node in nodes(site.node) if node is not site.node)]
    first = next((one for node in reads if (one := selected(kinds, node, certain=node is site.node))), None)
    if first is None:
        return
    torch, imports = torch_as(piece.source)
    found = selection(kinds, first, torch)
    if isinstance(found, Left):
        yield found
        return
    picked, full = found
    if not pure(first.mask):
        yield Left("the mask is computed by calls and would be computed twice")
        return
    reductions = Reductions(full, picked)
    edits: list[Edit] = [without(piece, line) for line in picked.lines]
    for value in picked.derived:
        edits.append(piece.replace(value, full.selectable(value)))
    for top in picked.tops:
        told = reductions.used(top)
        if isinstance(told, Left):
            yield told
            return
        node, text = told
        edits.append(piece.replace(node, text))
    if not picked.tops:
        yield Left("what the mask selects is not used")
        return
    yield Proposal(
        rule="",
        summary="what the mask does not select is left out of the sum by torch.where, so that no size depends on it",
        safety=Safety.ASK if reductions.caveat else Safety.SAFE,
        files=(FileEdits(piece.source.path, tuple(sorted(set(edits))), imports),),
        caveat=reductions.caveat,
    )


RULE = Rule(
    title="a reduction of what a mask selects becomes one of the whole tensor",
    answers=("data-dependent-shape",),
    legal="What is computed of the selected elements works on each of them by itself and ends in a sum, a mean, any, "
    "all, a norm, a maximum or minimum, or in a loss of torch.nn.functional; the selected elements themselves, "
    "and how many they are, are used for nothing else. An empty mask gives the same in both: 0 for a sum, NaN "
    "for a mean. Elements that are not selected are replaced before anything is computed of them, so that their "
    "NaN or infinity reaches neither the result nor a gradient. A maximum of nothing raises before and gives an "
    "infinity after: ASK.",
    safety=Safety.SAFE,
    propose=_propose,
    examples=EXAMPLES + ROWS,
    negatives=NEGATIVES,
    rank=35,
)

"""`list(x.size()) == [n, count]` where `count` is a tensor: its number is taken, which the graph then holds."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._options import options_edit
from g2.rewrite.site import Site

_OPTION = "capture_scalar_outputs"


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece, kinds = site.piece, Known(site)
    compared = next((one for one in nodes(site.node) if isinstance(one, cst.Comparison)), None)
    if compared is None or len(compared.comparisons) != 1:
        return
    if not isinstance(compared.comparisons[0].operator, (cst.Equal, cst.NotEqual)):
        return
    sides = (compared.left, compared.comparisons[0].comparator)
    listed = [side for side in sides if isinstance(side, (cst.List, cst.Tuple))]
    if not listed:
        return
    parts = [element.value for side in listed for element in side.elements]
    if any(isinstance(element, cst.StarredElement) for side in listed for element in side.elements):
        yield Left("a list is compared of which some elements come from elsewhere")
        return
    tensors = [part for part in parts if kinds.of(part).tensor]
    if not tensors:
        yield Left("it is not known which elements of the lists are tensors")
        return
    for part in tensors:
        kind = kinds.of(part)
        if kind.shape != () or not kind.dtype.startswith(("int", "uint")) or not isinstance(part, cst.Name):
            yield Left(f"`{piece.short(part)}` is not known to be a whole number without dimensions")
            return
    taken = sorted(piece.replace(part, f"{piece.code(part)}.item()") for part in tensors)
    edits = FileEdits(piece.source.path, tuple(taken))
    option = options_edit(site, {_OPTION: True})
    files: tuple[FileEdits, ...] = (edits,)
    if isinstance(option, FileEdits):
        same = option.path == edits.path
        both = FileEdits(edits.path, tuple(sorted((*edits.edits, *option.edits))), option.imports, option.helpers)
        files = (both,) if same else (edits, option)
    option_set = f", and Dynamo's option {_OPTION} is set" if isinstance(option, FileEdits) else ""
    names = " and ".join(dict.fromkeys(f"`{piece.code(part)}`" for part in tensors))
    yield Proposal(
        rule="",
        summary=f"the number of {names} is compared{option_set}",
        safety=Safety.SAFE,
        files=files,
    )


_SCRIPT = """\
import torch

torch._dynamo.config.suppress_errors = True
{option}
def padded(x, ids):
    most = ids.max()
    out = x.new_zeros(most, 2)
    assert {test}, f"it is {{out.size()}}"
    return out + x

compiled = torch.compile(padded, backend="aot_eager")
print(compiled(torch.ones(2), torch.tensor([1, 3])))
"""


def _script(test: str, option: bool = False) -> str:
    return _SCRIPT.format(test=test, option="torch._dynamo.config.capture_scalar_outputs = True\n" if option else "")


RULE = Rule(
    title="sizes are compared as numbers",
    answers=("tensor-order", "dynamo-error"),
    legal="""
        Two lists are compared, and the elements that are tensors are whole numbers without dimensions: comparing the
        number gives the same answer as comparing the tensor.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=30,
    examples=(
        Example(
            "a size that was counted",
            _script("list(out.size()) == [most, 2]", option=True),
            _script("list(out.size()) == [most.item(), 2]", option=True),
        ),
    ),
    negatives=(
        Negative(
            "a tensor with dimensions",
            _script("list(out.size()) == [most, ids[:1]] or True", option=True),
        ),
        Negative("a fraction", _script("list(out.size()) == [most / 1, 2]", option=True)),
        Negative(
            "the elements come from elsewhere",
            _script("list(out.size()) == [*[most], 2]", option=True),
        ),
    ),
)

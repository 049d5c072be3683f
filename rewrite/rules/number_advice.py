"""What a person can do where Python needs a tensor's number, and no rewrite keeps the meaning."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Negative, Rule
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._layout import joined
from g2.rewrite.rules._names import nodes, reads, scope
from g2.rewrite.site import Site

_COUNTS = ("sum", "count_nonzero")


def propose(site: Site) -> Iterator[Proposal | Left]:
    read = _read(site)
    advice = _advice(read, site) if read is not None else ()
    if advice:
        what, *lines = advice
        told = "\n".join([f"{what[0].upper()}{what[1:]}:\n", *(f"    {line}" for line in lines)])
        yield Proposal(rule="", summary=what, safety=Safety.SHOW, files=(), advice=(told,))


def _read(site: Site) -> cst.Call | None:
    """The call of `item` that stands at the place."""
    for node in (site.node, *site.piece.ancestors(site.node)):
        if isinstance(node, cst.BaseStatement):
            break
        if isinstance(node, cst.Call) and _item(node):
            return node
    return next((one for one in nodes(site.node) if isinstance(one, cst.Call) and _item(one)), None)


def _item(call: cst.Call) -> bool:
    return isinstance(call.func, cst.Attribute) and call.func.attr.value == "item" and not call.args


def _advice(read: cst.Call, site: Site) -> tuple[str, ...]:
    """A sentence, and at most three lines of code."""
    piece = site.piece
    assert isinstance(read.func, cst.Attribute)
    tensor = joined(piece.code(read.func.value))
    kept = _list(read, site)
    if kept and any(isinstance(one, (cst.For, cst.While)) for one in piece.ancestors(read)):
        return (
            "end the compiled part before the numbers are read one by one, or keep them in a tensor until it has ended",
            f"{kept} = []  # of tensors",
            f"{kept}.append({tensor})  # and whatever follows from it is computed with the tensor",
            f"numbers = torch.stack({kept}).tolist()  # behind the compiled call, once",
        )
    name = _name(read, site)
    counted = _counted(read.func.value)
    if name and counted is not None and _decides(name, read, site):
        mask = joined(piece.code(counted))
        return (
            f"compute for all elements of `{mask}`, not for as many as it counts, and let it choose what is written",
            f"new = ...  # for each of the {mask}.numel() elements, chosen or not",
            f"state.copy_(torch.where({mask}, new, state))  # for every tensor that is written at `{mask}`",
        )
    if name and _decides(name, read, site):
        return (
            "return the tensor from the compiled part, and decide between two of them, in eager",
            f"{name} = first_part(x)  # compiled: gives {tensor}",
            f"if {name}.item() ...:  # in eager, as it is now",
            "    x = second_part(x)  # compiled as well",
        )
    return ()


def _list(read: cst.Call, site: Site) -> str:
    """The list that takes the number: `name.append(t.item())`, `name = [t.item()]`."""
    above = site.piece.parent(read)
    if isinstance(above, cst.Arg):
        call = site.piece.parent(above)
        if isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute) and call.func.attr.value == "append":
            return dotted(call.func.value)
    if isinstance(above, cst.Element) and isinstance(site.piece.parent(above), cst.List):
        assign = site.piece.parent(site.piece.parent(above) or above)
        if isinstance(assign, cst.Assign) and len(assign.targets) == 1:
            return dotted(assign.targets[0].target)
    return ""


def _name(read: cst.Call, site: Site) -> str:
    above = site.piece.parent(read)
    return dotted(above.targets[0].target) if isinstance(above, cst.Assign) and len(above.targets) == 1 else ""


def _counted(tensor: cst.BaseExpression) -> cst.BaseExpression | None:
    """m of `m.sum()` and `torch.count_nonzero(m)`, where it looks like a mask's."""
    if not isinstance(tensor, cst.Call) or not isinstance(tensor.func, cst.Attribute):
        return None
    if tensor.func.attr.value not in _COUNTS:
        return None
    if len(tensor.args) == 1 and dotted(tensor.func.value) == "torch":
        return tensor.args[0].value
    return tensor.func.value if not tensor.args else None


def _decides(name: str, read: cst.Call, site: Site) -> bool:
    """Whether the number decides something, or is handed on as a size."""
    piece = site.piece
    for use in reads(piece, scope(piece, read), name):
        for above in piece.ancestors(use):
            if isinstance(above, cst.Call):
                return True
            if isinstance(above, (cst.If, cst.While, cst.IfExp)):
                if piece.bounds(above.test)[0] <= piece.bounds(use)[0] < piece.bounds(above.test)[1]:
                    return True
            elif isinstance(above, cst.BaseStatement):
                break
    return False


RULE = Rule(
    title="advice for a number that Python needs",
    answers=("host-value",),
    legal="Nothing is rewritten: the program has to be laid out in another way, which only a person can judge.",
    safety=Safety.SHOW,
    propose=propose,
    rank=90,
    examples=(),
    negatives=(
        Negative(
            name="the number has a rewrite",
            script="""\
import torch

@torch.compile
def step(x):
    largest = x.abs().max().item()
    return x / largest

step(torch.ones(3))
""",
        ),
    ),
)

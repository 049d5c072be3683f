"""`.item()`, `float()`, `int()` of a tensor go away where the number only meets tensors."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._grad_mode import grad_off
from g2.rewrite.rules._item_kept_examples import DECIDING, EXAMPLES, NEGATIVES
from g2.rewrite.rules._kinds import TENSOR, Kind, Kinds, dotted
from g2.rewrite.rules._known import Known
from g2.rewrite.rules._names import nodes, read_names, scope
from g2.rewrite.rules._number_uses import Scalar, Uses
from g2.rewrite.rules._qualified import torch_as
from g2.rewrite.rules._selection import written_between
from g2.rewrite.rules._spliced import operand
from g2.rewrite.rules._then import then
from g2.rewrite.site import Site
from g2.rewrite.source import Piece

_DETACHED = ("detach", "argmax", "argmin", "long", "int", "bool", "count_nonzero")
_VIEWS = frozenset([
    "view", "reshape", "squeeze", "unsqueeze", "flatten", "detach", "data", "expand", "select", "narrow",
    "contiguous", "to", "float", "T",
])  # fmt: skip


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece = site.piece
    kinds = Known(site)
    found = next((one for node in nodes(site.node) if (one := _converted(kinds, node, node is site.node))), None)
    if found is None:
        return
    call, tensor, kind = found
    if kind.shape not in (None, ()) and max(kind.shape or (2,)) > 1:
        return
    scalar = _scalar(call, kind)
    if scalar is None:
        yield Left(f"the dtype of {piece.code(tensor)} is not known")
        return
    torch, imports = torch_as(piece.source)
    uses = Uses(kinds, torch)
    text = piece.code(tensor)
    if not _cut_off(piece, tensor, kind):
        text = f"{operand(piece, tensor)}.detach()"
    name = dotted(call.func)
    if name == "int" and not _whole(kind.dtype):
        text = f"{operand(piece, tensor)}.long()"
    elif name == "float" and _whole(kind.dtype):
        text = f"{operand(piece, tensor)}.float()"
    if name.startswith("math."):
        text = f"{torch}.{name[5:]}({text})"
    uses.parts[call] = text
    why = uses.follow(call, scalar)
    if why is not None:
        yield why
        return
    if uses.named and _may_change(kinds, tensor, piece.bounds(call)[1], uses.last):
        uses.parts[call] = f"{operand(piece, tensor) if text == piece.code(tensor) else text}.clone()"
    if isinstance(piece.parent(call), (cst.BinaryOperation, cst.UnaryOperation, cst.Comparison, cst.ComparisonTarget)):
        weak = isinstance(tensor, (cst.BinaryOperation, cst.UnaryOperation, cst.Comparison))
        if weak and uses.parts[call] == piece.code(tensor):
            uses.parts[call] = f"({uses.parts[call]})"
    outer = [node for node in uses.parts if not any(above in uses.parts for above in piece.ancestors(node))]
    needs = imports if any(f"{torch}." in uses.parts[node] for node in outer) else ()
    edits = tuple(sorted(piece.replace(node, uses.parts[node]) for node in outer))
    kept = Proposal(
        rule="",
        summary="the number stays a tensor without dimensions",
        safety=Safety.ASK if uses.caveat else Safety.SAFE,
        files=(FileEdits(piece.source.path, edits, needs),),
        caveat=uses.caveat,
    )
    if uses.tests:
        yield from then(site, kept, uses.tests, uses.held)
    else:
        yield kept


def _converted(
    kinds: Kinds, node: cst.CSTNode, certain: bool
) -> tuple[cst.Call, cst.BaseExpression, Kind] | None:
    """A call that makes a number of a tensor, the tensor and its kind."""
    if not isinstance(node, cst.Call):
        return None
    if isinstance(node.func, cst.Attribute) and node.func.attr.value == "item" and not node.args:
        kind = kinds.of(node.func.value)
        return node, node.func.value, kind if kind.tensor else TENSOR
    name = dotted(node.func)
    if (name in ("float", "int", "bool") or name.startswith("math.")) and len(node.args) == 1 and not node.args[0].star:
        tensor = node.args[0].value
        kind = kinds.of(tensor)
        if isinstance(tensor, cst.Call) and dotted(tensor.func).endswith(".item"):
            return None
        if kind.tensor or (certain and kind.name == "unknown"):
            return node, tensor, kind if kind.tensor else TENSOR
    return None


def _scalar(call: cst.Call, kind: Kind) -> Scalar | None:
    name = dotted(call.func)
    if name == "int":
        return Scalar(True, "int64") if kind.dtype else None
    if name == "float" or name.startswith("math."):
        return Scalar(False, "float32" if _whole(kind.dtype) else kind.dtype) if kind.dtype else None
    if not kind.dtype or kind.dtype.startswith("complex") or (name == "bool" and kind.dtype != "bool"):
        return None
    return Scalar(_whole(kind.dtype), kind.dtype)


def _whole(dtype: str) -> bool:
    return bool(dtype) and not dtype.startswith(("float", "bfloat", "complex"))


def _cut_off(piece: Piece, tensor: cst.BaseExpression, kind: Kind) -> bool:
    """Whether no gradient can flow out of the tensor anyway, as none flows out of its number."""
    if _whole(kind.dtype):
        return True
    if isinstance(tensor, cst.Attribute) and tensor.attr.value == "data":
        return True
    if isinstance(tensor, cst.Call) and isinstance(tensor.func, cst.Attribute) and tensor.func.attr.value in _DETACHED:
        return True
    return grad_off(piece, tensor)


def _may_change(kinds: Kinds, tensor: cst.BaseExpression, start: int, stop: int) -> bool:
    """Whether the tensor may be written into while the number is still used."""
    piece = kinds.site.piece
    if isinstance(tensor, (cst.BinaryOperation, cst.Comparison)):
        return False
    if isinstance(tensor, cst.Call):
        name = dotted(tensor.func).rpartition(".")[2]
        if not (isinstance(tensor.func, cst.Attribute) and tensor.func.attr.value in _VIEWS) and name:
            return False
    names = set(read_names(piece, tensor))
    return "self" in names or written_between(piece, scope(piece, tensor), names, start, stop)


RULE = Rule(
    title="a number stays a tensor",
    answers=("host-value",),
    legal="Every use of the number, followed through names, is arithmetic or a comparison with a tensor, a bound or a "
    "value that torch also takes as a tensor, or arithmetic with other numbers that ends there; where it "
    "decides a branch, a rule must be there for that branch. The dtype stays: a tensor without dimensions "
    "promotes as a number does, but for the cases that are looked at and left. No gradient flowed through the "
    "number: the tensor is detached; it is cloned where it may be written into before its last use.",
    safety=Safety.SAFE,
    propose=_propose,
    examples=EXAMPLES + DECIDING,
    negatives=NEGATIVES,
    rank=30,
)

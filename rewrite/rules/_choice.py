"""One value out of two by a tensor's truth, as text: torch.where, with all that has to be minded."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst

from g2.rewrite.rules._grad_mode import grad_off
from g2.rewrite.rules._kinds import Kind, Kinds, dotted
from g2.rewrite.rules._layout import joined
from g2.rewrite.rules._names import bindings, nodes, scope
from g2.rewrite.rules._pure import Effects
from g2.rewrite.rules._singular import multiplies, singular
from g2.rewrite.rules._tensor_api import CONVERTING, TENSOR_FUNCTIONS, VIEWS
from g2.rewrite.rules._truth import Truth, bare

_NOT_FINITE = ("isfinite", "isnan", "isinf")


class Refused(Exception):
    """The branch has no such form; str() is a clause that follows "left alone: "."""


@dataclass(frozen=True, slots=True)
class Side:
    """A value as text. `parts`: the expressions it is made of, for what computing them does."""

    text: str
    kind: Kind
    parts: tuple[cst.BaseExpression, ...] = ()
    fresh: bool = False  # it shares no memory with a tensor that was there
    guarded: bool = False  # its singular arguments have been made harmless already, or it has none

    @property
    def constant(self) -> bool | None:
        """True or False when it is that."""
        return {"True": True, "False": False}.get(self.text)


# Functions of torch, and methods, whose result requires no gradients whatever they are given.
_BLANKS = ("empty", "full", "ones", "zeros", "rand", "randn", "randint", "randperm", "arange", "linspace", "eye",
           "tensor", "empty_like", "full_like", "ones_like", "zeros_like", "rand_like", "randn_like",
           "randint_like")  # fmt: skip
_CUT = frozenset({"detach", "new_empty", "new_full", "new_ones", "new_zeros", "new_tensor"})


@dataclass
class Notes:
    """What the choices made for one place ask of the person and of the proof."""

    caveats: dict[str, None] = field(default_factory=dict)
    differs: set[str] = field(default_factory=set)
    named: bool = False  # the condition is used more than once

    def ask(self, caveat: str, *differs: str) -> None:
        self.caveats[caveat] = None
        self.differs.update(differs)


def side(node: cst.BaseExpression, kinds: Kinds) -> Side:
    return Side(joined(bare(node, kinds)), kinds.of(node), (node,), _fresh(node))


def _fresh(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.Call):
        name = node.func.attr.value if isinstance(node.func, cst.Attribute) else ""
        return name in TENSOR_FUNCTIONS and name not in VIEWS
    if isinstance(node, cst.IfExp):
        return _fresh(node.body) and _fresh(node.orelse)
    return isinstance(node, (cst.BinaryOperation, cst.Comparison, cst.Integer, cst.Float))


def choose(condition: Truth, then: Side, other: Side, kinds: Kinds, notes: Notes) -> Side:
    """`then` where the condition holds. `condition.text` is written as it stands. Raises Refused."""
    _allowed(then, other, kinds)
    for one in (then, other):
        in_vain(one, kinds, notes)
    if then.kind.name == other.kind.name == "bool":
        made = _flags(condition, then, other, kinds)
        if made is not None:
            return made
    texts = [harmless(then, condition, kinds, notes), harmless(other, condition, kinds, notes, other=True)]
    if any(name in condition.text for name in _NOT_FINITE) and any(
        multiplies(part, kinds) for one in (then, other) for part in one.parts
    ):
        notes.ask("Where the values are not finite, gradients through the side that is not taken can become NaN.")
    _gradients(then, other, kinds, notes)
    if condition.swapped:
        texts.reverse()
    kind = _chosen(then.kind, other.kind)
    text = f"{kinds.names.torch}.where({condition.text}, {texts[0]}, {texts[1]})"
    return Side(text, kind, (*then.parts, *other.parts), then.fresh and other.fresh, True)


def _allowed(then: Side, other: Side, kinds: Kinds) -> None:
    for one in (then, other):
        if one.kind.name not in ("tensor", "number", "bool", "unknown"):
            what = {"none": "None", "str": "a string", "module": "a module"}.get(one.kind.name, f"a {one.kind.name}")
            raise Refused(f"`{one.text}` is {what}, and torch.where chooses between tensors")
        if _loses_gradients(one, kinds):
            raise Refused(f"`{one.text}` is only handed on, and torch.where cuts it off where gradients are off")
    _alike(then.kind, other.kind)
    if any(_converted(one) for one in (then, other)) and not (then.kind.dtype and other.kind.dtype):
        raise Refused("its sides may have different dtypes")


def _loses_gradients(one: Side, kinds: Kinds) -> bool:
    """Whether it is a name for a tensor from outside of a `with torch.no_grad():` around the choice."""
    piece, node = kinds.site.piece, kinds.site.node
    if not one.text.isidentifier() or one.kind.name not in ("tensor", "unknown") or not grad_off(piece, node):
        return False
    if one.kind.dtype and not one.kind.dtype.startswith(("float", "bfloat", "complex")):
        return False
    return not all(grad_off(piece, place) for place in bindings(piece, scope(piece, node), one.text))


def _converted(one: Side) -> bool:
    """Whether it is made by a call that gives it another dtype: x.double()."""
    return any(
        isinstance(part, cst.Call) and isinstance(part.func, cst.Attribute) and part.func.attr.value in CONVERTING
        for part in one.parts
    )


def _alike(one: Kind, two: Kind) -> None:
    if one.tensor and two.tensor:
        if one.dtype and two.dtype and one.dtype != two.dtype:
            raise Refused(f"its sides have different dtypes ({one.dtype} and {two.dtype})")
        if one.shape is not None and two.shape is not None and one.shape != two.shape:
            raise Refused(f"its sides have different shapes ({list(one.shape)} and {list(two.shape)})")
    for made, plain in ((one, two), (two, one)):
        if made.tensor and plain.plain:
            if made.shape is not None and made.shape != ():
                raise Refused("one side is a plain number, and the other a tensor with dimensions")
            if plain.dtype == "float" and made.dtype.startswith(("int", "uint", "bool")):
                raise Refused(f"its sides have different dtypes ({made.dtype} and a Python float)")


def _chosen(one: Kind, two: Kind) -> Kind:
    tensor = one if one.tensor else two
    if one.plain and two.plain:
        return Kind("tensor", "", ())
    return Kind("tensor", tensor.dtype, tensor.shape, one.grad or two.grad)


def _flags(condition: Truth, then: Side, other: Side, kinds: Kinds) -> Side | None:
    if then.constant is None or other.constant is None or then.constant == other.constant:
        return None
    text = condition.plain() if then.constant else condition.negated()
    return Side(text, Kind("tensor", "bool", ()), (), True, True)


def in_vain(one: Side, kinds: Kinds, notes: Notes) -> None:
    """What computing a side does although it is not taken. Raises Refused."""
    effects = Effects()
    for part in one.parts:
        effects.add(part, kinds)
    if effects.never or effects.raising:
        clause = next(iter({**effects.never, **effects.raising}))
        raise Refused(f"a side must not be computed in vain: {clause}")
    if effects.draws:
        notes.ask("Random numbers are drawn whichever way is taken, so later ones differ.", "random")
    elif effects.unknown:
        notes.ask("Random numbers that it draws are drawn whichever way is taken, so later ones differ.", "random")
    if effects.unknown or effects.modules:
        notes.ask(
            "Parameters of a side that is not taken get a gradient of zeros (NaN where values are not finite), instead "
            "of none.",
            "zero-gradient",
        )
    for what in effects.perhaps:
        notes.ask(f"{what[:1].upper()}{what[1:]}." if what[0] != "`" else f"{what}.")


def harmless(one: Side, condition: Truth, kinds: Kinds, notes: Notes, other: bool = False) -> str:
    """The text of a side with its singular arguments replaced where the side is not taken."""
    text = one.text
    if one.guarded:
        return text
    for part in one.parts:
        for argument, number in singular(part, kinds):
            kind = kinds.of(argument)
            written = joined(bare(argument, kinds))
            if not kind.tensor or text.count(written) != 1:
                notes.ask("Where a derivative of the side that is not taken is infinite, the gradient becomes NaN.")
                continue
            taken = not other if not condition.swapped else other
            values = f"{written}, {number}" if taken else f"{number}, {written}"
            safe = f"{kinds.names.torch}.where({condition.text}, {values})"
            text = text.replace(f"({written})", safe) if argument.lpar else text.replace(written, safe)
            notes.named = True
    return text


def _gradients(then: Side, other: Side, kinds: Kinds, notes: Notes) -> None:
    """Parameters that one side alone reads have no gradient when the other is taken; afterwards one of zeros."""
    read = [_parameters(one, kinds) for one in (then, other)]
    for name in sorted(read[0] ^ read[1]):
        notes.ask(
            f"`{name}` gets a gradient of zeros, instead of none, when its side is not taken.", "zero-gradient"
        )
    if _requires(then, kinds) != _requires(other, kinds) or _blank(then, kinds) != _blank(other, kinds):
        notes.ask("The result requires gradients whichever side is taken.", "requires-grad")


def _blank(one: Side, kinds: Kinds) -> bool:
    """Whether a side never requires gradients: what it computes with is made from shapes (zeros_like(x)), cut off
    (x.detach()), or held by the module, where the run saw that it required none.
    """
    blanks = {f"{kinds.names.torch}.{name}" for name in _BLANKS}
    return bool(one.parts) and all(_of_shapes(part, blanks, kinds) for part in one.parts)


def _of_shapes(part: cst.CSTNode, blanks: set[str], kinds: Kinds) -> bool:
    made = [node for node in nodes(part) if _without_gradients(node, blanks, kinds)]
    inside = {id(node) for one in made for node in nodes(one)}
    read = (node for node in nodes(part) if isinstance(node, (cst.Name, cst.Attribute)) and id(node) not in inside)
    return bool(made) and not any(kinds.of(node).tensor for node in read)


def _without_gradients(node: cst.CSTNode, blanks: set[str], kinds: Kinds) -> bool:
    if isinstance(node, cst.Call):
        cut = isinstance(node.func, cst.Attribute) and node.func.attr.value in _CUT
        return cut or dotted(node.func) in blanks
    if not isinstance(node, cst.Attribute) or not dotted(node).startswith("self."):
        return False
    value = kinds.site.values.get(dotted(node))
    return value is not None and value.kind == "tensor" and not value.requires_grad


def _requires(one: Side, kinds: Kinds) -> bool:
    """Whether a side reads what required gradients when the script ran."""
    if _parameters(one, kinds):
        return True
    names = {node.value for part in one.parts for node in nodes(part) if isinstance(node, cst.Name)}
    return any(kinds.bound[name].grad for name in names & set(kinds.bound))


def _parameters(one: Side, kinds: Kinds) -> set[str]:
    found = set()
    for part in one.parts:
        for node in nodes(part):
            name = dotted(node) if isinstance(node, cst.Attribute) else ""
            value = kinds.site.values.get(name)
            if value is not None and (value.kind == "module" or (value.kind == "tensor" and value.requires_grad)):
                found.add(name)
    return found

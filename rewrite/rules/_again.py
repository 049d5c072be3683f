"""What changes while updates that were branches follow each other: conditions that are asked again, and what autograd
keeps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import libcst as cst

from g2.rewrite.rules._choice import Refused
from g2.rewrite.rules._grad_mode import grad_off
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._truth import Truth
from g2.rewrite.rules._update import Update

_READ = re.compile(r"(?<![\w.])[A-Za-z_][\w.]*\(?")
_HANDED_ON = re.compile(r"(?:\w+\.as_tensor\()?([A-Za-z_][\w.]*)(?:\[.*\])?(?:\.(?:squeeze|bool)\(\))*\)?")
# Methods and functions of torch whose backward needs nothing of what they are given, or only what they gave.
_KEEP_NOTHING = frozenset([
    "add", "sub", "neg", "clone", "detach", "mean", "sum", "view", "reshape", "view_as", "squeeze", "unsqueeze",
    "flatten", "expand", "expand_as", "t", "float", "double", "half", "to", "type", "contiguous", "zeros_like",
    "ones_like", "exp", "sigmoid", "tanh", "relu", "sqrt", "round", "floor", "ceil", "sign", "masked_fill", "select",
    "narrow", "permute", "transpose",
])  # fmt: skip
_SCALE = frozenset({"mul", "div"})  # likewise, by a number


def asked_again(condition: str, updates: Sequence[Update]) -> Update | None:
    """The update that changes what a condition reads before the condition is asked again; None where none does."""
    using = [place for place, one in enumerate(updates) if condition in one.value.text]
    for one in updates[using[0] : using[-1]] if using else ():
        if any(_touches(one, name) for name in _READ.findall(condition)):
            return one
    return None


def once(condition: Truth, updates: list[Update]) -> list[Update]:
    """The updates, each of which asks the condition by itself. Raises Refused where one changes what others ask."""
    changing = asked_again(condition.text, updates)
    if changing is not None:
        raise Refused(f"`{condition.text}` would be asked again after `{changing.old}` has changed")
    return updates


def _touches(update: Update, name: str) -> bool:
    root = update.old.partition("[")[0]
    if name.endswith("("):  # a method of the object may read anything there
        return name.startswith(f"{root}.") or (name.startswith("self.") and root.startswith("self."))
    return name == root or name.startswith(f"{root}.") or root.startswith(f"{name}.")


def shared_with(condition: str, updates: Sequence[Update]) -> bool:
    """Whether a condition is a tensor that was there before, and an update may write into its memory."""
    handed = _HANDED_ON.fullmatch(condition)
    if handed is None:
        return False
    flags = [one for one in updates if one.write != "="]
    return any(_touches(one, handed[1]) or one.value.kind.dtype in ("", "bool") for one in flags)


def overwritten(update: Update, found: cst.CSTNode, kinds: Kinds) -> None:
    """Raises Refused where the value's backward would need what the update overwrites.

    An operation in place keeps a copy of that for itself; torch.where of the operation's other form does not.
    """
    if update.write not in ("copy", "item") or grad_off(kinds.site.piece, found):
        return
    value = cst.parse_expression(update.value.text)
    root = update.target.partition("[")[0]
    if _keeps(value, root, kinds) and _graded(value, kinds):
        raise Refused(f"`{root}` is changed in place, and the backward of its new value may need the old one")


def _reads(node: cst.CSTNode, root: str) -> bool:
    return any(isinstance(one, (cst.Name, cst.Attribute)) and dotted(one) == root for one in nodes(node))


def _keeps(node: cst.BaseExpression, root: str, kinds: Kinds) -> bool:
    """Whether computing it has autograd keep the tensor `root` or a part of it."""
    if not _reads(node, root):
        return False
    match node:
        case cst.Name() | cst.Attribute() | cst.Subscript():
            return False
        case cst.UnaryOperation(expression=inner):
            return _keeps(inner, root, kinds)
        case cst.BinaryOperation(left=left, operator=cst.Add() | cst.Subtract(), right=right):
            return _keeps(left, root, kinds) or _keeps(right, root, kinds)
        case cst.BinaryOperation(left=left, operator=cst.Multiply() | cst.Divide(), right=right):
            if _number(right, kinds):
                return _keeps(left, root, kinds)
            return not (_number(left, kinds) and isinstance(node.operator, cst.Multiply)) or _keeps(right, root, kinds)
        case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name(value=name))):
            given = [argument.value for argument in node.args]
            if name == "where":
                return any(_keeps(one, root, kinds) for one in given[1:])
            if name in _KEEP_NOTHING or (name in _SCALE and len(given) == 1 and _number(given[0], kinds)):
                return name != "detach" and any(_keeps(one, root, kinds) for one in (owner, *given))
            return True
        case _:
            return True


def _number(node: cst.BaseExpression, kinds: Kinds) -> bool:
    kind = kinds.bound.get(dotted(node))
    return isinstance(node, (cst.Integer, cst.Float)) or (kind is not None and kind.plain)


def _graded(node: cst.CSTNode, kinds: Kinds) -> bool:
    """Whether a tensor in it requires gradients, or may."""
    names = {dotted(one) for one in nodes(node) if isinstance(one, (cst.Name, cst.Attribute))}
    known = [kinds.bound[name] for name in names if name in kinds.bound]
    unknown = [name for name in names if name.startswith("self.") and not _settled(name, kinds)]
    return bool(unknown) or any(kind.tensor and kind.grad for kind in known)


def _settled(name: str, kinds: Kinds) -> bool:
    """Whether it is known what an attribute holds, or a part of it is: `self.w` of `self.w.data`, `self.w.mul`."""
    first = ".".join(name.split(".")[:2])
    return first in kinds.bound or ".data" in name

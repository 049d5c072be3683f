"""A block of statements as updates of targets, and two such blocks made into one by a tensor's truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import libcst as cst

from g2.rewrite.rules._again import once
from g2.rewrite.rules._choice import Notes, Refused, Side, choose, side
from g2.rewrite.rules._escape import chosen
from g2.rewrite.rules._kinds import Kind, Kinds, dotted
from g2.rewrite.rules._layout import joined
from g2.rewrite.rules._names import bindings, nodes, reads
from g2.rewrite.rules._tensor_api import TENSOR_METHODS
from g2.rewrite.rules._truth import Truth, grouped, truth
from g2.rewrite.rules._update import Update
from g2.rewrite.rules._written_anyway import written_anyway

_CONSTRUCTS = {
    "for": "a loop",
    "while": "a loop",
    "with": "a `with`",
    "try": "a `try`",
    "del": "a `del`",
    "functiondef": "a function",
    "expr": "an expression that is only evaluated",
}


def updates(body: cst.BaseSuite | None, kinds: Kinds, notes: Notes) -> list[Update]:
    """The statements of a block. Raises Refused."""
    found: list[Update] = []
    for statement in body.body if body is not None else ():
        if isinstance(statement, cst.SimpleStatementLine):
            for small in statement.body:
                found += _small(small, kinds)
        elif isinstance(statement, cst.BaseSmallStatement):
            found += _small(statement, kinds)
        elif isinstance(statement, cst.If):
            found += _nested(statement, kinds, notes)
        else:
            raise Refused(f"the branch holds {_called(statement)}")
    return found


def merged(
    condition: Truth,
    then: Sequence[Update],
    other: Sequence[Update],
    kinds: Kinds,
    notes: Notes,
    around: cst.CSTNode,
) -> list[Update]:
    """Both blocks as one, each target chosen by the condition. `around`: the whole statement. Raises Refused."""
    handed_on(around, kinds)
    found: list[Update] = []
    one, two = list(then), list(other)
    known = dict(kinds.bound)
    while one or two:
        if one and two and (one[0].target, one[0].write, one[0].around) == (two[0].target, two[0].write, two[0].around):
            first, second = one.pop(0), two.pop(0)
            chosen(first, (first.value, second.value), kinds, around, notes)
            found.append(replace(first, value=choose(condition, first.value, second.value, kinds, notes)))
        elif one and not any(update.target == one[0].target for update in two):
            found.append(_alone(one.pop(0), condition, True, kinds, notes, around, known))
        elif two and not any(update.target == two[0].target for update in one):
            found.append(_alone(two.pop(0), condition, False, kinds, notes, around, known))
        else:
            raise Refused("the branches change the same things in another order, or in another way")
    return found


def _alone(
    update: Update,
    condition: Truth,
    then: bool,
    kinds: Kinds,
    notes: Notes,
    around: cst.CSTNode,
    known: dict[str, Kind],
) -> Update:
    """An update of one branch only: the other keeps what was there."""
    if update.write == "register":
        raise Refused("one branch alone registers a buffer")
    fresh = update.target not in known or not given_before(update.target, kinds, around)
    if update.write != "item" and fresh and "." not in update.target:
        if update.write == "copy" or _read_elsewhere(update.target, kinds, around):
            raise Refused(f"`{update.target}` is given a value in one branch only")
        if update.value.parts:
            choose(condition, update.value, replace(update.value, parts=()), kinds, notes)  # for what it would do
        return update
    if update.write == "=" and f"{update.target}.to(" in update.value.text[: len(update.target) + 4]:
        return update
    old = Side(_literal(update.target, kinds, around), known.get(update.target, Kind("unknown")), (), False, True)
    if old.kind.name not in ("tensor", "unknown", "number", "bool"):
        raise Refused(f"`{update.target}` was {old.kind.name} before")
    if "." in update.target and old.kind.plain:
        raise Refused(f"`{update.target}`, a plain Python value, would become a tensor")
    pair = (update.value, old) if then else (old, update.value)
    written_anyway(update, kinds, around, notes)
    chosen(update, pair, kinds, around, notes)
    return replace(update, value=choose(condition, *pair, kinds, notes))


def given_before(name: str, kinds: Kinds, around: cst.CSTNode) -> bool:
    """Whether a name may hold something when a statement begins: what the run knew of it may be of behind that."""
    piece = kinds.site.piece
    start, end = piece.bounds(around)
    in_loop = any(isinstance(one, (cst.For, cst.While)) for one in piece.ancestors(around))
    places = [piece.bounds(one)[0] for one in bindings(piece, piece.module, name)]
    return not places or any(place < start or (in_loop and place >= end) for place in places)


def _literal(name: str, kinds: Kinds, around: cst.CSTNode) -> str:
    """What a name holds before a statement as text: "False" where nothing else is given to it, else the name."""
    piece = kinds.site.piece
    start, end = piece.bounds(around)
    texts = set()
    for one in bindings(piece, piece.module, name):
        if not start <= piece.bounds(one)[0] < end:
            above = piece.parent(one)
            assign = piece.parent(above) if above is not None else None
            value = assign.value if isinstance(above, cst.AssignTarget) and isinstance(assign, cst.Assign) else None
            texts.add(value.value if isinstance(value, cst.Name) else "")
    only = texts.pop() if len(texts) == 1 else ""
    return only if only in ("True", "False") else name


def _small(small: cst.BaseSmallStatement, kinds: Kinds) -> list[Update]:
    found: list[Update] = []
    if isinstance(small, cst.Pass) or (isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString)):
        return []
    if isinstance(small, cst.Assign) and len(small.targets) == 1:
        found = _assigned(small.targets[0].target, small.value, kinds)
    elif isinstance(small, cst.AnnAssign) and small.value is not None:
        found = _assigned(small.target, small.value, kinds)
    elif isinstance(small, cst.AugAssign):
        found = [_augmented(small, kinds)]
    elif isinstance(small, cst.Expr) and isinstance(small.value, cst.Call):
        found = [_call(small.value, kinds)]
    else:
        raise Refused(f"the branch holds {_called(small)}")
    for update in found:
        if update.write == "=" and update.target.isidentifier():
            kinds.bind(update.target, update.value.kind)
    return found


def _assigned(target: cst.BaseExpression, value: cst.BaseExpression, kinds: Kinds) -> list[Update]:
    if isinstance(target, cst.Tuple) and isinstance(value, cst.Tuple) and len(target.elements) == len(value.elements):
        names = [dotted(element.value) for element in target.elements]
        for index, element in enumerate(value.elements):
            read = {dotted(node) for node in nodes(element.value)}
            if read & set(names[:index]):
                raise Refused("it assigns several names at once, one from another")
        return [
            update
            for one, other in zip(target.elements, value.elements, strict=True)
            for update in _assigned(one.value, other.value, kinds)
        ]
    if isinstance(target, cst.Subscript):
        owner = kinds.of(target.value)
        if not owner.tensor:
            raise Refused(f"`{joined(kinds.site.piece.code(target))}` is changed in one branch")
        if any(
            isinstance(element.slice, cst.Index) and kinds.of(element.slice.value).name in ("tensor", "unknown")
            for element in target.slice
        ):
            raise Refused("it writes at places that depend on a tensor")
        return [Update(joined(kinds.site.piece.code(target)), side(value, kinds), "item")]
    name = dotted(target)
    if not name or (isinstance(target, cst.Attribute) and not name.startswith("self.")):
        raise Refused(f"`{joined(kinds.site.piece.code(target))}` is given a value in the branch")
    return [Update(name, side(value, kinds))]


def _augmented(small: cst.AugAssign, kinds: Kinds) -> Update:
    target = joined(kinds.site.piece.code(small.target))
    operator = cst.Module([]).code_for_node(small.operator).strip().removesuffix("=")
    kind = kinds.of(small.target)
    text = joined(grouped(small.value, kinds))
    safe = operator not in ("/", "**", "//", "%")
    made = Side(f"{target} {operator} {text}", kind, (small.value,), True, safe)
    if isinstance(small.target, cst.Subscript):
        return Update(target, made, "item")
    if kind.tensor:
        return Update(target, made, "copy")
    if kind.plain:
        return Update(target, replace(made, kind=Kind("number", kind.dtype)))
    raise Refused(f"it is not known what `{target}` is, which `{operator}=` changes")


def _call(call: cst.Call, kinds: Kinds) -> Update:
    code = kinds.site.piece.code
    if not isinstance(call.func, cst.Attribute):
        raise Refused(f"the branch calls `{joined(code(call.func))}` for what it does")
    method, owner = call.func.attr.value, call.func.value
    if method == "register_buffer" and len(call.args) >= 2 and isinstance(call.args[0].value, cst.SimpleString):
        start, end = kinds.site.piece.bounds(call.args[1].value)
        whole = kinds.site.piece.bounds(call)
        text = kinds.site.piece.source.text
        around = (joined(text[whole[0] : start] + "0")[:-1], joined("0" + text[end : whole[1]])[1:])
        name = f"{code(owner)}.{call.args[0].value.raw_value}"
        return Update(name, side(call.args[1].value, kinds), "register", around)
    kind = kinds.of(owner)
    if not (kind.tensor and method.endswith("_") and dotted(owner)):
        raise Refused(f"the branch calls `{joined(code(call.func))}` for what it does")
    arguments = [argument.value for argument in call.args]
    written = ", ".join(joined(code(argument)) for argument in call.args)
    if method == "copy_" and len(arguments) == 1:
        return Update(code(owner), replace(side(arguments[0], kinds), kind=Kind("tensor")), "copy")
    if method == "zero_":
        return Update(code(owner), Side("0", Kind("tensor", kind.dtype, kind.shape), (), True, True), "copy")
    if method == "fill_" and len(arguments) == 1:
        value = side(arguments[0], kinds)
        return Update(code(owner), replace(value, kind=Kind("tensor")), "copy")
    if method[:-1] not in TENSOR_METHODS:
        raise Refused(f"`{joined(code(call))}` changes a tensor in place and has no form that does not")
    safe = method[:-1] not in ("div", "sqrt", "rsqrt", "log", "pow", "reciprocal")
    made = Side(f"{code(owner)}.{method[:-1]}({written})", kind, tuple(arguments), True, safe)
    return Update(code(owner), made, "copy")


def _nested(statement: cst.If, kinds: Kinds, notes: Notes) -> list[Update]:
    """An `if` inside a branch: by a tensor, or by a Python value."""
    if "hasattr(" in kinds.site.piece.code(statement.test):
        raise Refused("the branch makes something the first time it is needed")
    condition = truth(statement.test, kinds)
    if condition is None or condition.mixed:
        raise Refused("the branch holds a further `if` that Python decides")
    before = dict(kinds.bound)
    then = updates(statement.body, kinds, notes)
    kinds.bound = dict(before)
    orelse = statement.orelse
    if isinstance(orelse, cst.If):
        other = _nested(orelse, kinds, notes)
    else:
        other = updates(orelse.body if orelse is not None else None, kinds, notes)
    kinds.bound = before
    made = once(condition, merged(condition, then, other, kinds, notes, statement))
    for update in made:
        if update.write == "=":
            kinds.bind(update.target, update.value.kind)
    return made


def handed_on(around: cst.CSTNode, kinds: Kinds) -> None:
    """Raises Refused when a branch gives a name a tensor that was there and then writes into a tensor: two names share
    it, and torch.where would give one of them a copy.
    """
    shares = False
    for one in nodes(around):
        if isinstance(one, cst.Assign):
            written = any(isinstance(target.target, cst.Subscript) for target in one.targets)
        elif isinstance(one, cst.AugAssign):
            written = not kinds.of(one.target).plain
        else:
            method = one.func.attr.value if isinstance(one, cst.Call) and isinstance(one.func, cst.Attribute) else ""
            written = method.endswith("_") and not method.endswith("__")
        if written and shares:
            raise Refused("a branch writes into a tensor that two names may share")
        if isinstance(one, cst.Assign) and not written:
            value = side(one.value, kinds)
            shares = shares or not (value.fresh or value.kind.plain or value.constant is not None)


def _read_elsewhere(name: str, kinds: Kinds, around: cst.CSTNode) -> bool:
    """Whether a name is read outside of the statement that gives it a value."""
    piece = kinds.site.piece
    start, end = piece.bounds(around)
    return any(not start <= piece.bounds(one)[0] < end for one in reads(piece, piece.module, name))


def _called(node: cst.CSTNode) -> str:
    name = type(node).__name__.lower()
    return _CONSTRUCTS.get(name, f"`{name}`")

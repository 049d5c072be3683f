"""Statements that return on every way, as lines that are all computed and the values they return at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import libcst as cst

from g2.rewrite.rules._choice import Notes, Refused, Side, choose, harmless, side
from g2.rewrite.rules._kinds import Kind, Kinds, dotted
from g2.rewrite.rules._layout import joined
from g2.rewrite.rules._names import nodes, read_names
from g2.rewrite.rules._truth import Truth, truth


@dataclass(frozen=True, slots=True)
class Flow:
    """`lines` stand first, at no indentation; `split` holds the arguments of the last torch.where."""

    lines: tuple[str, ...]
    values: tuple[Side, ...]
    tests: tuple[cst.BaseExpression, ...] = ()
    split: tuple[str, ...] = ()


def returned(statements: Sequence[cst.BaseStatement | cst.BaseSmallStatement], kinds: Kinds, notes: Notes) -> Flow:
    """Raises Refused."""
    names: list[str] = []
    before = dict(kinds.bound)
    flow = _flow(statements, kinds, notes, (), names, False)
    if notes.named:  # conditions are used more than once: they get names
        kinds.bound = before
        flow = _flow(statements, kinds, Notes(named=True), (), [], True)
    return flow


def _flow(statements: Sequence[cst.BaseStatement | cst.BaseSmallStatement], kinds: Kinds, notes: Notes,
          way: tuple[Truth, ...], names: list[str], named: bool) -> Flow:  # fmt: skip
    """`way`: the conditions that hold here."""
    lines: list[str] = []
    for index, statement in enumerate(statements):
        rest = statements[index + 1 :]
        if isinstance(statement, cst.If):
            lines += _leading(statement) if index or way else []
            flow = _chosen(statement, rest, kinds, notes, way, names, named)
            return replace(flow, lines=(*lines, *flow.lines))
        line = isinstance(statement, cst.SimpleStatementLine)
        small = statement.body if isinstance(statement, cst.SimpleStatementLine) else [statement]
        if line:
            lines += _leading(statement)
        for one in small:
            if isinstance(one, cst.Return):
                if line:
                    lines += _trailing(statement)
                return Flow(tuple(lines), _values(one, kinds))
            lines += _assigned(one, kinds, notes, way)
        if line and _trailing(statement) and lines:
            lines[-1] += f"  {_trailing(statement)[0]}"
    raise Refused("one way returns nothing")


def _chosen(found: cst.If, rest: Sequence[cst.BaseStatement | cst.BaseSmallStatement], kinds: Kinds, notes: Notes,
            way: tuple[Truth, ...], names: list[str], named: bool) -> Flow:  # fmt: skip
    asked = truth(found.test, kinds)
    if asked is None or asked.mixed:
        raise Refused("Python decides one of the returns")
    lines: list[str] = []
    condition = Truth(asked.text, asked.swapped, tight=asked.tight, sign=asked.sign)
    if named and not asked.text.isidentifier():
        name = _fresh(kinds, names)
        lines.append(f"{name} = {joined(asked.text)}")
        condition = Truth(name, asked.swapped, tight=True)
    if isinstance(found.body, cst.IndentedBlock) and found.body.header.comment:
        lines.append(found.body.header.comment.value)
    known = dict(kinds.bound)
    then = _flow(found.body.body, kinds, notes, (*way, condition), names, named)
    kinds.bound = dict(known)
    otherwise: Sequence[cst.BaseStatement | cst.BaseSmallStatement] = rest
    if isinstance(found.orelse, cst.If):
        otherwise = [found.orelse, *rest]
    elif found.orelse is not None:
        otherwise = [*found.orelse.body.body, *rest]
    not_here = replace(condition, swapped=not condition.swapped)
    other = _flow(otherwise, kinds, notes, (*way, not_here), names, named)
    _apart(found, otherwise, kinds)
    if len(then.values) != len(other.values):
        raise Refused("the ways return different numbers of values")
    values = tuple(
        choose(condition, one, two, kinds, notes) for one, two in zip(then.values, other.values, strict=True)
    )
    split = (condition.text, *(flow.values[0].text for flow in (then, other)))
    if condition.swapped:
        split = (split[0], split[2], split[1])
    tests = (found.test, *then.tests, *other.tests)
    return Flow((*lines, *then.lines, *other.lines), values, tests, split if len(values) == 1 else ())


def _apart(found: cst.If, rest: Sequence[cst.CSTNode], kinds: Kinds) -> None:
    """Neither way gives a value to a name that the condition or the other way reads. Raises Refused."""
    piece = kinds.site.piece
    for one, other in ((found.body, rest), (rest, [found.body, found.test])):
        bound = _bound([one] if isinstance(one, cst.CSTNode) else one)
        read = {name for node in other for name in read_names(piece, node)}
        both = sorted(bound & read - (_bound(other) if other is rest else set()))
        if both:
            raise Refused(f"`{both[0]}` gets another value on one way and is needed as it was on the other")


def _bound(trees: Sequence[cst.CSTNode]) -> set[str]:
    return {
        dotted(target.target)
        for tree in trees
        for one in nodes(tree)
        if isinstance(one, cst.Assign)
        for target in one.targets
    }


def _values(one: cst.Return, kinds: Kinds) -> tuple[Side, ...]:
    if one.value is None:
        raise Refused("one way returns nothing")
    if isinstance(one.value, cst.Tuple):
        return tuple(side(element.value, kinds) for element in one.value.elements)
    return (side(one.value, kinds),)


def _assigned(small: cst.CSTNode, kinds: Kinds, notes: Notes, way: tuple[Truth, ...]) -> list[str]:
    """An assignment that is made whichever way is taken."""
    if isinstance(small, cst.Pass):
        return []
    if not isinstance(small, cst.Assign) or len(small.targets) != 1:
        raise Refused("the code on one way does more than give values to names")
    target = small.targets[0].target
    if not isinstance(target, cst.Name):
        raise Refused(f"`{joined(kinds.site.piece.code(target))}` is given a value on one way")
    value = side(small.value, kinds)
    probe = Truth("_")  # for what computing it does
    text = value.text
    if way:
        text = harmless(value, _all(way), kinds, notes)
        choose(probe, replace(value, kind=_tensor(value)), Side("_", _tensor(value)), kinds, notes)
    kinds.bind(target.value, value.kind)
    return [f"{target.value} = {text}"]


def _tensor(value: Side) -> Kind:
    return value.kind if value.kind.tensor else Kind("unknown")


def _all(way: tuple[Truth, ...]) -> Truth:
    """That all of these hold."""
    if len(way) == 1:
        return way[0]
    if all(one.swapped for one in way):
        return Truth(" | ".join(one.text if one.tight else f"({one.text})" for one in way), True)
    return Truth(" & ".join(one.plain() if one.tight or one.swapped else f"({one.text})" for one in way))


def _fresh(kinds: Kinds, names: list[str]) -> str:
    name = kinds.site.piece.fresh("condition")
    if name in names:
        number = 2
        while f"condition_{number}" in names or f"condition_{number}" in kinds.site.piece.names():
            number += 1
        name = f"condition_{number}"
    names.append(name)
    return name


def _leading(statement: cst.CSTNode) -> list[str]:
    lines = getattr(statement, "leading_lines", ())
    return [line.comment.value if line.comment else "" for line in lines]


def _trailing(statement: cst.CSTNode) -> list[str]:
    space = getattr(statement, "trailing_whitespace", None)
    return [space.comment.value] if space is not None and space.comment else []

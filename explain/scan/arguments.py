"""Arguments of a call: evaluated, and handed to parameters."""

from __future__ import annotations

from typing import Any

from g2.explain.scan.activation import Activation
from g2.explain.scan.evaluate import Evaluation
from g2.explain.scan.facts import Call, Function
from g2.explain.scan.values import NOTHING, UNKNOWN, Kind, several


class Given:
    """The arguments of a call as kinds."""

    __slots__ = ("args", "keywords", "rest", "rest_keywords")

    def __init__(self, args: list[Kind]) -> None:
        self.args = args
        self.keywords: dict[str, Kind] = {}
        self.rest: Kind | None = None  # *args: an element
        self.rest_keywords: Kind | None = None  # **kwargs: a value

    def all(self) -> list[Kind]:
        return [*self.args, *self.keywords.values(), *([self.rest] if self.rest else [])]


def given_in(engine: Evaluation, act: Activation, call: Call) -> Given:
    """The arguments of a call in an activation."""
    args: list[Kind] = []
    given = Given(args)
    for value in call.args:
        if isinstance(value, frozenset) and given.rest is None:
            args.append(value)
        elif isinstance(value, tuple) and value[0] == "*":
            held = engine.value(value[1], act)
            tuples = [atom for atom in held if isinstance(atom, tuple) and atom[0] == "T"]
            if len(tuples) == 1 == len(held) and given.rest is None:
                args += tuples[0][1]
            else:
                given.rest = engine.element(held)
        elif given.rest is None:
            args.append(engine.value(value, act))
        else:
            given.rest |= engine.value(value, act)
    for name, value in call.keywords:
        kind = value if isinstance(value, frozenset) else engine.value(value, act)
        if name is None:
            given.rest_keywords = engine.element(kind)
        else:
            given.keywords[name] = kind
    return given


def bind(
    engine: Evaluation, target: Activation, function: Function, args: list[Kind], given: Given
) -> list[Kind | None]:
    """Hand arguments to parameters; what each got in this call."""
    bound: list[Kind | None] = [None] * len(function.params)
    extra: frozenset[Any] = NOTHING
    for number, kind in enumerate(args):
        if number < function.positional:
            bound[number] = kind
        else:
            extra |= kind
    if given.rest is not None:
        for number in range(len(args), function.positional):
            bound[number] = given.rest
        extra |= given.rest
    others: frozenset[Any] = given.rest_keywords if given.rest_keywords is not None else NOTHING
    params = function.params
    for name, kind in given.keywords.items():
        if name in params:
            bound[params.index(name)] = kind
        else:
            others |= kind
    if function.star >= 0:
        bound[function.star] = several(extra)
    if function.stars >= 0:
        bound[function.stars] = frozenset({("D", others)})
    defaults, before = function.defaults, target.given
    for number, held in enumerate(bound):
        if held is None:
            default = defaults[number]
            if given.rest_keywords is not None:
                held = UNKNOWN
            elif default is not None:
                held = default if isinstance(default, frozenset) else engine.value(default, target)
            bound[number] = held
        if held is not None:
            already = before[number]
            if already is not held and (already is None or not held <= already):
                engine.hand(target, number, held)
    return bound


def fill(engine: Evaluation, number: int, given: Given) -> None:
    """A named tuple or data class: its fields get what they are given."""
    names = [
        name for base in reversed(engine.hierarchy.orders[number]) for name in engine.project.classes[base].fields or ()
    ]
    owners = {
        name: base
        for base in reversed(engine.hierarchy.orders[number])
        for name in engine.project.classes[base].fields or ()
    }
    for name, kind in (*zip(names, given.args, strict=False), *given.keywords.items()):
        if name in owners:
            engine.store(owners[name], name, kind)

"""Statements followed as they would run, with the Python values that the run saw: what each name holds behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import libcst as cst

from g2.rewrite.rules._choice import Refused
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import nodes
from g2.rewrite.site import Site

_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.Tuple, cst.List, cst.SimpleString)


@dataclass(frozen=True, slots=True)
class Held:
    """What a name holds: text in terms of the names before the statements, and the expressions it is made of."""

    text: str
    node: cst.BaseExpression
    parts: tuple[cst.BaseExpression, ...]


@dataclass
class Way:
    """One way through statements. `guards`: texts of Python conditions, none of which may hold on this way."""

    site: Site
    kinds: Kinds
    held: dict[str, Held] = field(default_factory=dict[str, Held])
    constants: dict[str, bool] = field(default_factory=dict[str, bool])  # names known before
    guards: dict[str, None] = field(default_factory=dict[str, None])

    def follow(self, statements: Sequence[cst.BaseStatement | cst.BaseSmallStatement]) -> bool:
        """Whether the way ended with `continue`. Raises Refused."""
        for statement in statements:
            if isinstance(statement, cst.SimpleStatementLine):
                if self.follow(statement.body):
                    return True
            elif isinstance(statement, cst.If):
                if self._branch(statement):
                    return True
            elif isinstance(statement, cst.Continue):
                return True
            elif isinstance(statement, cst.Assign) and len(statement.targets) == 1:
                target = statement.targets[0].target
                if not isinstance(target, cst.Name):
                    raise Refused(f"`{self._short(target)}` is given a value behind it")
                self.held[target.value] = self.value(statement.value)
            elif not isinstance(statement, cst.Pass):
                raise Refused(f"`{self._short(statement)}` stands behind it")
        return False

    def value(self, node: cst.BaseExpression) -> Held:
        """An expression with what its names hold put in their place."""
        piece = self.site.piece
        start, end = piece.bounds(node)
        text, parts = piece.source.text[start:end], [node]
        margin = piece.indent(node)
        places = [one for one in nodes(node) if isinstance(one, cst.Name) and one.value in self.held]
        for one in reversed([one for one in places if self._variable(one)]):
            if any(isinstance(above, (cst.Lambda, cst.BaseComp)) for above in piece.ancestors(one)):
                raise Refused(f"`{one.value}` is used in a function or a comprehension behind it")
            held = self.held[one.value]
            first, last = (offset - start for offset in piece.bounds(one))
            inner = held.text if isinstance(held.node, _ATOMS) else f"({held.text})"
            text = text[:first] + inner.replace("\n", f"\n{margin}") + text[last:]
            parts += held.parts
        if "#" in text:
            raise Refused("comments stand in what would move")
        return Held(text.replace(f"\n{margin}", "\n"), node, tuple(parts))

    def _branch(self, found: cst.If) -> bool:
        taken = self._decided(found.test)
        if taken:
            return self.follow(found.body.body)
        orelse = found.orelse
        if isinstance(orelse, cst.If):
            return self._branch(orelse)
        return self.follow(orelse.body.body) if orelse is not None else False

    def _decided(self, test: cst.BaseExpression) -> bool:
        own = self._constant(test)
        if own is not None:
            return own
        if any(isinstance(one, cst.Name) and one.value in self.held for one in nodes(test)):
            raise Refused(f"`{self._short(test)}` depends on what is computed behind it")
        known = seen(test, self.site)
        if known is None:
            raise Refused(f"it is not known whether `{self._short(test)}` holds")
        text = self._short(test)
        if known:
            text = f"not {text}" if isinstance(test, _ATOMS) else f"not ({text})"
        elif isinstance(test, cst.BooleanOperation) and not test.lpar:
            text = f"({text})"
        self.guards[text] = None
        return known

    def _constant(self, test: cst.BaseExpression) -> bool | None:
        if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
            inner = self._constant(test.expression)
            return None if inner is None else not inner
        if not isinstance(test, cst.Name):
            return None
        if test.value in self.held:
            return {"True": True, "False": False}.get(self.held[test.value].text)
        return self.constants.get(test.value)

    def _variable(self, name: cst.Name) -> bool:
        above = self.site.piece.parent(name)
        if isinstance(above, cst.Attribute):
            return above.value is name
        return not (isinstance(above, cst.Arg) and above.keyword is name)

    def _short(self, node: cst.CSTNode) -> str:
        return " ".join(self.site.piece.code(node).split())


def seen(test: cst.BaseExpression, site: Site) -> bool | None:
    """Whether a Python condition held at the place in the run; None where the run does not tell."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        inner = seen(test.expression, site)
        return None if inner is None else not inner
    if isinstance(test, cst.BooleanOperation):
        left, right = seen(test.left, site), seen(test.right, site)
        decides = isinstance(test.operator, cst.Or)
        if decides in (left, right):
            return decides
        return None if None in (left, right) else not decides
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        only = test.comparisons[0]
        value = site.values.get(dotted(test.left))
        if isinstance(only.comparator, cst.Name) and only.comparator.value == "None" and value is not None:
            if isinstance(only.operator, cst.Is) and value.kind != "unknown":
                return value.kind == "none"
            if isinstance(only.operator, cst.IsNot) and value.kind != "unknown":
                return value.kind != "none"
        return None
    value = site.values.get(dotted(test)) if isinstance(test, (cst.Name, cst.Attribute)) else None
    if value is None:
        return None
    if value.kind == "none":
        return False
    return {"True": True, "False": False}.get(value.text) if value.kind == "bool" else None

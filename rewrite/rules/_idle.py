"""Whether statements do nothing when what they select by holds nothing: no rows are read, none are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import libcst as cst

from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._names import bindings, nodes, reads
from g2.rewrite.rules._positions import taken
from g2.rewrite.rules._pure import Effects
from g2.rewrite.rules._qualified import functional
from g2.rewrite.source import Piece

_KEEPING = {"any", "bool", "squeeze", "unsqueeze", "view", "reshape", "flatten", "t"}
_BY_INDEX = {"index_add", "index_copy", "index_fill", "index_reduce"}


class Idle:
    """Reads a block in order. `empty`: whether an expression is a mask that then is nowhere true.

    positions, masks: names that then hold no positions, or a mask that is nowhere true.
    """

    def __init__(self, kinds: Kinds, empty: Callable[[cst.BaseExpression], bool]) -> None:
        self.kinds, self._empty = kinds, empty
        self.positions: set[str] = set()
        self.masks: set[str] = set()
        self.bound: list[cst.Name] = []

    @property
    def piece(self) -> Piece:
        return self.kinds.site.piece

    def why_not(self, body: Sequence[cst.BaseStatement], around: cst.CSTNode, rest: bool = True) -> str | None:
        """A clause that says what the statements do even so, or which of their names are read elsewhere. rest: nothing
        stands behind them that a `continue` among them would skip.
        """
        if not rest and any(isinstance(node, cst.Continue) for one in body for node in nodes(one)):
            return "a `continue` there skips what stands behind it"
        for statement in body:
            if said := self._statement(statement):
                return said
        return self._escapes(around)

    def _statement(self, statement: cst.BaseStatement) -> str | None:
        if isinstance(statement, cst.If):
            if said := self._computes(statement.test):
                return said
            blocks = [statement.body]
            if statement.orelse is not None:
                blocks.append(statement.orelse.body if isinstance(statement.orelse, cst.Else) else statement.body)
                if isinstance(statement.orelse, cst.If):
                    return f"`{self.piece.short(statement)}` has several ways"
            for block in blocks:
                for one in block.body:
                    said = self._statement(one) if isinstance(one, cst.BaseStatement) else "it is all on one line"
                    if said:
                        return said
            return None
        if not isinstance(statement, cst.SimpleStatementLine):
            return f"`{self.piece.short(statement)}` is more than a computation"
        for small in statement.body:
            if said := self._small(small):
                return said
        return None

    def _small(self, small: cst.BaseSmallStatement) -> str | None:
        match small:
            case cst.Pass() | cst.Continue() | cst.Expr(value=cst.SimpleString()):
                return None
            case cst.Expr(value=cst.Call() as call) if self._by_index(call, "_"):
                return self._computes(*(arg.value for arg in call.args))
            case cst.AugAssign(target=cst.Subscript() as target, value=value) if self._selects(target):
                return self._computes(value)
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Subscript() as target)], value=value):
                if self._selects(target):
                    return self._computes(value)
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as name)], value=cst.Call() as call):
                owner = call.func.value if isinstance(call.func, cst.Attribute) else None
                if isinstance(owner, cst.Name) and owner.value == name.value and self._by_index(call, ""):
                    return self._computes(*(arg.value for arg in call.args))
                if self._kept(name, call):
                    return self._computes(*(arg.value for arg in call.args))
                return self._bind([name], call)
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as name)], value=value):
                return self._bind([name], value)
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple() as several)], value=value):
                names = [one.value for one in several.elements]
                if all(isinstance(one, cst.Name) for one in names):
                    return self._bind([one for one in names if isinstance(one, cst.Name)], value)
            case _:
                pass
        return f"`{self.piece.short(small)}` does something even where nothing is selected"

    def _bind(self, names: list[cst.Name], value: cst.BaseExpression) -> str | None:
        held = {name.value for name in names}
        self.positions -= held
        self.masks -= held
        self.bound += names
        found = taken(self.kinds, value)
        if found is not None and self.empty(found):
            self.positions |= held
        elif self.empty(value):
            self.masks |= held
        return self._computes(value)

    def empty(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is a mask that is nowhere true then."""
        if (isinstance(node, cst.Name) and node.value in self.masks) or self._empty(node):
            return True
        match node:
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value=method))):
                return method in _KEEPING and self.empty(inner)
            case cst.Subscript(value=inner):
                return all(_widens(element.slice) for element in node.slice) and self.empty(inner)
            case cst.Comparison(left=left, comparisons=[cst.ComparisonTarget(operator=sign, comparator=right)]):
                zero = isinstance(right, cst.Integer) and right.value == "0"
                return zero and isinstance(sign, (cst.GreaterThan, cst.NotEqual)) and self.empty(left)
            case _:
                return False

    def _nothing(self, node: cst.BaseExpression) -> bool:
        """Whether an index selects nothing then."""
        if isinstance(node, cst.Name) and node.value in self.positions:
            return True
        found = taken(self.kinds, node)
        return self.empty(node) or (found is not None and self.empty(found))

    def _kept(self, name: cst.Name, call: cst.Call) -> bool:
        """Whether it is `x = torch.where(mask, ..., x)`."""
        if functional(self.kinds.site.source, call.func) != "where" or len(call.args) != 3:
            return False
        condition, _, other = (arg.value for arg in call.args)
        return isinstance(other, cst.Name) and other.value == name.value and self.empty(condition)

    def _selects(self, target: cst.Subscript) -> bool:
        return any(
            isinstance(element.slice, cst.Index) and element.slice.star is None and self._nothing(element.slice.value)
            for element in target.slice
        )

    def _by_index(self, call: cst.Call, ending: str) -> bool:
        """Whether it is `x.index_add_(0, positions, ...)` or its like, with the ending or without."""
        if not isinstance(call.func, cst.Attribute) or not call.func.attr.value.endswith(ending):
            return False
        method, arguments = call.func.attr.value.removesuffix(ending), [arg.value for arg in call.args]
        if any(arg.keyword is not None or arg.star for arg in call.args[:2]) or len(arguments) < 2:
            return False
        if method == "index_put" and isinstance(arguments[0], cst.Tuple):
            return any(self._nothing(element.value) for element in arguments[0].elements)
        return method in _BY_INDEX and self._nothing(arguments[1])

    def _computes(self, *parts: cst.BaseExpression) -> str | None:
        effects = Effects()
        for part in parts:
            effects.add(part, self.kinds)
        for clause in (*effects.never, *effects.raising):
            return clause
        return "it draws random numbers" if effects.draws else None

    def _escapes(self, around: cst.CSTNode) -> str | None:
        """Names that are read outside of the block in which they got their value first, or before they got it."""
        piece = self.piece
        inside = {id(name) for name in self.bound}
        for name in {name.value: name for name in reversed(self.bound)}.values():
            start = piece.bounds(name)[1]
            block = next((one for one in piece.ancestors(name) if isinstance(one, cst.IndentedBlock)), around)
            end = piece.bounds(block)[1]
            if any(not start <= piece.bounds(read)[0] < end for read in reads(piece, piece.module, name.value)):
                return f"`{name.value}` is read elsewhere too"
            if any(id(one) not in inside for one in bindings(piece, piece.module, name.value)):
                return f"`{name.value}` gets a value elsewhere too"
        return None


def _widens(part: cst.BaseSlice) -> bool:
    """`:`, `...` and `None` in an index."""
    if isinstance(part, cst.Slice):
        return part.lower is None and part.upper is None and part.step is None
    value = part.value if isinstance(part, cst.Index) else part
    return isinstance(value, cst.Ellipsis) or (isinstance(value, cst.Name) and value.value == "None")
